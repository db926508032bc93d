from __future__ import annotations

from typing import Any

import pytest

from headwater.replication.request import AddReplica, OverrideReplicas
from headwater.storage.committer import View
from headwater.tables import expiry, membership
from headwater.tables.alteration import of_input
from headwater.tables.override import Override, Reads
from headwater.tables.overriding import in_force
from headwater.tables.schema import Table, TableStatus, TimeToLiveStatus, Units
from tests.linked_stores import LinkedStores, in_servers
from tests.replicated_store import EAST, NAME, SOUTH, WEST

TWO = {"a": (EAST,), "b": (WEST,)}
AFTER_ALL = 60
INFREQUENT = "STANDARD_INFREQUENT_ACCESS"


def create(name: str, attribute: str = "v", projection: str = "ALL") -> dict[str, Any]:
    return {
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [
            {
                "Create": {
                    "IndexName": name,
                    "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": projection},
                }
            }
        ],
    }


def drop(name: str) -> dict[str, Any]:
    return {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]}


async def update(world: LinkedStores, region: str, body: dict[str, Any]) -> None:
    await world.of(region).catalog.update(region, NAME, of_input(body))


async def switch(world: LinkedStores, region: str, attribute: str, *, is_on: bool) -> None:
    def step(view: View, table: Table) -> Table:
        return expiry.switched(view, table, attribute, is_on=is_on)

    table = await world.table(region)
    await world.of(region).catalog.change(table, step, membership.keys_of)


async def linked(world: LinkedStores, *, cut: bool = False) -> None:
    await world.of(EAST).create()
    await world.of(EAST).add(WEST)
    await world.until_members(EAST, WEST)
    if cut:
        world.down.update("ab")


async def healed(world: LinkedStores) -> tuple[Table, Table]:
    """Both tables, once they have had time to hear of everything."""
    world.down.clear()
    await world.advance(AFTER_ALL, step=1)
    east, west = await world.table(EAST), await world.table(WEST)
    assert east.shared == west.shared
    assert {east.status, west.status} == {TableStatus.ACTIVE}
    return east, west


def indexes_of(table: Table) -> list[tuple[str, str, str]]:
    return sorted((each.name, each.projection, each.status) for each in table.indexes)


def test_indexes_created_apart_are_both_there_in_the_end() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, cut=True)
        await update(world, EAST, create("by-v"))
        await update(world, WEST, create("by-w", "w"))

        for table in await healed(world):
            assert indexes_of(table) == [("by-v", "ALL", "ACTIVE"), ("by-w", "ALL", "ACTIVE")]

    in_servers(body, TWO)


def test_an_index_is_filled_on_the_other_server_too_and_goes_there_too() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await update(world, EAST, create("by-v"))
        there = indexes_of((await healed(world))[1])
        await update(world, WEST, drop("by-v"))
        gone = indexes_of((await healed(world))[0])

        assert (there, gone) == ([("by-v", "ALL", "ACTIVE")], [])

    in_servers(body, TWO)


def test_an_index_created_anew_under_its_name_is_the_new_one_everywhere() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await update(world, EAST, create("by-v"))
        await healed(world)
        world.down.update("ab")
        await update(world, EAST, drop("by-v"))
        await world.advance(5)
        await update(world, EAST, create("by-v", projection="KEYS_ONLY"))
        await world.advance(5)

        for table in await healed(world):
            assert indexes_of(table) == [("by-v", "KEYS_ONLY", "ACTIVE")]

    in_servers(body, TWO)


def test_of_two_indexes_of_a_name_created_apart_one_stays_everywhere() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, cut=True)
        await update(world, EAST, create("by-v"))
        await update(world, WEST, create("by-v", projection="KEYS_ONLY"))
        await world.advance(5)

        for table in await healed(world):
            assert indexes_of(table) == [("by-v", "ALL", "ACTIVE")]

    in_servers(body, TWO)


