"""How much of something is under way at once, by name, in all processes of one store together.

Counted in memory that they share: for each name a row with a number for each process, which alone
writes it. Beginning is counting under a lock of the operating system, held for some microseconds,
so a limit holds exactly: nobody passes it, and nobody is refused while there is room. Ending takes
no lock. A process that dies takes its lock and, once it is buried (`forget_place`), its numbers
with it.

    memory = name{ROWS} row{ROWS}        name = 16 bytes of BLAKE2b        row = number{places}

A name has a row while something of it is under way, near the place that its hash gives; a row
without any is free. Knows nothing of what is counted.
"""

from __future__ import annotations

import asyncio
import fcntl
import mmap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final, Protocol, TypeAlias

_ROWS: Final = 2048
_NEAR: Final = 64  # rows that may be a name's
_NAME_BYTES: Final = 16
_NUMBER_BYTES: Final = 8
_AGAIN_SECONDS: Final = 0.001

End: TypeAlias = Callable[[], None]
"""Says that what was begun is over. To be called once."""


class Tally(Protocol):
    """Counts what is under way."""

    async def begin(self, name: str, most: int) -> End | None:
        """Count one more by this name, unless as many as may be are under way already.

        None, too, where more names are under way than there is room for.
        """


class OwnTally:
    """That of a process that has its store to itself."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    async def begin(self, name: str, most: int) -> End | None:
        if self._under_way[name] >= most:
            return None
        self._under_way[name] += 1
        return lambda: self._end(name)

    def _end(self, name: str) -> None:
        self._under_way[name] -= 1
        if not self._under_way[name]:
            del self._under_way[name]


class SharedTally:
    """That of one of several processes, at a place of its own."""

    def __init__(self, descriptor: int, first_byte: int, places: int, place: int) -> None:
        """descriptor: of a file in memory that has `tally_bytes` from its first byte on."""
        stop = first_byte + tally_bytes(places)
        self._descriptor = descriptor
        memory = memoryview(mmap.mmap(descriptor, stop))
        self._names = memory[first_byte : first_byte + _ROWS * _NAME_BYTES]
        self._numbers = memory[first_byte + _ROWS * _NAME_BYTES : stop].cast("Q")
        self._places = places
        self._place = place

    async def begin(self, name: str, most: int) -> End | None:
        digest = blake2b(name.encode(), digest_size=_NAME_BYTES).digest()
        while True:
            with self._locked() as is_locked:
                if is_locked:
                    return self._begin(digest, most)
            # Somebody is at it, for a moment; or stands still, until the supervisor ends it.
            await asyncio.sleep(_AGAIN_SECONDS)

    def forget_place(self, place: int) -> None:
        """Count off whatever a process that is dead had under way."""
        for index in range(place, _ROWS * self._places, self._places):
            self._numbers[index] = 0

    def _begin(self, digest: bytes, most: int) -> End | None:
        row = self._row_of(digest)
        if row is None or sum(self._row(row)) >= most:
            return None
        own = row * self._places + self._place
        self._numbers[own] += 1
        return lambda: self._end(own)

    def _end(self, own: int) -> None:
        self._numbers[own] -= 1

    def _row_of(self, digest: bytes) -> int | None:
        """The row of a name, or one that it can have from now on; None if there is none."""
        first = int.from_bytes(digest[:4]) % (_ROWS - _NEAR)
        near = bytes(self._names[first * _NAME_BYTES : (first + _NEAR) * _NAME_BYTES])
        at = near.find(digest)
        while at > 0 and at % _NAME_BYTES:  # across two names
            at = near.find(digest, at + 1)
        if at >= 0:
            return first + at // _NAME_BYTES
        for row in range(first, first + _NEAR):
            if not any(self._row(row)):
                self._names[row * _NAME_BYTES : (row + 1) * _NAME_BYTES] = digest
                return row
        return None

    def _row(self, row: int) -> list[int]:
        return self._numbers[row * self._places : (row + 1) * self._places].tolist()

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Whether no other process is within the body; it does not wait."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # which of them is the system's choice
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)


def tally_bytes(places: int) -> int:
    """The memory of a tally for so many processes."""
    return _ROWS * (_NAME_BYTES + places * _NUMBER_BYTES)
