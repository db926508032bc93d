"""Random histories of a table that is backed up and recovered, against plain dicts.

Items are so large that a step of copying holds few, and writes come between the steps. Held in the
end: every backup has the items of the moment it was begun, every restored moment those it had then,
and the index of every restored table those of the table.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.clock import ManualClock
from headwater.limits import table_step_bytes_max, write_settle_seconds
from headwater.storage import keyspace
from headwater.storage.memory import MemoryEngine
from headwater.values import codec
from headwater.values.order import after_prefix
from tests.backup_world import STREAM, World, idle, world

PADDING = {"S": "x" * (table_step_bytes_max // 3)}
NAMES = "abcdefgh"
INDEX: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-n",
            "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}
Step = tuple[Any, ...]

# What is written while something is copied: an item's name, its new number or None for its
# deletion, and how many turns of the loop pass before the next.
bursts = st.lists(
    st.tuples(st.sampled_from(NAMES), st.none() | st.integers(1, 9), st.integers(0, 3)), max_size=8
)
steps = st.one_of(
    st.tuples(st.just("write"), bursts),
    st.tuples(st.just("backup"), bursts),
    st.tuples(st.just("moment"), bursts),
    st.tuples(st.just("recover"), bursts),
    st.tuples(st.just("stream"), bursts),
    st.tuples(st.just("restart")),
)


@dataclass
class History:
    """What the table holds, and what each backup and each moment must hold.

    restored: names of tables and what they must hold.
    """

    items: dict[str, int] = field(default_factory=dict)
    backups: dict[str, dict[str, int]] = field(default_factory=dict)
    moments: dict[float, dict[str, int]] = field(default_factory=dict)
    restored: dict[str, dict[str, int]] = field(default_factory=dict)
    has_stream: bool = False


async def take(here: World, history: History, step: Step) -> None:
    match step:
        case ("backup", _) if len(history.backups) < 3:
            arn = await here.begin()
            history.backups[arn] = dict(history.items)
        case ("moment", _):
            here.clock.advance(1.0)
            history.moments[here.clock.now()] = dict(history.items)
            here.clock.advance(1.0)
        case ("recover", _) if history.moments and len(history.restored) < 2:
            here.clock.advance(write_settle_seconds)
            await recover(here, history, min(history.moments))
        case ("stream", _):
            await here.settle(0)
            history.has_stream = not history.has_stream
            specification = STREAM if history.has_stream else {"StreamEnabled": False}
            await here.call("UpdateTable", TableName="music", StreamSpecification=specification)
    for name, number, turns in step[1]:
        await write(here, history, name, number)
        await idle(turns)


async def write(here: World, history: History, name: str, number: int | None) -> None:
    if number is None:
        await here.delete(name)
        history.items.pop(name, None)
    else:
        await here.put(name, number, padding=PADDING)
        history.items[name] = number


async def recover(here: World, history: History, moment: float) -> None:
    """Begin to restore a moment; the writes that follow come between its steps."""
    name = f"recovered-{len(history.restored)}"
    await here.call(
        "RestoreTableToPointInTime",
        SourceTableName="music",
        TargetTableName=name,
        RestoreDateTime=moment,
    )
    history.restored[name] = history.moments[moment]


async def check(here: World, history: History) -> None:
    await here.settle()
    for at, (arn, items) in enumerate(history.backups.items()):
        name = f"restored-{at}"
        await here.call("RestoreTableFromBackup", TargetTableName=name, BackupArn=arn)
        history.restored[name] = items
    for moment in history.moments:
        await recover(here, history, moment)
    await here.settle()
    for name, items in history.restored.items():
        assert await contents(here, name) == items, name
    for table in await here.catalog.every():
        assert (table.copies, table.restores) == ((), ())
    assert await contents(here, "music") == history.items


async def contents(here: World, name: str) -> dict[str, int]:
    """The items of a table, which its index agrees with."""
    table = await here.table(name)
    index = keyspace.index_prefix(table.table_id, table.indexes[0].index_id)
    found = []
    for prefix in (table.items_prefix, index):
        stored = await here.stored((prefix, after_prefix(prefix)))
        decoded = (codec.decode(value) for value in stored.values())
        found.append({item["pk"]["S"]: int(item["n"]["N"]) for item in decoded})
    assert found[0] == found[1]
    return found[0]


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(steps, max_size=12))
def test_backups_and_moments_hold_what_the_table_held(taken: list[Step]) -> None:
    async def main() -> None:
        engine, clock, history = MemoryEngine(), ManualClock(), History()
        left, servers = list(taken), 0
        is_first = True
        while left or is_first:
            servers += 1
            async with world(engine, clock, seed=servers) as here:
                if is_first:
                    await here.create(**INDEX)
                    for name in NAMES:
                        await write(here, history, name, 0)
                    await here.recovery()
                    is_first = False
                while left and (step := left.pop(0)) != ("restart",):
                    await take(here, history, step)
        async with world(engine, clock, seed=servers + 1) as here:
            await check(here, history)

    asyncio.run(main())
