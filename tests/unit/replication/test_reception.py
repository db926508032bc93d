"""What a peer says that it may not, or that nobody could mean."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from headwater.errors import (
    AccessDeniedException,
    ResourceInUseException,
    ResourceNotFoundException,
    SerializationException,
    ServiceError,
    ValidationException,
)
from headwater.limits import peer_items_max
from headwater.replication import state as states
from headwater.replication.exchange import state_of
from headwater.replication.link import End
from headwater.storage.keyspace import TableId
from tests.linked_stores import LinkedStores, in_servers
from tests.replicated_store import EAST, NAME, SOUTH, WEST

THREE = {"a": (EAST,), "b": (WEST,), "c": (SOUTH,)}
KEY, OTHER_KEY = "a-b", "b-c"
NOBODY = "11111111-2222-3333-4444-555555555555"
NOW_US = 1_700_000_000_000_000

Body = dict[str, Any]


async def linked(world: LinkedStores) -> Body:
    """A table of two servers; returns the beginning of what the first sends to the second."""
    await world.of(EAST).create()
    await world.of(EAST).add(WEST)
    await world.until_members(EAST, WEST)
    east, west = await world.table(EAST), await world.table(WEST)
    return {
        "Version": 1,
        "Name": NAME,
        "From": {"Region": EAST, "TableId": east.table_id},
        "To": {"Region": WEST, "TableId": west.table_id},
    }


def put(key: str = "a", **changes: Any) -> Body:
    item = {"k": {"S": key}, "v": {"S": "x"}}
    return {"Time": NOW_US, "Region": EAST, "Item": item, **changes}


def refused(
    change: Callable[[Body], Any], error: type[ServiceError], caller: str | None = KEY
) -> str:
    """What the second server says to a message with items after a change of it; it takes none."""
    said: list[str] = []

    async def body(world: LinkedStores) -> None:
        message = {**await linked(world), "Items": [put()]}
        changed = change(message)
        with pytest.raises(error) as raised:
            await world.of(WEST).reception.take(caller, message if changed is None else changed)
        said.append(str(raised.value))
        assert await world.of(WEST).values(WEST) == {}

    in_servers(body, THREE)
    return said[0]


def test_items_of_a_peer_are_applied() -> None:
    async def body(world: LinkedStores) -> None:
        message = {**await linked(world), "Items": [put("a"), put("b")]}
        reception = world.of(WEST).reception

        applied = [await reception.take(KEY, message) for _ in range(2)]

        assert applied == [2, 0]
        assert await world.of(WEST).values(WEST) == {"a": "x", "b": "x"}

    in_servers(body, THREE)


@pytest.mark.parametrize("caller", [None, "client", OTHER_KEY])
def test_who_does_not_speak_for_a_region_is_refused(caller: str | None) -> None:
    said = refused(lambda message: None, AccessDeniedException, caller)

    assert said == f"This key does not speak for the region {EAST}"


def test_a_replica_that_the_table_does_not_know_is_refused() -> None:
    def change(message: Body) -> None:
        message["From"]["TableId"] = NOBODY

    said = refused(change, AccessDeniedException)

    assert said == "The table is not shared with this replica"


def test_a_region_that_is_not_of_the_server_is_refused() -> None:
    def change(message: Body) -> None:
        message["To"]["Region"] = SOUTH

    assert refused(change, ValidationException) == (
        f"The region {SOUTH} is not one of this server's"
    )


def test_a_replica_that_is_not_there_is_said_to_be_gone() -> None:
    def change(message: Body) -> None:
        message["To"]["TableId"] = NOBODY

    refused(change, ResourceNotFoundException)


def _items(*items: Any) -> Callable[[Body], None]:
    return lambda message: message.update(Items=list(items))


MALFORMED: dict[str, Callable[[Body], Any]] = {
    "no object": lambda _: [],
    "another version": lambda message: message.update(Version=2),
    "no name": lambda message: message.pop("Name"),
    "a name with a slash": lambda message: message.update(Name="a/b/c"),
    "an end that is a text": lambda message: message.update(From="us-east-1"),
    "an id that is none": lambda message: message["To"].update(TableId="x"),
    "a region that is none": lambda message: message["From"].update(Region="\x00"),
    "no items": lambda message: message.pop("Items"),
    "items that are none": lambda message: message.update(Items={"a": 1}),
    "too many items": _items(*[put()] * (peer_items_max + 1)),
    "an item that is a number": _items(1),
    "an item without a time": _items({"Region": EAST, "Item": {"k": {"S": "a"}}}),
    "a time that is true": _items(put(Time=True)),
    "a time before all": _items(put(Time=-1)),
    "a region that is a number": _items(put(Region=1)),
    "an item without its key": _items(put(Item={"v": {"S": "x"}})),
    "an item with a key of another type": _items(put(Item={"k": {"N": "1"}})),
    "an item with an empty key": _items(put(Item={"k": {"S": ""}})),
    "an item with a key that is too long": _items(put(Item={"k": {"S": "x" * 2049}})),
    "an item that is too large": _items(put(Item={"k": {"S": "a"}, "v": {"S": "x" * 409_600}})),
    "an item of no type": _items(put(Item={"k": {"S": "a"}, "v": {"Q": 1}})),
    "an item that is a list": _items(put(Item=[1])),
    "a deletion without a place": _items({"Time": NOW_US, "Region": EAST}),
    "a place that is no base64": _items({"Time": NOW_US, "Region": EAST, "Place": "?"}),
    "a place of another hash": _items(
        {"Time": NOW_US, "Region": EAST, "Place": "AAAAAAAAAABhAAE="}
    ),
    "a place without an end": _items({"Time": NOW_US, "Region": EAST, "Place": "AAAAAAAAAABh"}),
    "one good item and one that is not": _items(put("a"), put("b", Time="now")),
}


def test_what_is_malformed_is_refused_whole() -> None:
    async def body(world: LinkedStores) -> None:
        message = {**await linked(world), "Items": [put()]}
        taken = []
        for fault, change in MALFORMED.items():
            spoiled = copy.deepcopy(message)
            given = change(spoiled)
            try:
                await world.of(WEST).reception.take(KEY, given if given == [] else spoiled)
            except (ValidationException, SerializationException):
                continue
            taken.append(fault)
        assert taken == []
        assert await world.of(WEST).values(WEST) == {}

    in_servers(body, THREE)


def test_a_write_from_the_future_is_refused() -> None:
    hours_ahead = NOW_US + 3 * 3600 * 1_000_000

    said = refused(_items(put(Time=hours_ahead)), ValidationException)

    assert "The servers' clocks must agree" in said


def state(world: LinkedStores, change: Callable[[Body], None]) -> Coroutine[Any, Any, bytes]:
    """The first server's state, changed, told to the second."""

    async def tell() -> bytes:
        east, west = await world.table(EAST), await world.table(WEST)
        told = states.encode(state_of(east, End(WEST, west.table_id), ()))
        body: Body = orjson.loads(told)
        change(body)
        return await world.of(WEST).reception.exchange(KEY, body)

    return tell()


