"""The lease table: conditions that hold against calls which are late, lost or come twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from headwater.consumer.lease import Lease
from headwater.consumer.lease_table import LeaseGone, LeaseTable
from headwater.consumer.position import SHARD_END, TRIM_HORIZON, After, AtTimestamp
from tests.handler_api import HandlerApi
from tests.logged_store import LoggedStore, advance, in_store

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/music/stream/2026-11-23T12:34:56.789"
FREE = Lease("shard", "parent", TRIM_HORIZON)


def table_of(api: HandlerApi, store: LoggedStore, stream: str = STREAM) -> LeaseTable:
    return LeaseTable(api, store.clock, "leases", stream)


async def make(api: HandlerApi, store: LoggedStore, table: LeaseTable) -> None:
    """Create the table, which takes its time."""
    async with asyncio.TaskGroup() as tasks:
        transitions = tasks.create_task(api.transitions.run())
        ensured = tasks.create_task(table.ensure())
        await advance(store, 2)
        await ensured
        transitions.cancel()


def with_table(body: Callable[[LeaseTable], Awaitable[None]]) -> None:
    """Run a test over a lease table with one free lease."""

    async def main(store: LoggedStore) -> None:
        api = HandlerApi(store)
        table = table_of(api, store)
        await make(api, store, table)
        await table.create(FREE)
        await body(table)

    in_store(main)


async def the_lease(table: LeaseTable) -> Lease:
    (lease,) = await table.leases()
    return lease


async def taken(table: LeaseTable, owner: str = "me") -> Lease:
    lease = await table.take(await the_lease(table), owner)
    assert lease is not None
    return lease


def test_lease_is_stored_once() -> None:
    async def body(table: LeaseTable) -> None:
        assert not await table.create(replace(FREE, position=After(5)))
        assert await the_lease(table) == FREE

    with_table(body)


def test_start_is_the_first_ones() -> None:
    async def body(table: LeaseTable) -> None:
        assert await table.start(AtTimestamp(5.0)) == AtTimestamp(5.0)
        assert await table.start(TRIM_HORIZON) == AtTimestamp(5.0)
        assert await the_lease(table) == FREE, "the start is no lease"

    with_table(body)


def test_of_two_who_take_one_wins() -> None:
    async def body(table: LeaseTable) -> None:
        seen = await the_lease(table)

        first, second = await table.take(seen, "me"), await table.take(seen, "other")

        assert first == replace(FREE, owner="me", counter=1)
        assert second is None

    with_table(body)


def test_owner_renews_stores_and_releases() -> None:
    async def body(table: LeaseTable) -> None:
        lease = await table.renew(await taken(table))
        lease = await table.checkpoint(lease, After(7))
        lease = await table.release(lease)

        assert lease == await the_lease(table) == replace(FREE, position=After(7), counter=4)

    with_table(body)


def test_end_of_the_shard_lets_the_lease_go() -> None:
    async def body(table: LeaseTable) -> None:
        await table.finish(await taken(table))

        assert await the_lease(table) == replace(FREE, position=SHARD_END, counter=2)

    with_table(body)


def test_who_has_lost_the_lease_changes_nothing() -> None:
    async def body(table: LeaseTable) -> None:
        mine = await taken(table)
        theirs = await taken(table, "other")

        for change in (table.renew, table.release, table.finish):
            with pytest.raises(LeaseGone):
                await change(mine)
        with pytest.raises(LeaseGone):
            await table.checkpoint(mine, After(9))

        assert await the_lease(table) == theirs

    with_table(body)


def test_lost_answer_does_not_cost_the_lease() -> None:
    """The owner knows the counter from before a write whose answer it never got."""

    async def body(table: LeaseTable) -> None:
        before = await taken(table)
        await table.renew(before)

        after = await table.checkpoint(before, After(3))

        assert after == await the_lease(table) == replace(before, position=After(3), counter=3)

    with_table(body)


def test_promise_is_kept_at_release_and_made_once() -> None:
    async def body(table: LeaseTable) -> None:
        mine = await taken(table)

        assert await table.ask(mine, "other")
        assert not await table.ask(mine, "third")
        mine = await table.renew(mine)
        assert mine.promised == "other"
        released = await table.release(mine)

        assert (released.owner, released.promised) == ("other", None)

    with_table(body)


def test_promise_of_an_expired_owner_is_void() -> None:
    async def body(table: LeaseTable) -> None:
        await table.ask(await taken(table, "dead"), "other")

        assert (await taken(table)).promised is None

    with_table(body)


def test_lease_is_deleted_only_as_it_was_seen() -> None:
    async def body(table: LeaseTable) -> None:
        seen = await the_lease(table)
        lease = await taken(table)

        await table.delete(seen)
        assert await table.leases() == [lease]
        await table.delete(lease)
        assert await table.leases() == []

    with_table(body)


def test_streams_share_a_table_and_not_their_leases() -> None:
    async def main(store: LoggedStore) -> None:
        api = HandlerApi(store)
        await make(api, store, table_of(api, store))
        other = table_of(api, store, STREAM.replace("music", "words"))
        await table_of(api, store).create(FREE)
        await other.create(replace(FREE, shard_id="another"))

        assert [lease.shard_id for lease in await other.leases()] == ["another"]

    in_store(main)
