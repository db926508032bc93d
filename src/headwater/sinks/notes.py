"""What a writer keeps in the store for its sink: small values by name, until the sink is deleted.

For what must survive a restart and cannot be kept at the destination: a schema, what is being
written. Names of a round do not survive it; give them the round if they belong to one.
"""

from __future__ import annotations

from headwater.sinks import sink as sinks
from headwater.sinks.sink import Sink
from headwater.storage import delivery_keys
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine


class Notes:
    """Of one sink. Raises Unavailable where the store cannot serve."""

    def __init__(self, engine: Engine, committer: Committer, sink: Sink) -> None:
        self._engine = engine
        self._committer = committer
        self._sink = sink

    async def get(self, name: str) -> bytes | None:
        (stored,) = await self._engine.get([self._key(name)])
        return stored

    async def put(self, name: str, value: bytes) -> None:
        """Keep a value, as long as the sink is there; durable when this returns."""
        await self._committer.submit(_Put(self._sink, self._key(name), value))

    async def swap(self, name: str, before: bytes | None, after: bytes) -> bool:
        """Keep a value in the place of one; returns whether that was still the one kept."""
        return await self._committer.submit(_Swap(self._sink, self._key(name), (before, after)))

    def _key(self, name: str) -> bytes:
        return delivery_keys.sink_note(self._sink.sink_id, name)


class _Put:
    def __init__(self, sink: Sink, key: bytes, value: bytes) -> None:
        self._sink = sink
        self.reads = (sink.key,)
        self._key = key
        self._value = value

    def run(self, view: View) -> None:
        if sinks.stored(view, self._sink) is not None:
            view.put(self._key, self._value)


class _Swap:
    def __init__(self, sink: Sink, key: bytes, values: tuple[bytes | None, bytes]) -> None:
        """values: what must be kept, and what is to be."""
        self._sink = sink
        self.reads = (sink.key, key)
        self._key = key
        self._before, self._after = values

    def run(self, view: View) -> bool:
        if view.get(self._key) != self._before:
            return False
        if sinks.stored(view, self._sink) is not None:
            view.put(self._key, self._after)
        return True
