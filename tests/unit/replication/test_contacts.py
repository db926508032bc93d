from __future__ import annotations

import pytest

from headwater.errors import ServiceError, ValidationException
from headwater.limits import contact_seconds, contact_trouble_seconds
from headwater.replication.request import AddReplica
from headwater.tables.schema import ReplicaStatus, TableStatus, Trouble
from tests.linked_stores import LinkedStores, in_servers
from tests.replicated_store import DAY, EAST, NAME, SOUTH, WEST

TWO = {"a": (EAST,), "b": (WEST,)}
THREE = {"a": (EAST,), "b": (WEST,), "c": (SOUTH,)}
A_WHILE = contact_seconds + 3 * contact_trouble_seconds


async def linked(world: LinkedStores, *regions: str) -> None:
    await world.of(EAST).create()
    for number, region in enumerate(regions, start=1):
        await world.of(EAST).add(region)
        await world.until_members(EAST, *regions[:number])


async def trouble(world: LinkedStores) -> Trouble | None:
    (replica,) = (await world.table(EAST)).replicas
    return replica.trouble


def test_a_server_that_does_not_answer_is_shown_until_it_does() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        world.down.add("b")
        await world.advance(A_WHILE)
        shown = await trouble(world)
        world.down.clear()
        await world.advance(A_WHILE)

        assert shown is not None
        assert (shown.status, shown.description) == (ReplicaStatus.REGION_DISABLED, "refused")
        assert await trouble(world) is None

    in_servers(body, TWO)


def test_a_server_that_has_lost_its_table_stays_a_replica_in_trouble() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        west = world.of(WEST)
        table = await world.table(WEST)
        await west.kill()
        await west.catalog.change(table, lambda _view, _table: None)
        await world.of(EAST).put(EAST, "a")
        await world.advance(A_WHILE)

        assert await trouble(world) is not None
        assert await world.of(EAST).values(EAST) == {"a": ""}

    in_servers(body, TWO)


def test_nothing_is_added_or_removed_while_its_server_is_away() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        world.down.update("bc")
        for change in (world.of(EAST).remove(WEST), world.of(EAST).add(SOUTH)):
            with pytest.raises(ValidationException, match="cannot be reached"):
                await change

        assert (await world.table(EAST)).status is TableStatus.ACTIVE

    in_servers(body, THREE)


def test_a_name_that_is_taken_on_the_other_server_is_refused() -> None:
    async def body(world: LinkedStores) -> None:
        await world.of(EAST).create()
        await world.of(WEST).create(WEST)

        with pytest.raises(ValidationException, match="already existed as tables"):
            await world.of(EAST).add(WEST)

        assert (await world.table(EAST)).replicas == ()

    in_servers(body, TWO)


def test_a_server_that_does_not_know_a_member_is_not_joined() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        del world.peers["c"][WEST]

        with pytest.raises(ValidationException, match=f"has no peer for {WEST}"):
            await world.of(EAST).groups.update(EAST, NAME, AddReplica(SOUTH))

    in_servers(body, THREE)


def test_a_replica_is_not_removed_against_its_servers_protection() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        table = await world.table(WEST)
        await world.of(WEST).catalog.change(
            table, lambda _view, present: present.changed(is_deletion_protected=True)
        )

        with pytest.raises(ServiceError, match="protected against deletion"):
            await world.of(EAST).remove(WEST)

    in_servers(body, TWO)


def test_a_region_taken_out_of_the_configuration_is_let_go_and_learns_it() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST, SOUTH)
        await world.of(EAST).put(EAST, "a")
        await world.drained()
        world.down.add("c")
        for name in ("a", "b"):
            world.wires[name].forget(SOUTH)

        await world.of(EAST).remove(SOUTH)
        await world.until_members(EAST, WEST)
        world.down.clear()
        await world.advance(A_WHILE)

        south = await world.table(SOUTH)
        assert (south.status, south.replicas) == (TableStatus.ACTIVE, ())
        assert await world.of(SOUTH).values(SOUTH) == {"a": ""}

    in_servers(body, THREE)


def test_a_table_deleted_at_home_sends_what_it_has_taken_first() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        west = world.of(WEST)
        world.down.add("a")
        await west.put(WEST, "late", "x")
        await west.catalog.delete(WEST, NAME)
        await world.advance(A_WHILE)
        assert await west.has_table(WEST)

        world.down.clear()
        await world.until_members(EAST)

        assert not await west.has_table(WEST)
        assert await world.of(EAST).values(EAST) == {"late": "x"}

    in_servers(body, TWO)


def test_after_an_outage_that_the_log_does_not_span_everything_is_there() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world, WEST)
        east, west = world.of(EAST), world.of(WEST)
        await east.put(EAST, "gone", "x")
        await world.drained()
        world.down.add("b")
        await east.delete(EAST, "gone")
        await east.put(EAST, "new", "x")
        await world.advance(DAY, step=DAY / 20)
        world.down.clear()
        await world.drained()

        assert await west.values(WEST) == {"new": "x"}

    in_servers(body, TWO)
