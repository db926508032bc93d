"""Waiting for consumers, over a store and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from headwater.consumers.coordinator import Behind
from headwater.lab.drain import Drain, NotDrained, Written
from headwater.storage.keyspace import SequenceNumber, ShardId
from tests.logged_store import LoggedStore, in_store, settle

SHARD = ShardId(f"shardId-{1:020d}-00000000")
AT = Behind(SHARD, SequenceNumber(5), 7)
NOWHERE = Behind(SHARD, None, 7)


@dataclass
class ListedConsumers:
    """Consumers that are behind as a list says, look by look; then as its last entry says."""

    looks: list[list[str]]
    asked: list[Written] = field(default_factory=list)

    async def behind(self, written: Written) -> Mapping[str, Behind]:
        self.asked.append(written)
        names = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {name: NOWHERE if name == "a" else AT for name in names}


async def run(store: LoggedStore, drain: Drain, timeout_seconds: float) -> float:
    """Wait with a drain while the clock goes on."""
    waiting = asyncio.ensure_future(drain.wait(timeout_seconds))
    for _ in range(100):
        await settle()
        if waiting.done():
            break
        store.clock.advance(0.01)
    return await waiting


def test_nobody_behind_is_drained_at_once() -> None:
    async def body(store: LoggedStore) -> None:
        drain = Drain(store.engine, [ListedConsumers([[]])], store.clock)

        assert await drain.wait(0) == 0

    in_store(body)


def test_drain_returns_when_the_last_has_caught_up() -> None:
    async def body(store: LoggedStore) -> None:
        consumers = ListedConsumers([["a", "b"], ["b"], []])

        seconds = await run(store, Drain(store.engine, [consumers], store.clock), 60)

        assert seconds == pytest.approx(0.02)
        assert len(consumers.asked) == 3

    in_store(body)


def test_laggards_are_named_when_time_runs_out() -> None:
    async def body(store: LoggedStore) -> None:
        drain = Drain(
            store.engine, [ListedConsumers([["a"]]), ListedConsumers([["b"]])], store.clock
        )

        with pytest.raises(NotDrained) as caught:
            await run(store, drain, 0.05)

        assert caught.value.laggards == {"a": NOWHERE, "b": AT}
        assert str(caught.value) == (
            f"still behind: a in {SHARD}, not begun, of 100000000000000000007; "
            f"b in {SHARD}, at 100000000000000000005, of 100000000000000000007"
        )

    in_store(body)


def test_what_is_written_meanwhile_does_not_count() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        *_, before = await store.append_all(table, 3)
        consumers = ListedConsumers([["a"], ["a"], []])
        waiting = asyncio.ensure_future(Drain(store.engine, [consumers], store.clock).wait(60))
        await settle()

        await store.append_all(table, 2)
        for _ in range(10):
            store.clock.advance(0.01)
            await settle()

        await waiting
        assert [max(written[table.table_id].values()) for written in consumers.asked] == [
            before
        ] * 3

    in_store(body)
