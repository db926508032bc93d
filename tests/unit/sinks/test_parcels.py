from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from headwater.sinks.change import Change, Event, plain
from headwater.sinks.kind import BACKFILL, ChangeBatch, Rejected, SinkUnavailable
from headwater.sinks.parcels import ParcelRefused, Parcels, Way
from tests.sink_store import MemoryNotes
from tests.sink_writing import sink_of

SINK = sink_of("webhook", {})


class Killed(BaseException):
    """The process."""


@dataclass
class Place:
    """Takes parcels. trouble: what happens in turn, before or after it has taken one."""

    is_one_by_one: bool = True
    notes: MemoryNotes = field(default_factory=MemoryNotes)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    trouble: list[BaseException | None] = field(default_factory=list)

    async def deliver(self, *changes: Change, origin: str = "shard") -> Sequence[Rejected]:
        """As a process does that has just started."""

        async def pack(key: str, packed: Sequence[Change]) -> bytes:
            del key
            return b" ".join(change.id.encode() for change in packed)

        way = Way(pack, self._send, self.is_one_by_one)
        batch = ChangeBatch(origin, changes[0].version, changes)
        return await Parcels(self.notes, SINK, way).deliver(batch)  # type: ignore[arg-type]

    async def _send(self, key: str, body: bytes) -> None:
        self.sent.append((key, body))
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is not None:
            raise trouble
        if b"bad" in body:
            raise ParcelRefused("bad")

    @property
    def bodies(self) -> list[str]:
        return [body.decode() for _, body in self.sent]


def change(number: int, name: str = "c", event: Event = Event.MODIFY) -> Change:
    new = {"k": {"S": name}}
    return Change(event, f"{name}{number}", number, number, new, new, None, False, plain(new))


def some(first: int, last: int) -> list[Change]:
    return [change(number) for number in range(first, last + 1)]


def in_place(body: Callable[[Place], Awaitable[None]], *, is_one_by_one: bool = True) -> None:
    async def main() -> None:
        await body(Place(is_one_by_one))

    asyncio.run(main())


def test_batches_are_sent_once_each_under_keys_of_their_own() -> None:
    async def body(place: Place) -> None:
        await place.deliver(*some(1, 2))
        await place.deliver(*some(3, 3))

        assert place.bodies == ["c1 c2", "c3"]
        assert len({key for key, _ in place.sent}) == 2

    in_place(body)


@pytest.mark.parametrize("again", [1, 2, 3, 4, 5])
def test_what_was_being_sent_at_a_crash_is_sent_again_as_it_was(again: int) -> None:
    """However many changes the batch has when it comes again."""

    async def body(place: Place) -> None:
        place.trouble = [Killed()]
        with pytest.raises(Killed):
            await place.deliver(*some(1, 3))

        await place.deliver(*some(1, again))
        if again < 5:
            await place.deliver(*some(again + 1, 5))

        assert place.sent[0] == place.sent[1]
        assert place.bodies[1:] in (["c1 c2 c3", "c4 c5"], ["c1 c2 c3", "c4", "c5"])

    in_place(body)


def test_what_was_taken_before_a_crash_is_not_sent_again() -> None:
    """The position was not stored yet."""

    async def body(place: Place) -> None:
        await place.deliver(*some(1, 3))
        await place.deliver(*some(1, 5))

        assert place.bodies == ["c1 c2 c3", "c4 c5"]

    in_place(body)


def test_what_cannot_be_sent_now_is_sent_later_under_the_same_key() -> None:
    async def body(place: Place) -> None:
        place.trouble = [SinkUnavailable("busy")]
        with pytest.raises(SinkUnavailable):
            await place.deliver(*some(1, 2))
        await place.deliver(*some(1, 2))

        assert place.sent[0] == place.sent[1]

    in_place(body)


def test_of_a_refused_parcel_only_the_changes_that_are_refused_alone_are_rejected() -> None:
    async def body(place: Place) -> None:
        rejected = await place.deliver(change(1), change(2, "bad"), change(3))

        assert rejected == [Rejected(1, "bad")]
        assert place.bodies == ["c1 bad2 c3", "c1", "bad2", "c3"]
        assert [key for key, _ in place.sent[1:]] == ["c1", "bad2", "c3"]

    in_place(body)


def test_refused_changes_are_sent_one_by_one_after_a_crash_too() -> None:
    async def body(place: Place) -> None:
        place.trouble = [None, None, Killed()]
        changes = [change(1), change(2, "bad"), change(3)]
        with pytest.raises(Killed):
            await place.deliver(*changes)
        rejected = await place.deliver(*changes, change(4))

        assert rejected == [Rejected(1, "bad")]
        assert place.bodies[3:] == ["c1", "bad2", "c3", "c4"]

    in_place(body)


def test_a_place_may_refuse_parcels_as_a_whole() -> None:
    async def body(place: Place) -> None:
        rejected = await place.deliver(change(1), change(2, "bad"))

        assert rejected == [Rejected(0, "bad"), Rejected(1, "bad")]
        assert len(place.sent) == 1

    in_place(body, is_one_by_one=False)


def test_items_have_the_same_key_while_they_are_the_same() -> None:
    async def body(place: Place) -> None:
        first = [change(1, "a", Event.SNAPSHOT), change(1, "b", Event.SNAPSHOT)]
        later = [change(9, "a", Event.SNAPSHOT), change(9, "b", Event.SNAPSHOT)]
        await place.deliver(*first, origin=BACKFILL)
        await place.deliver(*later, origin=BACKFILL)
        await place.deliver(*later[:1], origin=BACKFILL)

        keys = [key for key, _ in place.sent]
        assert keys[0] == keys[1] != keys[2]

    in_place(body)