def test_of_what_is_set_apart_one_stays_everywhere() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, cut=True)
        for region, reads in ((EAST, 10), (WEST, 20)):
            await update(world, region, {"OnDemandThroughput": {"MaxReadRequestUnits": reads}})
            await world.advance(1)
        await update(world, EAST, {"OnDemandThroughput": {"MaxReadRequestUnits": 30}})

        for table in await healed(world):
            assert table.on_demand_limit == Units(30, None)

    in_servers(body, TWO)


def test_billing_is_of_all_with_their_indexes() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await update(world, EAST, create("by-v"))
        await healed(world)
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
        index = {"Update": {"IndexName": "by-v", "ProvisionedThroughput": units}}
        await update(
            world,
            WEST,
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": units,
                "GlobalSecondaryIndexUpdates": [index],
            },
        )

        for table in await healed(world):
            for given in (table.throughput, *(each.throughput for each in table.indexes)):
                assert given is not None
                assert (given.read_units, given.write_units) == (5, 6)

    in_servers(body, TWO)


async def override(world: LinkedStores, by: str, of: str, asked: Override) -> None:
    await world.of(by).groups.update(by, NAME, OverrideReplicas({of: asked}))
    await world.advance(1)


@pytest.mark.parametrize("by", [EAST, WEST])
def test_what_a_replica_has_otherwise_is_known_to_all_and_in_force_there(by: str) -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await update(world, EAST, {"OnDemandThroughput": {"MaxReadRequestUnits": 10}})
        await healed(world)
        await override(world, by, WEST, Override(Reads(on_demand=3), table_class=INFREQUENT))
        await update(world, EAST, {"OnDemandThroughput": {"MaxReadRequestUnits": 20}})

        east, west = await healed(world)
        limits = [in_force(table).on_demand_limit for table in (east, west)]
        classes = [in_force(table).table_class for table in (east, west)]
        assert east.overrides == west.overrides
        assert limits == [Units(20, None), Units(3, None)]
        assert classes == ["STANDARD", INFREQUENT]

    in_servers(body, TWO)


def test_of_overrides_set_apart_one_stays_everywhere() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, cut=True)
        for by, reads in ((EAST, 10), (WEST, 20), (EAST, 30)):
            await override(world, by, WEST, Override(Reads(on_demand=reads)))

        for table in await healed(world):
            assert table.overrides[WEST].table == Reads(on_demand=30)

    in_servers(body, TWO)


def test_new_replica_of_another_server_has_something_otherwise_from_the_beginning() -> None:
    async def body(world: LinkedStores) -> None:
        await world.of(EAST).create()
        asked = Override(Reads(on_demand=7))
        await world.of(EAST).groups.update(EAST, NAME, AddReplica(WEST, asked))
        await world.until_members(EAST, WEST)

        for table in await healed(world):
            assert table.overrides == {WEST: asked}

    in_servers(body, TWO)


def test_time_to_live_moves_to_another_attribute_everywhere() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await switch(world, WEST, "expires", is_on=True)
        first = await healed(world)
        world.down.update("ab")
        await switch(world, EAST, "expires", is_on=False)
        await world.advance(5)
        await switch(world, EAST, "ends", is_on=True)
        await world.advance(5)

        for table in first:
            assert table.expiry_attribute == "expires"
        for table in await healed(world):
            assert table.time_to_live is not None
            assert table.time_to_live.attribute == "ends"
            assert table.time_to_live.status is TimeToLiveStatus.ENABLED

    in_servers(body, TWO)


def test_a_replica_that_joins_has_the_settings_from_the_start() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        await update(world, EAST, create("by-v"))
        await switch(world, EAST, "expires", is_on=True)
        await healed(world)

        await world.of(WEST).add(SOUTH, at=WEST)
        await world.until_members(EAST, WEST, SOUTH)

        table = await world.table(SOUTH)
        assert indexes_of(table) == [("by-v", "ALL", "ACTIVE")]
        assert table.expiry_attribute == "expires"

    in_servers(body, {**TWO, "c": (SOUTH,)})
