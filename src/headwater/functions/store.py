"""Functions, their versions, layers and code in the store.

What names code is stored in one commit with it, and every such commit moves a count. So code that
nobody names can be found and removed while others come: a removal holds only if the count still
stands where it stood before the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from headwater.functions.package import Package
from headwater.storage import function_keys, keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span

_CODE_COUNT: Final = keyspace.setting(keyspace.Setting.CODE_NAMED_COUNT)
_STEP_ENTRIES: Final = 100


class Conflict(Exception):
    """Another change came first: read again, then decide whether to try again."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit. expected: what must be stored under the key; value: what is to be; None: nothing.

    beside: what else is stored or, being None, removed. code: kept with it, under its digest.
    names_code: whether what is stored, or was, names code. unchanged: what must be stored under
    other keys.
    """

    key: bytes
    expected: bytes | None
    value: bytes | None
    beside: Mapping[bytes, bytes | None] = field(default_factory=dict)
    code: Package | None = None
    names_code: bool = True
    unchanged: Mapping[bytes, bytes | None] = field(default_factory=dict)

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.key, *self.unchanged, *([_CODE_COUNT] if self.names_code else ()))

    def run(self, view: View) -> None:
        """Raises Conflict."""
        expected = {**self.unchanged, self.key: self.expected}
        if any(view.get(key) != stored for key, stored in expected.items()):
            raise Conflict
        for key, value in {self.key: self.value, **self.beside}.items():
            if value is None:
                view.delete(key)
            else:
                view.put(key, value)
        if self.code is not None:
            view.put(function_keys.function_code(self.code.digest), self.code.content)
            view.put(function_keys.function_code_mark(self.code.digest), b"")
        if self.names_code:
            view.put(_CODE_COUNT, str(_count(view) + 1).encode())


@dataclass(frozen=True, slots=True)
class _RemoveCode:
    digests: Sequence[bytes]
    seen: int
    reads: Sequence[bytes] = (_CODE_COUNT,)

    def run(self, view: View) -> None:
        if _count(view) != self.seen:
            raise Conflict
        for digest in self.digests:
            view.delete(function_keys.function_code(digest))
            view.delete(function_keys.function_code_mark(digest))


class FunctionStore:
    """What the registries keep. Every change that returns is durable."""

    def __init__(self, engine: Engine, committer: Committer) -> None:
        self._engine = engine
        self._committer = committer

    async def get(self, key: bytes) -> bytes | None:
        (stored,) = await self._engine.get([key])
        return stored

    async def get_all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._engine.get(keys)

    async def commit(self, change: Change) -> None:
        """Raises Conflict if something else is stored than was expected."""
        await self._committer.submit(change)

    async def page(self, span: tuple[bytes, bytes], limit: int) -> list[tuple[bytes, bytes]]:
        """The first entries of a span."""
        return await self._engine.scan(Span(*span, limit))

    async def every(self, span: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """All entries of a span."""
        found: list[tuple[bytes, bytes]] = []
        start, stop = span
        while rows := await self._engine.scan(Span(start, stop, _STEP_ENTRIES)):
            found += rows
            start = rows[-1][0] + b"\x00"
        return found

    async def code(self, digest: bytes) -> bytes | None:
        """A zip by its digest, or None."""
        return await self.get(function_keys.function_code(digest))

    async def code_digests(self) -> list[bytes]:
        """The digests of all zips that are kept."""
        marks = await self.every(function_keys.function_code_marks_span())
        return [function_keys.digest_of_code_mark(key) for key, _ in marks]

    async def code_count(self) -> int:
        """Moves whenever something that names code is stored."""
        stored = await self.get(_CODE_COUNT)
        return 0 if stored is None else int(stored)

    async def remove_code(self, digests: Sequence[bytes], seen: int) -> None:
        """Remove zips. seen: the count before they were chosen; Conflict if it has moved."""
        await self._committer.submit(_RemoveCode(digests, seen))


def _count(view: View) -> int:
    stored = view.get(_CODE_COUNT)
    return 0 if stored is None else int(stored)
