"""The ordered map in memory, for tests and `--memory` servers: durable until the process ends.

Keys stand in one sorted list beside a dict. Inserting moves the list's tail, which is quick up to
some hundred thousand keys; larger data belongs in a file.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from headwater.storage.board import OwnCounter
from headwater.storage.engine import CommitGroup, Span, Unavailable


class MemoryEngine:
    """Keeps every promise of `Engine` but outliving the process."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._commits = OwnCounter()
        self._is_closed = False

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self._check_open()
        return [self._values.get(key) for key in keys]

    async def scan(self, span: Span) -> list[tuple[bytes, bytes]]:
        self._check_open()
        first, last = bisect_left(self._keys, span.start), bisect_left(self._keys, span.stop)
        found: list[tuple[bytes, bytes]] = []
        size = 0
        for index in range(last - 1, first - 1, -1) if span.reverse else range(first, last):
            if len(found) == span.limit:
                break
            key = self._keys[index]
            value = self._values[key]
            found.append((key, value))
            size += len(key) + len(value)
            if span.bytes_max is not None and size >= span.bytes_max:
                break
        return found

    async def commit(self, group: CommitGroup) -> None:
        self._check_open()
        loaded = {key: self._values.get(key) for key in (*group.locks, *group.reads)}
        for key, value in group.apply(loaded).items():
            self._store(key, value)
        self._commits.count()

    def state(self) -> object:
        return self._commits.state()

    async def close(self) -> None:
        self._is_closed = True

    def _store(self, key: bytes, value: bytes | None) -> None:
        if value is not None:
            if key not in self._values:
                insort(self._keys, key)
            self._values[key] = value
        elif self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("the store is closed")
