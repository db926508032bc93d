"""Seeded lives of a store that is cut off at some commit, again and again, with much under way.

Writes, transactions, indexes that come and go, time to live, imports and deleted tables: after each
crash the whole store agrees with itself (`headwater.audit`): *one entry per change*, *the stream
replays to the table*, *order per item*, *indexes agree with the table*; and *a restart loses
nothing acknowledged*. At each restart the clock may stand earlier than before. A failure names its
seed.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from headwater.audit.report import Report
from headwater.audit.story import MemoryImages
from headwater.audit.whole import audit
from headwater.clock import ManualClock
from headwater.errors import ServiceError
from headwater.storage import keyspace
from headwater.storage.engine import CommitGroup, Span, Unavailable
from headwater.storage.memory import MemoryEngine
from headwater.storage.objects import Place
from headwater.tables import expiry, keys, schema
from headwater.tables import write as writes
from headwater.tables.expirer import Expirer
from headwater.tables.schema import Table, TableStatus
from headwater.tables.transact import transact
from headwater.values import codec, item
from headwater.values.order import after_prefix
from tests.stored_objects import MemoryObjects
from tests.unit.audit.store import SHAPE
from tests.unit.tables.exporting import Exporting, exporting, import_request
from tests.unit.tables.running import CREATE_INDEX, DELETE_INDEX, REGION, idle

LIVES = 4
STEPS = 12
KEYS = 12


class MortalEngine(MemoryEngine):
    """Keeps what was committed; dies at a commit, before it or between it and its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.stores_last = False

    async def commit(self, group: CommitGroup) -> None:
        if self.left is None:
            await super().commit(group)
            return
        self.left -= 1
        if self.left >= 0 or (self.left == -1 and self.stores_last):
            await super().commit(group)
        if self.left < 0:
            raise Unavailable("the process is gone")


@dataclass
class Known:
    """acknowledged: what each item must hold. unknown: what it may hold, too, after a crash."""

    acknowledged: dict[str, int | None] = field(default_factory=dict)
    unknown: dict[str, set[int | None]] = field(default_factory=dict)
    written: int = 0

    def settle(self, found: dict[str, int]) -> None:
        for key in self.acknowledged.keys() | self.unknown.keys():
            allowed = {self.acknowledged.get(key), *self.unknown.get(key, ())}
            assert found.get(key) in allowed, f"{key} is {found.get(key)}, not one of {allowed}"
            self.acknowledged[key] = found.get(key)
        self.unknown.clear()


def sent(key: str, number: int, until: int) -> dict[str, Any]:
    return {
        "pk": {"S": f"p{int(key) % 3}"},
        "sk": {"N": key},
        "n": {"N": str(number)},
        "artist": {"S": "abc"[number % 3]},
        "year": {"N": str(number)},
        "until": {"N": str(until)},
    }


def put_of(table: Table, members: dict[str, Any]) -> writes.Write:
    canonical, size = item.normalise(members)
    put = writes.Put(canonical, codec.encode(canonical, size))
    return writes.Write(table, keys.of_item(table, canonical), put)


