"""Objects put so that each change is in exactly one of them, whatever crashes in between.

A batch becomes one object for each of its parts, named by the batch. A batch that comes again gets
the same names; but it may have become shorter or longer, and so lack a part it had. What a batch is
about to write is therefore noted first, and what is noted and not written any more is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.location import Location
from headwater.sinks.notes import Notes
from headwater.storage.objects import ObjectsFailed, ObjectStore

_NOTHING: Final = b"{}"
# Of the codes of S3: trying again helps only once somebody has changed something.
_HOPELESS: Final = frozenset(
    {
        "S3AccessDenied",
        "S3InvalidAccessKeyId",
        "S3InvalidBucketName",
        "S3InvalidKey",
        "S3NoSuchBucket",
        "S3SignatureDoesNotMatch",
    }
)


@dataclass(slots=True)
class _Intent:
    """The objects of an origin's latest batch of several. number: of the batch."""

    number: int = -1
    names: Sequence[str] = field(default_factory=list)


class Placing:
    """Of one round of a sink. origins: what they are called in the names of notes."""

    def __init__(self, store: ObjectStore, location: Location, notes: Notes, round_: int) -> None:
        self._store = store
        self._location = location
        self._notes = notes
        self._round = round_
        self._intents: dict[str, _Intent] = {}

    async def put(self, origin: str, number: int, objects: Mapping[str, bytes]) -> None:
        """Store the objects of a batch, by their names. Raises SinkUnavailable or SinkBroken."""
        before = await self._intent(origin)
        stale = [name for name in before.names if before.number == number and name not in objects]
        if len(objects) > 1 or stale:
            await self._note(origin, _Intent(number, [*objects, *stale]))
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, body in objects.items():
                    tasks.create_task(self._store.put(self._location.place(name), body))
                for name in stale:
                    tasks.create_task(self._store.delete(self._location.place(name)))
        except* ObjectsFailed as failures:
            raise _failure(failures) from failures

    async def _intent(self, origin: str) -> _Intent:
        found = self._intents.get(origin)
        if found is None:
            stored = await self._notes.get(self._name(origin))
            found = _Intent(**orjson.loads(stored or _NOTHING))
            self._intents[origin] = found
        return found

    async def _note(self, origin: str, intent: _Intent) -> None:
        noted = {"number": intent.number, "names": intent.names}
        if self._intents[origin] != intent:
            await self._notes.put(self._name(origin), orjson.dumps(noted))
            self._intents[origin] = intent

    def _name(self, origin: str) -> str:
        return f"placing/{self._round}/{origin}"


def _failure(failures: ExceptionGroup[ObjectsFailed]) -> SinkUnavailable | SinkBroken:
    first = failures.exceptions[0]
    assert isinstance(first, ObjectsFailed), "tasks raise nothing else here, in no groups"
    return SinkBroken(str(first)) if first.code in _HOPELESS else SinkUnavailable(str(first))