OVERRIDE: dict[str, Any] = {
    "table": {},
    "indexes": {},
    "table_class": None,
    "class_changed_at": None,
}
SPOILED_STATES: list[Callable[[Body], Any]] = [
    lambda body: body.pop("Members"),
    lambda body: body.update(Members=[{"Region": EAST, "TableId": "x", "Status": "ACTIVE"}]),
    lambda body: body["Members"][0].update(Status="ARCHIVED"),
    lambda body: body["Members"][0].update(Status=["ACTIVE"]),
    lambda body: body.update(Members=body["Members"] * 100),
    lambda body: body.update(Departed=[1]),
    lambda body: body.update(Table=[]),
    lambda body: body["Table"].pop("KeySchema"),
    lambda body: body["Table"].update(BillingMode="FREE"),
    lambda body: body.update(ExpiresBy=""),
    lambda body: body.update(ExpiresBy=7),
    lambda body: body.update(Shared={"capacity": [1]}),
    lambda body: body.update(Shared={"capacity": [-1, EAST]}),
    lambda body: body.update(Shared={"capacity": [2**63, EAST]}),
    lambda body: body.update(Overrides=[]),
    lambda body: body.update(Overrides={EAST: {}}),
    lambda body: body.update(Overrides={EAST: {**OVERRIDE, "table_class": "GOLD"}}),
    lambda body: body.update(Overrides={EAST: {**OVERRIDE, "class_changed_at": "now"}}),
    lambda body: body.update(Overrides={EAST: {**OVERRIDE, "table": {"provisioned": 0}}}),
    lambda body: body.update(Overrides={EAST: {**OVERRIDE, "table": {"on_demand": -2}}}),
    lambda body: body.update(Overrides={EAST: {**OVERRIDE, "indexes": {"": {}}}}),
    lambda body: body.update(Overrides={"here": OVERRIDE}),
    lambda body: body.update(HasFilled="yes"),
    lambda body: body.update(SoundUs=1.5),
]