class Life:
    """What happens between two crashes. A write whose answer does not come is unknown."""

    def __init__(self, world: Exporting, known: Known, chance: random.Random) -> None:
        self._world = world
        self._here = world.here
        self._known = known
        self._chance = chance
        self._writer = writes.Writer(self._here.committer, self._here.catalog)

    async def step(self) -> None:
        """Do some things at once; raises Unavailable once the process is gone."""
        lanes = self._chance.sample(range(KEYS // 2), 3)
        changes = [self._write(str(lane), str(lane + KEYS // 2)) for lane in lanes]
        other = self._chance.choice(
            (self._switch_index, self._switch_time_to_live, self._import, self._delete, self._pass)
        )
        results = await asyncio.gather(*changes, other(), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, ServiceError):
                raise result
        await idle()

    async def _write(self, first: str, second: str) -> None:
        """Put one item, or two in a transaction, or delete one."""
        table = await self._here.describe()
        known, chance = self._known, self._chance
        wanted = {first: self._number()}
        if chance.random() < 0.4:
            wanted[second] = self._number()
        # Times that are never reached: what expires by itself is not what was acknowledged.
        works = [put_of(table, sent(key, number, 9 * 10**10)) for key, number in wanted.items()]
        values: dict[str, int | None] = dict(wanted)
        if len(works) == 1 and chance.random() < 0.3:
            works = [works[0]._replace(action=writes.Delete())]
            values[first] = None
        for key, value in values.items():
            known.unknown.setdefault(key, set()).add(value)
        now_us = int(self._here.clock.now() * 1e6)
        if len(works) == 1:
            await self._writer.write(works[0], now_us)
        else:
            await transact(self._writer, works, None, now_us)
        for key, value in values.items():
            known.unknown[key].discard(value)
            known.acknowledged[key] = value

    def _number(self) -> int:
        self._known.written += 1
        return self._known.written

    async def _switch_index(self) -> None:
        with suppress(ServiceError):
            name = "fleeting"
            present = (await self._here.describe(name)).indexes
            await self._here.update(name, **(DELETE_INDEX if present else CREATE_INDEX))

    async def _switch_time_to_live(self) -> None:
        """Of a table whose items expire a second after they are put."""
        here = self._here
        table = await here.describe("fleeting")
        is_on = table.time_to_live is None
        with suppress(ServiceError):
            await here.catalog.change(
                table, lambda view, now: expiry.switched(view, now, "until", is_on=is_on)
            )
        until = int(here.clock.now()) + 1
        members = {"pk": {"S": f"f{self._number()}"}, "until": {"N": str(until)}}
        await self._writer.write(
            put_of(table, {**members, "artist": {"S": "a"}}), int(here.clock.now() * 1e6)
        )

    async def _import(self) -> None:
        with suppress(ServiceError):
            await self._world.call("ImportTable", **import_request())

    async def _delete(self) -> None:
        with suppress(ServiceError):
            await self._here.catalog.delete(REGION, "copy")

    async def _pass(self) -> None:
        self._here.clock.advance(self._chance.choice((1.0, 5.0, 60.0)))


async def lived(engine: MortalEngine, seed: int) -> None:
    chance, known, objects = random.Random(seed), Known(), MemoryObjects()
    lines = [orjson.dumps({"Item": {"pk": {"S": str(n)}, "n": {"N": "1"}}}) for n in range(300)]
    objects.bodies[Place("bucket", "items.json")] = b"\n".join(lines)
    now = 1_700_000_000.0
    for life in range(LIVES + 1):
        engine.left = None
        clock = ManualClock(now)
        async with exporting(
            engine, objects, clock, seed=life, table_seed=100 * seed + life
        ) as world:
            here = world.here
            expirer = Expirer(
                here.engine, writes.Writer(here.committer, here.catalog), here.wakeups, clock
            )
            task = asyncio.create_task(expirer.run())
            if life == 0:
                await here.active(**SHAPE)
                await here.active(
                    TableName="fleeting", StreamSpecification=SHAPE["StreamSpecification"]
                )
            elif life == LIVES:
                for _ in range(5):
                    await here.advance(120.0)
            if life < LIVES:
                engine.left = chance.randrange(4, 60)
                engine.stores_last = chance.random() < 0.5
                with suppress(Unavailable):
                    for _ in range(STEPS):
                        await Life(world, known, chance).step()
            task.cancel()
        known.settle(await check(engine))
        # The machine's clock may have been set back while it was down.
        now = clock.now() + chance.choice((-3600.0, 0.0, 0.5, 60.0))
    await check_settled(engine)


async def check(engine: MortalEngine) -> dict[str, int]:
    """The store agrees with itself; returns the items of the table of this life's writes."""
    report = Report()
    await audit(engine, report, MemoryImages)
    assert report.faults == []
    tables = await tables_of(engine)
    music = next(table for table in tables if table.name == "music")
    prefix = music.items_prefix
    rows = await engine.scan(Span(prefix, after_prefix(prefix), 10_000))
    items = [codec.decode(stored) for _, stored in rows]
    return {each["sk"]["N"]: int(each["n"]["N"]) for each in items}


async def tables_of(engine: MortalEngine) -> list[Table]:
    rows = await engine.scan(Span(*keyspace.every_table_span(), 100))
    return [schema.decode(stored) for _, stored in rows]


async def check_settled(engine: MortalEngine) -> None:
    """Nothing is left under way by any crash."""
    for table in await tables_of(engine):
        assert table.status is TableStatus.ACTIVE, table.name
        assert not any(index.is_backfilling for index in table.indexes), table.name
        assert table.importing is None


@pytest.mark.parametrize("seed", range(4))
def test_store_agrees_with_itself_wherever_it_was_cut_off(seed: int) -> None:
    asyncio.run(lived(MortalEngine(), seed))
