"""When items expire, the entries that follow it, and time to live switched on and off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headwater.errors import ResourceInUseException, ServiceError, ValidationException
from headwater.expressions import update
from headwater.expressions.bind import Placeholders
from headwater.limits import expiry_age_seconds_max, expiry_foresight_seconds
from headwater.storage.committer import View
from headwater.storage.keyspace import TableId
from headwater.tables import expiry, keys, schema
from headwater.tables.schema import (
    KeyAttribute,
    KeySchema,
    Partition,
    Table,
    TableStatus,
    TimeToLive,
    TimeToLiveStatus,
)
from headwater.tables.write import Action, Delete, Put, Update, Write, apply, reads_of
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

NOW = 1_700_000_000
TABLE = Table(
    "us-east-1",
    "Sessions",
    TableId("00000000-0000-0000-0000-000000000001"),
    TableStatus.ACTIVE,
    1_700_000_000.0,
    KeySchema((KeyAttribute("id", "S"),)),
    (Partition(0),),
    time_to_live=TimeToLive("ttl", TimeToLiveStatus.ENABLED),
)
KEY = keys.of_key(TABLE, {"id": {"S": "1"}})


class World:
    """One item of a table, and what is stored."""

    def __init__(self, status: TimeToLiveStatus | None = TimeToLiveStatus.ENABLED) -> None:
        time_to_live = None if status is None else TimeToLive("ttl", status)
        self.table = replace(TABLE, time_to_live=time_to_live)
        self.state: dict[bytes, bytes | None] = {self.table.key: schema.encode(self.table)}
        self.topics: set[bytes] = set()

    def write(self, action: Action) -> World:
        write = Write(self.table, KEY, action)
        for key in reads_of(write):
            self.state.setdefault(key, None)
        view = View(self.state)
        apply(view, write, NOW * 1_000_000)
        self.state.update(view._own)
        self.topics = view._topics
        return self

    def entries(self) -> list[tuple[int, bytes]]:
        """Times and items of the expiry entries."""
        return [
            (expiry.seconds_of_entry(self.table, key), expiry.item_key(self.table, key))
            for key, value in self.state.items()
            if key[:1] == b"e" and value is not None
        ]


def stored(item: Item) -> bytes:
    canonical, size = items.normalise(item)
    return codec.encode(canonical, size)


def put(seconds: int | str | None, **others: Any) -> Put:
    time = {} if seconds is None else {"ttl": {"N": str(seconds)}}
    item: Item = {"id": {"S": "1"}, **time, **others}
    return Put(item, stored(item))


def setting(text: str, values: dict[str, Any] | None = None) -> Update:
    return Update(update.parse(text, Placeholders({"#ttl": "ttl"}, values)))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ({"N": "1700000000"}, 1_700_000_000),
        ({"N": "1700000000.999"}, 1_700_000_000),
        ({"N": "0"}, 0),
        ({"N": "0.5"}, 0),
        ({"N": "1700000000000"}, 1_700_000_000_000),
        ({"N": "-1"}, None),
        ({"N": "-0.5"}, None),
        ({"N": "1" + "0" * 18}, None),
        ({"N": "1" + "0" * 125}, None),
        ({"S": "1700000000"}, None),
        ({"NS": ["1700000000"]}, None),
        ({"M": {"ttl": {"N": "1700000000"}}}, None),
        ({"L": [{"N": "1700000000"}]}, None),
        ({"NULL": True}, None),
    ],
)
def test_only_a_number_is_a_time_and_only_whole_seconds_count(value, seconds):
    item = {"id": {"S": "1"}, "ttl": value}

    assert expiry.seconds_of("ttl", stored(item), None) == seconds
    assert expiry.seconds_of("ttl", stored(item), item) == seconds


@pytest.mark.parametrize("name", ["ttl", 'a "quoted" one', "größe", "\U0001f552", "a\\b", "\n"])
def test_the_attribute_may_have_any_name(name):
    assert expiry.seconds_of(name, stored({"id": {"S": "1"}, name: {"N": "7"}}), None) == 7


def test_an_item_without_the_attribute_never_expires():
    assert expiry.seconds_of("ttl", stored({"id": {"S": "1"}, "age": {"N": "7"}}), None) is None
    assert expiry.seconds_of("ttl", None, None) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (NOW, True),
        (NOW + 1, False),
        (NOW - expiry_age_seconds_max, True),
        (NOW - expiry_age_seconds_max - 1, False),
    ],
)
def test_an_item_is_expired_from_its_second_on_for_five_years(seconds, expected):
    item = stored({"id": {"S": "1"}, "ttl": {"N": str(seconds)}})

    assert expiry.is_expired(TABLE, item, NOW) == expected


def test_nothing_is_expired_without_time_to_live():
    item = stored({"id": {"S": "1"}, "ttl": {"N": str(NOW)}})

    assert not expiry.is_expired(replace(TABLE, time_to_live=None), item, NOW)


def test_entries_are_in_the_order_of_time_and_tell_it_and_their_item():
    times = [0, 1, 255, 256, NOW, 10**18 - 1]

    found = [expiry.entry_key(TABLE, seconds, KEY.stored) for seconds in times]

    assert sorted(found) == found
    assert [expiry.seconds_of_entry(TABLE, entry) for entry in found] == times
    assert {expiry.item_key(TABLE, entry) for entry in found} == {KEY.stored}


def test_an_entry_follows_the_time_of_its_item():
    world = World()

    seen = [
        world.write(action).entries()
        for action in (
            put(NOW),
            put(NOW, colour={"S": "red"}),
            put(NOW + 1),
            setting("SET #ttl = :t", {":t": {"N": str(NOW + 2)}}),
            setting("SET colour = :c", {":c": {"S": "blue"}}),
            setting("SET #ttl = :t", {":t": {"S": "never"}}),
            setting("SET #ttl = :t", {":t": {"N": str(NOW + 3)}}),
            setting("REMOVE #ttl"),
            put(NOW + 4),
            Delete(),
        )
    ]

    times = [NOW, NOW, NOW + 1, NOW + 2, NOW + 2, None, NOW + 3, None, NOW + 4, None]
    assert seen == [[] if time is None else [(time, KEY.stored)] for time in times]


@pytest.mark.parametrize("status", [None, TimeToLiveStatus.DISABLING])
def test_no_entry_is_kept_where_time_to_live_is_off_or_going_off(status):
    world = World(status)

    assert world.write(put(NOW)).entries() == []


def test_entries_are_kept_while_time_to_live_is_being_enabled():
    world = World(TimeToLiveStatus.ENABLING)

    assert world.write(put(NOW)).entries() == [(NOW, KEY.stored)]


@pytest.mark.parametrize(("after", "wakes"), [(0, True), (3600, True), (3601, False)])
def test_an_item_that_expires_before_the_next_round_wakes_who_deletes_it(after, wakes):
    assert expiry_foresight_seconds == 3600

    world = World().write(put(NOW + after))

    assert (expiry.WAKING_TOPIC in world.topics) == wakes


def switched(table: Table, attribute: str = "ttl", *, is_on: bool) -> Table:
    return expiry.switched(View({}), table, attribute, is_on=is_on)


def test_switching_on_is_enabling_by_an_attribute_and_names_the_table_before_its_entries():
    view = View({})
    table = replace(TABLE, time_to_live=None)

    enabling = expiry.switched(view, table, "until", is_on=True)

    assert enabling.time_to_live == TimeToLive("until", TimeToLiveStatus.ENABLING)
    assert enabling.version == table.version + 1
    assert view._own == {table.expiries_prefix: table.key}


def test_switching_off_is_disabling():
    assert switched(TABLE, is_on=False).time_to_live == TimeToLive(
        "ttl", TimeToLiveStatus.DISABLING
    )


@pytest.mark.parametrize(
    ("time_to_live", "attribute", "is_on", "message"),
    [
        (None, "ttl", False, "TimeToLive is already disabled"),
        (TimeToLiveStatus.ENABLED, "ttl", True, "TimeToLive is already enabled"),
        (
            TimeToLiveStatus.ENABLED,
            "other",
            True,
            "TimeToLive is active on a different AttributeName: current AttributeName is ttl",
        ),
        (
            TimeToLiveStatus.ENABLED,
            "other",
            False,
            "TimeToLive is active on a different AttributeName: current AttributeName is ttl",
        ),
        (
            TimeToLiveStatus.ENABLING,
            "ttl",
            False,
            "Time to live has been modified multiple times within a fixed interval",
        ),
        (
            TimeToLiveStatus.DISABLING,
            "ttl",
            True,
            "Time to live has been modified multiple times within a fixed interval",
        ),
    ],
)
def test_a_switch_that_cannot_be_is_refused(time_to_live, attribute, is_on, message):
    with pytest.raises(ValidationException) as refused:
        switched(World(time_to_live).table, attribute, is_on=is_on)

    assert refused.value.message == message


@pytest.mark.parametrize(
    ("status", "doing"), [(TableStatus.CREATING, "created"), (TableStatus.DELETING, "deleted")]
)
def test_a_table_that_comes_or_goes_is_in_use(status, doing):
    with pytest.raises(ServiceError) as refused:
        switched(replace(TABLE, status=status, time_to_live=None), is_on=True)

    assert isinstance(refused.value, ResourceInUseException)
    assert refused.value.message == (
        f"Attempt to change a resource which is still in use: Table is being {doing}: Sessions"
    )


def test_a_stored_table_keeps_its_time_to_live():
    assert schema.decode(schema.encode(TABLE)).time_to_live == TABLE.time_to_live


def test_a_table_stored_before_there_was_time_to_live_has_none():
    encoded = schema.encode(replace(TABLE, time_to_live=None))

    old = encoded.replace(b',"time_to_live":null', b"")

    assert old != encoded
    assert schema.decode(old).time_to_live is None
