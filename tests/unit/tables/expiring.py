"""Items that expire, and the expirer over a running catalog."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from headwater.clock import ManualClock
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.memory import MemoryEngine
from headwater.tables import expiry
from headwater.tables.expirer import Expirer
from headwater.tables.schema import Table
from headwater.tables.write import Writer
from headwater.values import codec
from headwater.values.order import after_prefix
from tests.unit.tables.running import Running, idle, running

NOW = 1_700_000_000
_STEPPED_SECONDS = 3


async def switch(here: Running, table: Table, *, is_on: bool, attribute: str = "ttl") -> Table:
    """Ask for time to live as a client does; it is ENABLING or DISABLING then."""

    def step(view: View, present: Table) -> Table:
        return expiry.switched(view, present, attribute, is_on=is_on)

    changed = await here.catalog.change(table, step)
    assert changed is not None
    return changed


async def mortal(here: Running, **changes: Any) -> Table:
    """A table with time to live by the attribute `ttl`; that takes transitions twice."""
    table = await here.active(**changes)
    await switch(here, table, is_on=True)
    await here.advance()
    return await here.describe(table.name)


def item(pk: str, seconds: float | str | None = None, **others: Any) -> dict[str, Any]:
    """An item; seconds: its time to live."""
    time = {} if seconds is None else {"ttl": {"N": str(seconds)}}
    return {"pk": {"S": pk}, **time, **others}


async def pks(here: Running, table: Table) -> list[str]:
    """The partition keys there are."""
    rows = await here.stored((table.items_prefix, after_prefix(table.items_prefix)))
    return sorted(codec.decode(stored)["pk"]["S"] for stored in rows.values())


async def entries(here: Running, table: Table) -> list[int]:
    """The times of a table's expiry entries, in order; without the table's name."""
    prefix = keyspace.expiries_prefix(table.table_id)
    rows = await here.stored((prefix + b"\x00", after_prefix(prefix)))
    return [expiry.seconds_of_entry(table, key) for key in rows]


@asynccontextmanager
async def expiring(
    engine: MemoryEngine | None = None, clock: ManualClock | None = None
) -> AsyncIterator[Running]:
    """A catalog with its expirer."""
    async with running(engine, clock=clock) as here:
        writer = Writer(here.committer, here.catalog)
        expirer = Expirer(here.engine, writer, here.wakeups, here.clock)
        here.tasks.append(asyncio.create_task(expirer.run()))
        await idle()
        yield here


def run(test: Callable[[Running], Awaitable[None]], engine: MemoryEngine | None = None) -> None:
    """Run a test's body in an event loop of its own."""

    async def main() -> None:
        async with expiring(engine) as here:
            await test(here)

    asyncio.run(main())


async def pass_time(here: Running, seconds: float) -> None:
    """Let time pass, the last seconds in steps: what is done in one leads to what comes after."""
    end = here.clock.now() + seconds
    if seconds > _STEPPED_SECONDS:
        await here.advance(seconds - _STEPPED_SECONDS)
    while here.clock.now() < end:
        await here.advance(min(0.5, end - here.clock.now()))
