"""Functions and their code in the store, for the registry."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.functions.registry import Conflict
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span


class _Put:
    """Work: replace the expected bytes by others, or nothing."""

    def __init__(self, key: bytes, value: bytes | None, expected: bytes | None) -> None:
        self.reads: Sequence[bytes] = [key]
        self._key = key
        self._value = value
        self._expected = expected

    def run(self, view: View) -> None:
        if view.get(self._key) != self._expected:
            raise Conflict
        if self._value is None:
            view.delete(self._key)
        else:
            view.put(self._key, self._value)


class _PutCode:
    """Work: keep a zip; one digest always has one content, so nothing need be compared."""

    def __init__(self, key: bytes, content: bytes) -> None:
        self.reads: Sequence[bytes] = ()
        self._key = key
        self._content = content

    def run(self, view: View) -> None:
        view.put(self._key, self._content)


class EngineFunctionStore:
    """`FunctionStore` over a storage engine."""

    def __init__(self, engine: Engine, committer: Committer) -> None:
        self._engine = engine
        self._committer = committer

    async def get(self, region: str, name: str) -> bytes | None:
        (stored,) = await self._engine.get([keyspace.function(region, name)])
        return stored

    async def put(
        self, region: str, name: str, value: bytes | None, expected: bytes | None
    ) -> None:
        await self._committer.submit(_Put(keyspace.function(region, name), value, expected))

    async def scan(self, region: str, start_after: str, limit: int) -> list[tuple[str, bytes]]:
        start, stop = keyspace.functions_span(region, start_after)
        rows = await self._engine.scan(Span(start, stop, limit))
        return [(key.rpartition(keyspace.SEPARATOR)[2].decode(), value) for key, value in rows]

    async def put_code(self, sha: str, content: bytes) -> None:
        key = keyspace.function_code(bytes.fromhex(sha))
        await self._committer.submit(_PutCode(key, content))

    async def get_code(self, sha: str) -> bytes | None:
        (content,) = await self._engine.get([keyspace.function_code(bytes.fromhex(sha))])
        return content
