from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from headwater.clock import SeededChance
from headwater.errors import (
    ConditionalCheckFailedException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.expressions import condition, update
from headwater.expressions.bind import Placeholders
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.keyspace import IndexId, TableId
from headwater.streams import entry as entries
from headwater.streams.entry import NO_IMAGE, Entry, Kind
from headwater.streams.shard import Opening
from headwater.streams.window import ViewType
from headwater.tables import keys, partitions, schema
from headwater.tables.schema import (
    Index,
    IndexStatus,
    KeyAttribute,
    KeySchema,
    Partition,
    ProjectionType,
    Table,
    TableStatus,
)
from headwater.tables.write import (
    Action,
    Check,
    Delete,
    Effect,
    Put,
    TableChanged,
    Update,
    Write,
    apply,
    reads_of,
)
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

NOW_US = 1_700_000_000_000_000
TABLE = Table(
    "us-east-1",
    "Orders",
    TableId("00000000-0000-0000-0000-000000000001"),
    TableStatus.ACTIVE,
    1_700_000_000.0,
    KeySchema((KeyAttribute("id", "S"),)),
    (Partition(0),),
)
INDEX = Index(
    "by_colour",
    IndexId("00000000000000aa"),
    is_global=True,
    keys=KeySchema((KeyAttribute("colour", "S"),)),
    projection=ProjectionType.KEYS_ONLY,
)
RED: Item = {"id": {"S": "1"}, "colour": {"S": "red"}}
BLUE: Item = {"id": {"S": "1"}, "colour": {"S": "blue"}}


class World:
    """What is stored, as a commit would leave it."""

    def __init__(self, table: Table = TABLE) -> None:
        self.state: dict[bytes, bytes | None] = {}
        self.table = table
        self.state[table.key] = schema.encode(table)

    def with_stream(self) -> World:
        view = View(self.state)
        opening = Opening("label", NOW_US, SeededChance(1))
        self.table = partitions.switch_on(view, self.table, opening, ViewType.KEYS_ONLY)
        self.state[self.table.key] = schema.encode(self.table)
        self._take(view)
        return self

    def write(self, action: Action, **options: Any) -> Effect:
        if "condition" in options:
            text, values = options["condition"]
            placeholders = Placeholders(None, values)
            options["condition"] = condition.parse(text, placeholders, "ConditionExpression")
        write = Write(self.table, self.key(), action, **options)
        for key in reads_of(write):
            self.state.setdefault(key, None)
        view = View(self.state)
        effect = apply(view, write, NOW_US)
        self._take(view)
        return effect

    def key(self) -> keys.ItemKey:
        return keys.of_key(self.table, {"id": {"S": "1"}})

    def item(self) -> Item | None:
        stored = self.state.get(self.key().stored)
        return None if stored is None else codec.decode(stored)

    def log(self) -> list[Entry]:
        return [
            entries.decode(value)
            for key, value in sorted(self.state.items())
            if key[:1] == b"l" and value is not None
        ]

    def index_entries(self) -> list[Item]:
        return [
            codec.decode(value)
            for key, value in sorted(self.state.items())
            if key[:1] == b"x" and value is not None
        ]

    def _take(self, view: View) -> None:
        self.state.update(view._own)


def put(item: Item) -> Put:
    canonical, size = items.normalise(item)
    return Put(canonical, codec.encode(canonical, size))


def updating(text: str, values: dict[str, Any] | None = None) -> Update:
    return Update(update.parse(text, Placeholders(None, values)))


def test_put_stores_the_item_and_gives_the_old_one() -> None:
    world = World()
    world.write(put(RED))

    effect = world.write(put(BLUE))

    assert world.item() == BLUE
    assert effect.old is not None
    assert codec.decode(effect.old) == RED


def test_delete_removes_the_item() -> None:
    world = World()
    world.write(put(RED))

    world.write(Delete())

    assert world.item() is None


def test_update_changes_the_item() -> None:
    world = World()
    world.write(put(RED))

    effect = world.write(updating("SET colour = :c", {":c": {"S": "blue"}}))

    assert world.item() == effect.new_item == BLUE


def test_update_without_expression_makes_an_item_of_its_key() -> None:
    world = World()

    world.write(Update(None))

    assert world.item() == {"id": {"S": "1"}}


def test_update_that_only_removes_makes_no_item() -> None:
    world = World().with_stream()

    effect = world.write(updating("REMOVE colour"))

    assert (effect.new, world.item(), world.log()) == (None, None, [])


def test_update_beyond_the_size_limit_is_refused() -> None:
    world = World()
    world.write(put(RED))

    with pytest.raises(ValidationException, match="Item size to update has exceeded"):
        world.write(updating("SET lengthy = :l", {":l": {"S": "x" * 409_600}}))
    assert world.item() == RED


def test_failed_condition_changes_nothing() -> None:
    world = World().with_stream()

    with pytest.raises(ConditionalCheckFailedException) as raised:
        world.write(put(RED), condition=("attribute_exists(id)", None))

    assert raised.value.message == "The conditional request failed"
    assert (world.item(), world.log(), raised.value.members) == (None, [], {})


def test_failed_condition_shows_the_item_when_asked() -> None:
    world = World()
    world.write(put(RED))

    with pytest.raises(ConditionalCheckFailedException) as raised:
        world.write(put(BLUE), condition=("attribute_not_exists(id)", None), shows_item=True)

    assert raised.value.members == {"Item": RED}


def test_check_changes_nothing() -> None:
    world = World().with_stream()
    world.write(put(RED))

    world.write(Check(), condition=("attribute_exists(id)", None))

    assert (world.item(), len(world.log())) == (RED, 1)


def test_each_change_makes_one_entry_of_its_kind() -> None:
    world = World().with_stream()

    world.write(put(RED))
    world.write(put(BLUE))
    world.write(Delete())

    log = world.log()
    assert [entry.kind for entry in log] == [Kind.INSERT, Kind.MODIFY, Kind.REMOVE]
    assert [orjson.loads(entry.new.body or b"null") for entry in log] == [RED, BLUE, None]
    assert [orjson.loads(entry.old.body or b"null") for entry in log] == [None, RED, BLUE]
    assert {entry.keys.body for entry in log} == {b'{"id":{"S":"1"}}'}


def test_entry_tells_sizes_as_dynamodb_counts_them() -> None:
    world = World().with_stream()

    world.write(put(RED))

    (entry,) = world.log()
    assert (entry.keys.size, entry.new.size, entry.old) == (3, 3 + 9, NO_IMAGE)


@pytest.mark.parametrize(
    "action",
    [
        put({"colour": {"S": "red"}, "id": {"S": "1"}}),
        updating("SET colour = :c", {":c": {"S": "red"}}),
        updating("REMOVE size_of_it"),
        Update(None),
    ],
)
def test_change_that_changes_nothing_makes_no_entry(action: Action) -> None:
    world = World().with_stream()
    world.write(put(RED))

    world.write(action)

    assert len(world.log()) == 1


def test_delete_of_a_missing_item_makes_no_entry() -> None:
    world = World().with_stream()

    world.write(Delete())

    assert world.log() == []


def test_service_write_is_marked() -> None:
    world = World().with_stream()
    world.write(put(RED))

    world.write(Delete(), is_by_service=True)

    assert [entry.is_by_service for entry in world.log()] == [False, True]


def test_index_follows_the_item() -> None:
    world = World(replace(TABLE, indexes=(INDEX,)))

    world.write(put({**RED, "other": {"N": "1"}}))
    first = world.index_entries()
    world.write(put(BLUE))
    second = world.index_entries()
    world.write(put({"id": {"S": "1"}}))

    assert (first, second, world.index_entries()) == ([RED], [BLUE], [])


def test_index_being_deleted_is_left_alone() -> None:
    world = World(replace(TABLE, indexes=(replace(INDEX, status=IndexStatus.DELETING),)))

    world.write(put(RED))

    assert world.index_entries() == []


def test_item_whose_index_key_has_another_type_is_refused() -> None:
    world = World(replace(TABLE, indexes=(INDEX,)))

    with pytest.raises(ValidationException) as raised:
        world.write(put({"id": {"S": "1"}, "colour": {"N": "3"}}))

    assert raised.value.message == (
        "One or more parameter values were invalid: Type mismatch for Index Key colour "
        "Expected: S Actual: N IndexName: by_colour"
    )


@pytest.mark.parametrize(
    "stored",
    [
        None,
        schema.encode(replace(TABLE, status=TableStatus.DELETING)),
        schema.encode(replace(TABLE, table_id=TableId("00000000-0000-0000-0000-000000000002"))),
    ],
)
def test_table_that_is_gone_takes_no_write(stored: bytes | None) -> None:
    world = World()
    world.state[TABLE.key] = stored

    with pytest.raises(ResourceNotFoundException):
        world.write(put(RED))


def test_stream_enabled_since_the_plan_sends_the_write_back() -> None:
    world = World()
    planned = world.table
    world.with_stream()
    write = Write(planned, world.key(), put(RED))
    state = {key: world.state.get(key) for key in reads_of(write)}

    with pytest.raises(TableChanged):
        apply(View(state), write, NOW_US)


def test_shard_closed_since_the_plan_sends_the_write_back() -> None:
    world = World().with_stream()
    planned = world.table
    view = View(world.state)
    (partition,) = planned.partitions
    assert partition.shard_id is not None
    opening = Opening("label", NOW_US, SeededChance(2))
    rolled = partitions.roll_over(view, planned, partition.shard_id, opening)
    world._take(view)
    world.state[TABLE.key] = schema.encode(rolled)
    write = Write(planned, world.key(), put(RED))

    with pytest.raises(TableChanged):
        apply(View({key: world.state.get(key) for key in reads_of(write)}), write, NOW_US)


def test_stream_disabled_since_the_plan_writes_without_it() -> None:
    world = World().with_stream()
    planned = world.table
    view = View(
        {
            **world.state,
            keyspace.stream("us-east-1", "Orders", "label"): world.state[
                keyspace.stream("us-east-1", "Orders", "label")
            ],
        }
    )
    world.table = partitions.switch_off(view, planned, NOW_US)
    world._take(view)
    world.state[TABLE.key] = schema.encode(world.table)

    world.write(put(RED))

    assert (world.item(), world.log()) == (RED, [])
