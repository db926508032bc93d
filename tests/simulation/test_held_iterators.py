"""Iterators of every type, held across writes, splits, rollovers, trims, passing time and restarts.

A plain model knows every record and what has been trimmed, and says of each iterator what it must
give whenever it is used: which records, an error, and whether another follows. Seeded; a failure
names its seed, which repeats it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from headwater.lab.streams import StreamStore, expire_iterators, trim
from headwater.storage.keyspace import ShardId
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.streams.shard import sequence_text
from headwater.tables.schema import Table
from tests.logged_store import LoggedStore, open_shards
from tests.unit.api.stream_client import DAY, Client, arn, numbers

STEPS = 250
KEYS = 5
MINUTE = 60.0
ITERATOR_SECONDS = 15 * MINUTE
TRIMMED = "TrimmedDataAccessException"
EXPIRED = "ExpiredIteratorException"
KINDS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


@dataclass
class Line:
    """A shard as the model knows it: the number and the time of each record, oldest first.

    upto: the last number trimmed on command. closed_at: None while it is open.
    """

    shard_id: ShardId
    parent: ShardId | None
    records: list[tuple[int, float]] = field(default_factory=list)
    upto: int = -1
    closed_at: float | None = None

    def lost(self, horizon: float) -> list[int]:
        return [n for n, time in self.records if n <= self.upto or time < horizon]


@dataclass
class Held:
    """An iterator: of which shard, after which number of the model's, issued when."""

    token: str
    line: Line
    after: int
    issued_at: float


