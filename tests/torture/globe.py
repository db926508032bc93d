"""A global table: written in two regions at a time, each to keys of its own, and told in both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from headwater.cli.client import Client, connected
from tests.torture import load
from tests.torture.follower import Follower
from tests.torture.journal import Value
from tests.torture.load import Tick
from tests.torture.world import STREAM, World, ask, items_of, keys, settled, types

Finish = Callable[[Client], Awaitable[None]]

TABLE: Final = "globe"
HOME: Final = "us-east-1"
REGIONS: Final = (HOME, "eu-west-1")
GUEST: Final = "ap-south-1"
_LANES: Final = 2
_SECONDS_MAX: Final = 300


async def prepare(client: Client, world: World) -> None:
    """Create the table, with a replica."""
    await ask(
        client,
        "CreateTable",
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys("pk", "sk"),
        AttributeDefinitions=types(pk="S", sk="N"),
        StreamSpecification=STREAM,
    )
    await _with_replicas(client)
    await _change(client, Create=REGIONS[1])
    await _with_replicas(client)
    world.globe.update({region: Follower(TABLE) for region in REGIONS})


def writers(clients: Sequence[Client], world: World, tick: Tick) -> list[Coroutine[Any, Any, None]]:
    """What writes in both regions without end; clients: of each."""
    return [
        load.write_journaled(client, world, (TABLE, place * _LANES + lane), tick)
        for place, client in enumerate(clients)
        for lane in range(_LANES)
    ]


async def prove(world: World) -> None:
    """Both come to the same items, which are those written, and both streams tell of them."""
    async with AsyncExitStack() as stack:
        clients = {
            region: await stack.enter_async_context(connected(world.endpoint, 1, region))
            for region in REGIONS
        }
        journal = world.journals[TABLE]
        journal.settle(await _converged(list(clients.values())))
        for region, client in clients.items():
            follower = world.globe[region]
            await follower.read(client)
            for key, changes in journal.changes.items():
                told = [value for _, _, value, _ in follower.told[key]]
                _check_told(told, changes, f"{key} in {region}", is_home=_home(key) == region)


async def change_replica(client: Client, world: World) -> Finish:
    """Add a replica in a third region, or remove it."""
    described = await _with_replicas(client)
    is_there = any(each["RegionName"] == GUEST for each in described.get("Replicas", ()))
    await _change(client, **{"Delete" if is_there else "Create": GUEST})

    async def finish(client: Client) -> None:
        described = await _with_replicas(client)
        regions = {each["RegionName"] for each in described["Replicas"]}
        assert (GUEST in regions) != is_there, "a replica came or went, but for the asking"

    return finish


async def _change(client: Client, **action: str) -> None:
    updates = [{kind: {"RegionName": region}} for kind, region in action.items()]
    await ask(client, "UpdateTable", TableName=TABLE, ReplicaUpdates=updates)


async def _with_replicas(client: Client) -> dict[str, Any]:
    """The table once it and its replicas are ACTIVE."""
    async with asyncio.timeout(_SECONDS_MAX):
        while True:
            table = await settled(client, TABLE)
            if all(each["ReplicaStatus"] == "ACTIVE" for each in table.get("Replicas", ())):
                return table


async def _converged(clients: list[Client]) -> dict[str, Value]:
    """The items, once they are the same for all."""
    async with asyncio.timeout(_SECONDS_MAX):
        while True:
            first, *others = [
                dict([load.value_of(item) async for item in items_of(client, TABLE)])
                for client in clients
            ]
            if all(other == first for other in others):
                return first


def _home(key: str) -> str:
    """Where a key is written."""
    return REGIONS[int(key[1 : key.index("/")]) // _LANES]


def _check_told(told: list[Value], changes: list[Value], name: str, *, is_home: bool) -> None:
    """At home every change is told; elsewhere some may be told as one, or, if it is gone, as none.

    An item that came and went between two looks of the replica leaves nothing to tell there.
    """
    left, ended = (values[-1] if values else None for values in (told, changes))
    assert left == ended, f"{name}: {told[-3:]} was told last, not {changes[-3:]}"
    if is_home:
        assert told == changes, f"{name}: its records tell {told[-5:]}, not {changes[-5:]}"
    rest = iter(changes)
    assert all(value in rest for value in told), f"{name}: {told} is no part of {changes}"
