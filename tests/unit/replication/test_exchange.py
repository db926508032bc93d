from __future__ import annotations

from tests.linked_stores import LinkedStores, in_servers
from tests.replicated_store import EAST, SOUTH, WEST

TWO = {"a": (EAST,), "b": (WEST,)}
THREE = {"a": (EAST,), "b": (WEST,), "c": (SOUTH,)}


def test_a_replica_on_another_server_is_made_and_filled() -> None:
    async def body(world: LinkedStores) -> None:
        east = world.of(EAST)
        await east.create()
        for number in range(30):
            await east.put(EAST, f"key-{number}", "old")

        await east.add(WEST)
        await world.until_members(EAST, WEST)

        assert await world.of(WEST).values(WEST) == await east.values(EAST)
        assert await world.of(WEST).content(WEST)

    in_servers(body, TWO)


def test_writes_go_both_ways() -> None:
    async def body(world: LinkedStores) -> None:
        east, west = world.of(EAST), world.of(WEST)
        await east.create()
        await east.add(WEST)
        await world.until_members(EAST, WEST)

        await east.put(EAST, "a", "east")
        await west.put(WEST, "b", "west")
        await east.put(EAST, "c", "gone")
        await world.drained()
        await west.delete(WEST, "c")
        await world.drained()

        assert await east.values(EAST) == await west.values(WEST) == {"a": "east", "b": "west"}
        assert await east.content(EAST) == await west.content(WEST)

    in_servers(body, TWO)


def test_a_third_server_hears_from_both() -> None:
    async def body(world: LinkedStores) -> None:
        east, west = world.of(EAST), world.of(WEST)
        await east.create()
        await east.add(WEST)
        await world.until_members(EAST, WEST)
        await west.put(WEST, "before", "west")

        await west.add(SOUTH, at=WEST)
        await east.put(EAST, "meanwhile", "east")
        await world.until_members(EAST, WEST, SOUTH)
        await world.drained()

        assert await world.of(SOUTH).values(SOUTH) == {"before": "west", "meanwhile": "east"}

    in_servers(body, THREE)


def test_a_replica_removed_from_afar_goes_and_all_forget_it() -> None:
    async def body(world: LinkedStores) -> None:
        east, west = world.of(EAST), world.of(WEST)
        await east.create()
        await east.add(WEST)
        await world.until_members(EAST, WEST)
        await east.add(SOUTH)
        await world.until_members(EAST, WEST, SOUTH)

        await west.remove(SOUTH, at=WEST)
        await world.until_members(EAST, WEST)

        assert not await world.of(SOUTH).has_table(SOUTH)

    in_servers(body, THREE)