class Life:
    """A table's log, the model of it, and the iterators that are held."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.store = LoggedStore()
        self.table: Table
        self.lines: dict[ShardId, Line] = {}
        self.held: list[Held] = []
        self.expired_at = -1.0
        self.met: set[str] = set()

    @property
    def now(self) -> float:
        return self.store.clock.now()

    @property
    def horizon(self) -> float:
        return self.now - DAY

    async def live(self) -> None:
        async with self.store.running():
            self.client = Client(self.store)
            self.table = await self.store.create_table(count=2)
            self.lines = {shard: Line(shard, None) for shard in open_shards(self.table)}
            for _ in range(STEPS):
                await self.step(self.luck.choices(list(ODDS), list(ODDS.values()))[0])
                await self.check_shards()

    async def step(self, kind: str) -> None:
        match kind:
            case "write":
                await self.write()
            case "split" | "roll":
                await self.reshard(self.store.split if kind == "split" else self.store.roll_over)
            case "trim":
                await self.trim()
            case "expire":
                await expire_iterators(self.lab(), await self.store.stream(self.table))
                self.expired_at = self.now
                self.store.clock.advance(1)  # those of the same instant count as older
            case "restart":  # a server forgets everything but what is stored
                self.client = Client(self.store)
            case "time":
                self.store.clock.advance(self.luck.choice([1, 1, 5, 10, 500, 900]) * MINUTE)
            case "give back":
                settings = RetentionSettings()
                await Trimmer(
                    self.store.engine, self.store.committer, self.store.clock, settings
                ).trim()
            case "take":
                await self.take()
            case _:
                await self.use()

    async def write(self) -> None:
        for _ in range(self.luck.randrange(1, 5)):
            number = await self.store.append(self.table, f"key-{self.luck.randrange(KEYS)}")
            (line,) = [
                self.lines[shard]
                for shard in open_shards(self.table)
                if (await self.store.shard(self.table, shard)).lane == number & 0xFFFF
            ]
            line.records.append((number, self.now))
        self.store.clock.advance(1)

    async def reshard(self, change: Callable[[Table, ShardId], Awaitable[Table]]) -> None:
        shard = self.luck.choice(open_shards(self.table))
        before = set(open_shards(self.table))
        self.table = await change(self.table, shard)
        self.lines[shard].closed_at = self.now
        for child in set(open_shards(self.table)) - before:
            self.lines[child] = Line(child, shard)
        self.store.clock.advance(0.01)

    async def trim(self) -> None:
        line = self.luck.choice(self.seen())
        kept = [number for number, _ in line.records if number > line.upto]
        if kept:
            upto = self.luck.choice(kept)
            shard = await self.store.shard(self.table, line.shard_id)
            await trim(self.lab(), await self.store.stream(self.table), shard, upto)
            line.upto = upto

    def lab(self) -> StreamStore:
        return StreamStore(self.store.engine, self.store.committer, self.store.clock, DAY)

    def seen(self) -> list[Line]:
        """The shards that are still listed, in the order in which they opened."""
        return [
            line
            for line in self.lines.values()
            if line.closed_at is None or line.closed_at >= self.horizon
        ]

    async def take(self) -> None:
        """Ask for an iterator, of any type, at any place."""
        line, kind = self.luck.choice(self.seen()), self.luck.choice(KINDS)
        lost = line.lost(self.horizon)
        kept = [each for each in line.records if each[0] not in lost]
        last_lost = lost[-1] if lost else -1
        more: dict[str, Any] = {}
        match kind:
            case "TRIM_HORIZON":
                after = last_lost
            case "LATEST":
                after = line.records[-1][0] if line.records else -1
            case "AT_TIMESTAMP":
                times = [time for _, time in line.records] or [self.now]
                moment = self.luck.choice(
                    [self.luck.choice(times), self.now - 3, self.now - 2 * DAY]
                )
                older = [number for number, time in kept if time < moment]
                after = older[-1] if older else last_lost
                more = {"Timestamp": moment}
            case _:
                if not line.records:
                    return
                place = self.luck.randrange(len(line.records))
                number = line.records[place][0]
                is_behind = kind.startswith("AFTER")
                after = number if is_behind else ([-1] + [n for n, _ in line.records])[place]
                more = {"SequenceNumber": sequence_text(number)}
                wanted = line.records[place + is_behind : place + is_behind + 1]
                if wanted and wanted[0][0] in lost:
                    asked = {"ShardId": line.shard_id, "ShardIteratorType": kind, **more}
                    stream = {"StreamArn": arn(self.table)}
                    error = await self.client.refused("GetShardIterator", **stream, **asked)
                    assert error.code == TRIMMED
                    self.met.add(f"{kind} {TRIMMED}")
                    return
        token = await self.client.iterator(self.table, kind, line.shard_id, **more)
        self.held.append(Held(token, line, after, self.now))

    async def use(self) -> None:
        """Read with an iterator that is held, and hold it, and the one that follows, for longer."""
        if not self.held:
            return
        held = self.luck.choice(self.held[-self.luck.choice([1, 5, 50]) :])
        limit = self.luck.choice([1, 2, 1000])
        wanted = self.wanted(held, limit)
        asked: dict[str, Any] = {"ShardIterator": held.token, "Limit": limit}
        if isinstance(wanted, str):
            error = await self.client.refused("GetRecords", **asked)
            assert error.code == wanted
            self.met.add(wanted)
            self.held.remove(held)
        else:
            self.go_on(held, wanted, await self.client.call("GetRecords", **asked))

    def go_on(self, held: Held, wanted: list[int], page: dict[str, Any]) -> None:
        """Compare a page with what was wanted, and hold the iterator that follows."""
        assert numbers(page) == wanted
        after = wanted[-1] if wanted else held.after
        is_end = held.line.closed_at is not None and not self.behind(held.line, after)
        assert ("NextShardIterator" in page) != is_end
        if not is_end:
            self.held.append(Held(page["NextShardIterator"], held.line, after, self.now))
        self.met.add("end" if is_end else "page" if wanted else "nothing yet")

    def wanted(self, held: Held, limit: int) -> list[int] | str:
        """The numbers that an iterator must give, or the error."""
        if self.now - held.issued_at > ITERATOR_SECONDS or held.issued_at <= self.expired_at:
            return EXPIRED
        behind = self.behind(held.line, held.after)
        if set(behind[:1]) & set(held.line.lost(self.horizon)):
            return TRIMMED
        return behind[:limit]

    def behind(self, line: Line, after: int) -> list[int]:
        return [number for number, _ in line.records if number > after]

    async def check_shards(self) -> None:
        """The listing, whole and by its filter, is what the model says."""
        listed = await self.client.shards(self.table)
        seen = {line.shard_id: line for line in self.seen()}
        assert {shard["ShardId"] for shard in listed} == set(seen)
        for shard in listed:
            line = seen[shard["ShardId"]]
            assert shard.get("ParentShardId") == line.parent
            has_end = "EndingSequenceNumber" in shard["SequenceNumberRange"]
            assert has_end == (line.closed_at is not None)
        parent = self.luck.choice(list(self.lines))
        wanted = {each for each, line in seen.items() if line.parent == parent}
        filtered = {"Type": "CHILD_SHARDS", "ShardId": parent}
        children = await self.client.shards(self.table, ShardFilter=filtered)
        assert {shard["ShardId"] for shard in children} == wanted


ODDS = {
    "write": 40,
    "split": 3,
    "roll": 4,
    "trim": 6,
    "expire": 1,
    "restart": 4,
    "time": 8,
    "give back": 3,
    "take": 40,
    "use": 60,
}


def test_iterators_give_what_follows_their_place_whatever_happens_meanwhile() -> None:
    met: set[str] = set()
    for seed in range(8):
        life = Life(seed)
        try:
            asyncio.run(life.live())
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        met |= life.met

    assert met == {
        "page",
        "nothing yet",
        "end",
        EXPIRED,
        TRIMMED,
        f"AT_SEQUENCE_NUMBER {TRIMMED}",
        f"AFTER_SEQUENCE_NUMBER {TRIMMED}",
    }
