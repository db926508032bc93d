"""Wake-ups passed on between the processes of one store.

Each process has a socket for datagrams on which the others tell it what topics they have woken.
What one process tells within a millisecond goes together, so that many small commits cost their
neighbours little. A socket that is full is tried again soon, with what has come up meanwhile; so
much that it is no use to tell one by one becomes "everything". Any of it may be lost: a wake-up is
a hint.

    datagram = topic*        topic = length (2 bytes, big-endian) bytes; an empty one is everything
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from headwater.storage.committer import Wakeups

_TOGETHER_SECONDS: Final = 0.001
_AGAIN_SECONDS: Final = 0.01
_DATAGRAM_BYTES_MAX: Final = 1800  # what every system takes
_TOPICS_MAX: Final = 200
_READS_MAX: Final = 64  # in one turn of the loop
_EVERYTHING: Final = b""


class Relay:
    """One process's end; `run` it in a task group of a loop, until cancelled."""

    def __init__(
        self, wakeups: Wakeups, own: socket.socket, others: Sequence[socket.socket]
    ) -> None:
        """own: where the others' wake-ups arrive. others: how to reach each of them."""
        self._wakeups = wakeups
        self._own = own
        self._others = [_Other(each) for each in others]
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        for each in (own, *others):
            each.settimeout(0)

    async def run(self) -> None:
        """Take and pass on wake-ups until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._own.fileno(), self._take)
        self._wakeups.pass_on = self._pass_on
        try:
            await loop.create_future()
        finally:
            self._wakeups.pass_on = None
            loop.remove_reader(self._own.fileno())
            if self._timer is not None:
                self._timer.cancel()

    def _pass_on(self, topics: AbstractSet[bytes]) -> None:
        for other in self._others:
            other.note(topics)
        if self._timer is None:
            wait = self._told_at + _TOGETHER_SECONDS - asyncio.get_running_loop().time()
            if wait <= 0:
                self._tell()
            else:
                self._tell_later(wait)

    def _tell(self) -> None:
        self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        told = [other.is_told() for other in self._others]
        if not all(told):
            self._tell_later(_AGAIN_SECONDS)

    def _tell_later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tell)

    def _take(self) -> None:
        topics: set[bytes] = set()
        for _ in range(_READS_MAX):
            try:
                datagram = self._own.recv(65_536)
            except OSError:  # nothing more, for now
                break
            topics.update(unpacked(datagram))
        if _EVERYTHING in topics:
            self._wakeups.wake_everybody()
        else:
            self._wakeups.wake_here(topics)


class _Other:
    """What another process is still to be told."""

    def __init__(self, address: socket.socket) -> None:
        self._socket = address
        self._topics: set[bytes] = set()

    def note(self, topics: AbstractSet[bytes]) -> None:
        self._topics |= topics
        if len(self._topics) > _TOPICS_MAX:
            self._topics = {_EVERYTHING}

    def is_told(self) -> bool:
        """Tell all; what cannot be told now is left for another time."""
        try:
            for datagram in packed(self._topics):
                self._socket.send(datagram)
        except OSError:  # full, or nobody is there just now
            return False
        self._topics.clear()
        return True


def packed(topics: AbstractSet[bytes]) -> Iterator[bytes]:
    """Topics as datagrams."""
    datagram = bytearray()
    for topic in topics:
        if datagram and len(datagram) + 2 + len(topic) > _DATAGRAM_BYTES_MAX:
            yield bytes(datagram)
            datagram.clear()
        datagram += len(topic).to_bytes(2, "big") + topic
    if datagram:
        yield bytes(datagram)


def unpacked(datagram: bytes) -> Iterator[bytes]:
    """The topics of a datagram."""
    at = 0
    while at < len(datagram):
        stop = at + 2 + int.from_bytes(datagram[at : at + 2], "big")
        yield datagram[at + 2 : stop]
        at = stop


def everything() -> bytes:
    """The datagram that wakes everybody."""
    (datagram,) = packed({_EVERYTHING})
    return datagram
