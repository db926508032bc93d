"""The waist of the system: an ordered map of bytes, loaded and committed in groups.

An engine keeps keys in byte order and knows nothing of items, indexes or streams. What it promises:

- *Reads see committed state*: `get` and `scan` return what some commit left, never part of one.
- *A commit is all or nothing and durable*: when `commit` returns, its mutations survive a crash of
  the process and, unless told to be relaxed, of the machine; when it raises, none of them happened.
- *Commits are serial for what they name*: between loading `locks` and `reads` and committing, no
  other commit changes them. Whoever takes a number from a locked key and stores its successor
  therefore numbers in commit order.
- *`apply` is called with everything named and may be called again* after a conflict; only the last
  call's mutations count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Loaded = Mapping[bytes, bytes | None]
Mutations = Mapping[bytes, bytes | None]


class Unavailable(Exception):
    """The store cannot serve now (full disk, input or output error, closed).

    Nothing was changed. Trying again helps only once the cause is gone.
    """


class StoreInUse(Exception):
    """Another process holds the store."""


@dataclass(frozen=True, slots=True)
class Span:
    """Keys from `start` (inclusive) to `stop` (exclusive), in order or reversed, and how many.

    limit: entries at most. bytes_max: stop after the entry with which keys and values reach this
    many bytes, so that a page of big values stays bounded; None is no such bound.
    """

    start: bytes
    stop: bytes
    limit: int
    reverse: bool = False
    bytes_max: int | None = None


@dataclass(frozen=True, slots=True)
class CommitGroup:
    """One durable commit.

    locks: keys to hold from load to commit, besides those read. reads: keys to load.
    apply: given the value (or None) of every key of both, returns what to store; None deletes.
    """

    locks: Sequence[bytes]
    reads: Sequence[bytes]
    apply: Callable[[Loaded], Mutations]


class Engine(Protocol):
    """An ordered map of bytes; see the module for what every engine promises."""

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The value of each key, in the order asked, or None.

        Raises Unavailable.
        """

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        """The entries of a span.

        Raises Unavailable.
        """

    async def commit(self, group: CommitGroup) -> None:
        """Load, apply, store and commit, durably.

        Raises Unavailable, and whatever `apply` raises; nothing is stored then.
        """

    def state(self) -> object:
        """Compared with one from before, it says whether anything has been committed since.

        A commit counts once it can be read by all, at the latest when it is acknowledged.
        """

    async def close(self) -> None:
        """Give up the store; calls after this raise Unavailable."""
