"""Random fates of a lane's records, against a reference that keeps only a list and a few counts.

The lane and its policy run as the reader runs them; outcomes, time, ages and crashes are drawn. The
reference knows nothing of parts: it counts, for the record at the front, the failures that AWS
would count, and holds every step against what may happen to that record.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.consumers.delivery import (
    Batch,
    Delivered,
    Failed,
    Outcome,
    Partly,
    Reason,
    Throttled,
)
from headwater.consumers.lane import Lane, Reach
from headwater.consumers.policy import Deliver, GiveUp, PolicySettings, Wait
from headwater.consumers.window import Windows
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType
from tests.destinations import settings as policy_settings

NOW = 1_700_000_000.0
SHARD = ShardId(f"shardId-{0:020d}-00000000")
TABLE = TableId("00000000-0000-0000-0000-000000000001")
STREAM = Stream("r", "t", TABLE, "l", ViewType.NEW_IMAGE, StreamStatus.ENABLED, ("k",), 0.0)
IMAGE = Image(b'{"k":{"S":"a"}}', 2)
NO_WINDOWS = Windows()
# What happens next, and how often.
FATES = {
    "record": 30,
    "partial": 20,
    "success": 15,
    "exception": 15,
    "throttle": 8,
    "time-out": 5,
    "late": 4,
    "crash": 3,
}
STEPS_MAX = 4000


@dataclass
class Reference:
    """What has become of the records 1..n, all of which share a lane."""

    chosen: PolicySettings
    behind: int = 0
    failures: int = 0
    last_tried: int = 0
    delivered: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def check_batch(self, numbers: list[int]) -> None:
        """A batch begins right behind what is done, in order and without a gap."""
        assert numbers == list(range(self.behind + 1, self.behind + 1 + len(numbers)))
        assert 1 <= len(numbers) <= self.chosen.batch_records_max
        if self.chosen.retries_max is not None:
            assert self.failures <= self.chosen.retries_max, "tried more often than allowed"

    def take(self, numbers: list[int], outcome: Outcome) -> None:
        bisecting = self.chosen.is_bisecting
        self.last_tried = numbers[-1]
        match outcome:
            case Delivered():
                self._pass(numbers, self.delivered)
            case Partly(count):
                self._pass(numbers[:count], self.delivered)
                self.failures = 0 if bisecting else 1
            case Failed():
                if not (bisecting and len(numbers) > 1):
                    self.failures += 1
            case _:
                pass

    def give_up(self, numbers: list[int], reason: Reason, ages: list[float]) -> None:
        assert numbers[0] == self.behind + 1
        if reason is Reason.RETRIES:
            assert self.chosen.retries_max is not None
            assert self.failures == self.chosen.retries_max + 1
            self._pass(numbers, self.given_up)
        else:
            assert all(age > self.chosen.age_seconds_max for age in ages)
            before = self.failures
            self._pass(numbers, self.given_up)
            if self.behind < self.last_tried:  # the rest of what was tried together
                self.failures = before

    def _pass(self, numbers: list[int], to: list[int]) -> None:
        to.extend(numbers)
        self.behind = numbers[-1]
        self.failures = 0


@dataclass
class World:
    chosen: PolicySettings
    luck: random.Random
    now: float = NOW
    written: list[Stored] = field(default_factory=list)
    is_closed: bool = False

    def __post_init__(self) -> None:
        self.reference = Reference(self.chosen)
        self.lane = self.fresh()

    def fresh(self) -> Lane:
        """The lane after a crash: all that is not behind it is gathered anew."""
        lane = Lane(self.chosen, len, NO_WINDOWS)
        for stored in self.written[self.reference.behind :]:
            lane.add(stored, self.now)
        self.reference.failures = self.reference.last_tried = 0
        return lane

    def write(self) -> None:
        number = SequenceNumber(len(self.written) + 1)
        entry = inserted(number, self.now)
        self.written.append(Stored(number, entry))
        self.lane.add(self.written[-1], self.now)

    def live(self, fates: list[str]) -> None:
        for fate in fates:
            self.step(fate)
        self.is_closed = True
        for _ in range(STEPS_MAX):
            if self.lane.is_done:
                return
            self.step("success")
        raise AssertionError("the lane never came to its end")

    def step(self, fate: str) -> None:
        if fate == "record":
            for _ in range(self.luck.randrange(1, 8)):
                self.write()
            return
        if fate == "late":
            self.now += self.luck.uniform(0, 90)
        match self.lane.step(Reach(self.is_closed, is_stalled=False), self.now):
            case Wait(until):
                self.now = max(self.now, until or 0)
            case Deliver(count):
                self.deliver(self.batch(count), fate)
            case GiveUp(count, reason):
                batch = self.batch(count)
                ages = [
                    self.now - int.from_bytes(e.entry[3:11], "big") / 1e6 for e in batch.entries
                ]
                self.reference.give_up([e.number for e in batch.entries], reason, ages)
                self.lane.give_up(batch)

    def batch(self, count: int) -> Batch:
        return self.lane.batch(STREAM, SHARD, count)

    def deliver(self, batch: Batch, fate: str) -> None:
        numbers: list[int] = [stored.number for stored in batch.entries]
        self.reference.check_batch(numbers)
        if fate == "crash":
            self.lane = self.fresh()
            return
        outcome = self.outcome(fate, len(numbers))
        self.reference.take(numbers, outcome)
        self.lane.settle(batch, outcome, self.now)
        assert self.lane.first in (None, self.reference.behind + 1)

    def outcome(self, fate: str, count: int) -> Outcome:
        if fate in ("exception", "time-out"):
            return Failed(fate)
        if fate == "throttle":
            return Throttled(fate)
        if fate == "partial":
            done = self.luck.randrange(count)
            return Partly(done, fate) if done else Failed(fate)
        return Delivered()


@settings(max_examples=300)
@given(seed=st.integers(0))
def test_every_record_is_delivered_or_given_up_in_order_after_its_retries(seed: int) -> None:
    luck = random.Random(seed)
    chosen = policy_settings(
        retries_max=luck.choice([None, 0, 1, 3]),
        batch_records_max=luck.choice([1, 2, 5, 9]),
        is_bisecting=luck.choice([False, True]),
        age_seconds_max=luck.choice([60.0, 3600.0]),
    )
    world = World(chosen, luck)

    world.live(luck.choices(list(FATES), list(FATES.values()), k=150))

    reference = world.reference
    fates = sorted(reference.delivered + reference.given_up)
    assert fates == list(range(1, len(world.written) + 1))
    assert reference.delivered == sorted(reference.delivered)


def inserted(number: SequenceNumber, now: float) -> bytes:
    place = Place(number, int(now * 1e6), STREAM.view)
    return encode(Entry(Kind.INSERT, 0, IMAGE, IMAGE, NO_IMAGE), place)


@given(poisoned=st.sets(st.integers(1, 32)), retries_max=st.integers(0, 4))
def test_bisecting_gives_up_the_failing_records_alone(poisoned: set[int], retries_max: int) -> None:
    """Each failing record is delivered alone once more than retries allow; no other is lost."""
    chosen = policy_settings(retries_max=retries_max, is_bisecting=True)
    lane, now = Lane(chosen, len, NO_WINDOWS), NOW
    for number in map(SequenceNumber, range(1, 33)):
        lane.add(Stored(number, inserted(number, now)), now)
    alone: dict[int, int] = {}
    given_up: set[int] = set()

    while not lane.is_done:
        match lane.step(Reach(is_last=True, is_stalled=False), now):
            case Wait(until):
                assert until is not None
                now = until
            case Deliver(count):
                batch = lane.batch(STREAM, SHARD, count)
                numbers = [stored.number for stored in batch.entries]
                if count == 1:
                    alone[numbers[0]] = alone.get(numbers[0], 0) + 1
                fails = not poisoned.isdisjoint(numbers)
                lane.settle(batch, Failed("x") if fails else Delivered(), now)
            case GiveUp(count, _):
                batch = lane.batch(STREAM, SHARD, count)
                given_up.update(stored.number for stored in batch.entries)
                lane.give_up(batch)

    assert given_up == poisoned
    assert all(alone[number] == retries_max + 1 for number in poisoned)