def test_a_state_that_is_malformed_changes_nothing() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        before = await world.table(WEST)
        for change in SPOILED_STATES:
            with pytest.raises(ValidationException):
                await state(world, change)
        assert await world.table(WEST) == before

    in_servers(body, THREE)


def test_a_peer_cannot_have_a_table_of_that_name_taken_over() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        member = {"Region": SOUTH, "TableId": NOBODY, "Status": "CREATING"}
        await world.of(SOUTH).create(SOUTH)
        message: Body = {}

        def change(body: Body) -> None:
            body["To"] = {"Region": SOUTH, "TableId": NOBODY}
            body["Members"].append(member)
            message.update(body)

        with pytest.raises(ValidationException):
            await state(world, change)  # to the wrong server
        with pytest.raises(ResourceInUseException):
            await world.of(SOUTH).reception.exchange("a-c", message)

        assert (await world.table(SOUTH)).replicas == ()

    in_servers(body, THREE)


def test_a_stranger_cannot_join_by_naming_itself() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        before = await world.table(WEST)

        def change(body: Body) -> None:
            body["From"]["TableId"] = NOBODY

        with pytest.raises(AccessDeniedException):
            await state(world, change)

        assert await world.table(WEST) == before

    in_servers(body, THREE)


def test_a_member_of_a_region_here_is_not_believed_in() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)

        def change(body: Body) -> None:
            body["Members"].append({"Region": "eu-west-2", "TableId": NOBODY, "Status": "ACTIVE"})

        await state(world, change)

        assert [each.region for each in (await world.table(WEST)).replicas] == [EAST]

    in_servers(body, THREE)


def test_tags_and_policies_of_a_peers_table_are_not_taken() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        message: Body = {}

        def change(body: Body) -> None:
            body["To"] = {"Region": SOUTH, "TableId": NOBODY}
            body["Members"].append({"Region": SOUTH, "TableId": NOBODY, "Status": "CREATING"})
            body["Table"]["Tags"] = [{"Key": "a", "Value": "b"}]
            body["Table"]["DeletionProtectionEnabled"] = True
            message.update(body)

        with pytest.raises(ValidationException):
            await state(world, change)
        await world.of(SOUTH).reception.exchange("a-c", message)

        made = await world.table(SOUTH)
        assert made.table_id == TableId(NOBODY)
        assert (made.tags, made.is_deletion_protected) == ({}, False)
        assert {each.region for each in made.replicas} == {EAST, WEST}

    in_servers(body, THREE)


def test_consulting_about_a_table_that_is_not_shared_is_refused() -> None:
    async def body(world: LinkedStores) -> None:
        await linked(world)
        west = await world.table(WEST)
        question = {
            "Version": 1,
            "Name": NAME,
            "From": {"Region": EAST, "TableId": NOBODY},
            "Region": WEST,
            "TableId": west.table_id,
            "Members": [],
        }
        reception = world.of(WEST).reception
        for purpose in ("Join", "Delete"):
            with pytest.raises(AccessDeniedException):
                await reception.consult(KEY, {**question, "Purpose": purpose})
        with pytest.raises(ValidationException):
            await reception.consult(KEY, {**question, "Purpose": "Take"})
        with pytest.raises(ValidationException):
            await reception.consult(KEY, {**question, "Purpose": "Join", "Region": EAST})

    in_servers(body, THREE)


def test_whatever_stands_for_a_member_is_answered_by_a_clients_error() -> None:
    odd: list[Any] = [None, True, 7, 1.5, "", "x", [], {}, [None], {"a": None}, "\x00" * 10]

    async def body(world: LinkedStores) -> None:
        message = {**await linked(world), "Items": [put()]}
        reception = world.of(WEST).reception
        for name in message:
            for value in odd:
                if (name, value) == ("Items", []):
                    continue
                with pytest.raises(ServiceError) as raised:
                    await reception.take(KEY, {**message, name: value})
                assert raised.value.status < 500

    in_servers(body, THREE)
