"""Random histories of a table whose items expire, against a plain dict.

Held after every step, once it has had its time: expired items are gone and no others; every item
with a time has an expiry entry while time to live is on, nothing has one while it is off; and the
deletions of what expired are in the log as the service's, once each.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.clock import ManualClock
from headwater.limits import expiry_age_seconds_max
from headwater.storage import keyspace
from headwater.storage.memory import MemoryEngine
from headwater.streams import entry as entries_of_log
from headwater.streams.entry import Kind
from headwater.tables import keys
from headwater.tables.schema import Table
from headwater.tables.write import Delete, Write, Writer
from tests.unit.tables.expiring import (
    entries,
    expiring,
    item,
    mortal,
    pass_time,
    pks,
    switch,
)
from tests.unit.tables.running import STREAM, TRANSITION_SECONDS, Running

SETTLING_SECONDS = 2
Step = tuple[Any, ...]

times = st.none() | st.sampled_from([-expiry_age_seconds_max - 60, -10, 0, 5, 30, 61, 500])
names = st.sampled_from("abcd")
steps = st.one_of(
    st.tuples(st.just("put"), names, times),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("pass"), st.sampled_from([1, 20, 100, 1000])),
    st.tuples(st.just("switch")),
    st.tuples(st.just("restart")),
)


class History:
    """The items there are to be, by name, each with its time, and how many have expired."""

    def __init__(self) -> None:
        self.items: dict[str, int | None] = {}
        self.is_on = True
        self.expired = 0

    def due(self, now: float) -> set[str]:
        """The items that may be deleted by then."""
        oldest = int(now) - expiry_age_seconds_max
        return {
            name
            for name, time in self.items.items()
            if self.is_on and time is not None and oldest <= time <= now
        }

    def note(self, present: set[str]) -> None:
        """Forget the items that have expired."""
        for name in self.items.keys() - present:
            del self.items[name]
            self.expired += 1

    def entries(self) -> list[int]:
        return sorted(time for time in self.items.values() if self.is_on and time is not None)


async def take(here: Running, table: Table, history: History, step: Step) -> None:
    now = int(here.clock.now())
    match step:
        case ("put", name, after):
            time = None if after is None else now + after
            await here.put(table, item(name, time))
            history.items[name] = time
        case ("delete", name):
            key = keys.of_key(table, {"pk": {"S": name}})
            write = Write(table, key, Delete())
            await Writer(here.committer, here.catalog).write(write, now * 1_000_000)
            history.items.pop(name, None)
        case ("pass", seconds):
            await pass_time(here, seconds)
        case ("switch",):
            await switch(here, table, is_on=not history.is_on)
            history.is_on = not history.is_on
            await pass_time(here, TRANSITION_SECONDS)
    await pass_time(here, SETTLING_SECONDS)


async def check(here: Running, table: Table, history: History) -> None:
    now = here.clock.now()
    present = set(await pks(here, table))
    assert present <= history.items.keys() - history.due(now - SETTLING_SECONDS)
    assert present >= history.items.keys() - history.due(now)
    history.note(present)
    assert await entries(here, table) == history.entries()
    assert await count_of_service_deletions(here, table) == history.expired


async def count_of_service_deletions(here: Running, table: Table) -> int:
    count = 0
    for partition in table.partitions:
        assert partition.shard_id is not None
        prefix = keyspace.log_prefix(table.table_id, partition.shard_id)
        for stored in (await here.stored((prefix, prefix + b"\xff" * 9))).values():
            entry = entries_of_log.decode(stored)
            assert entry.kind is Kind.REMOVE or not entry.is_by_service
            count += entry.is_by_service
    return count


async def run_server(
    engine: MemoryEngine, clock: ManualClock, history: History, left: list[Step]
) -> None:
    """Take the steps up to a restart on one server, and take them off."""
    async with expiring(engine, clock) as here:
        is_first = await here.catalog.every() == []
        table = (
            await mortal(here, StreamSpecification=STREAM) if is_first else await here.describe()
        )
        while left and (step := left.pop(0)) != ("restart",):
            await take(here, table, history, step)
            await check(here, table, history)


# Half as many examples as elsewhere: each is the life of several servers.
@settings(max_examples=settings().max_examples // 2)
@given(st.lists(steps, max_size=8))
def test_what_has_expired_goes_and_nothing_else(taken: list[Step]) -> None:
    async def main() -> None:
        engine, clock, history = MemoryEngine(), ManualClock(), History()
        left = list(taken)
        while left:
            await run_server(engine, clock, history, left)

    asyncio.run(main())
