"""What a writer keeps in the store for its sink: small values by name, until the sink is deleted.

For what must survive a restart and cannot be kept at the destination: a schema, what is being
written. Names of a round do not survive it; give them the round if they belong to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headwater.sinks import sink as sinks
from headwater.sinks.sink import Sink
from headwater.storage import delivery_keys
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine

Values = Mapping[str, bytes | None]
"""Values by name; None is no value."""


class Notes:
    """Of one sink. Raises Unavailable where the store cannot serve."""

    def __init__(self, engine: Engine, committer: Committer, sink: Sink) -> None:
        self._engine = engine
        self._committer = committer
        self._sink = sink

    async def get(self, name: str) -> bytes | None:
        return (await self.get_all([name]))[name]

    async def get_all(self, names: Sequence[str]) -> Values:
        stored = await self._engine.get([_key(self._sink, name) for name in names])
        return dict(zip(names, stored, strict=True))

    async def put(self, name: str, value: bytes) -> None:
        """Keep a value, as long as the sink is there; durable when this returns."""
        await self._committer.submit(Swap(self._sink, {}, {name: value}))

    async def swap(self, before: Values, after: Values) -> bool:
        """Keep values in the place of those before; returns whether these were still kept."""
        return await self._committer.submit(self.swapping(before, after))

    def swapping(self, before: Values, after: Values) -> Swap:
        """What `swap` does, as work; for whoever changes something else in the same commit."""
        return Swap(self._sink, before, after)


class Swap:
    """Work that results in whether what was to be before was there; of a gone sink nothing is."""

    def __init__(self, sink: Sink, before: Values, after: Values) -> None:
        self._sink = sink
        self._before = {_key(sink, name): value for name, value in before.items()}
        self._after = {_key(sink, name): value for name, value in after.items()}
        self.reads = [sink.key, *self._before]

    def run(self, view: View) -> bool:
        if sinks.stored(view, self._sink) is None:
            return False
        if any(view.get(key) != value for key, value in self._before.items()):
            return False
        for key, value in self._after.items():
            if value is None:
                view.delete(key)
            else:
                view.put(key, value)
        return True


def _key(sink: Sink, name: str) -> bytes:
    return delivery_keys.sink_note(sink.sink_id, name)
