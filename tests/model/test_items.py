"""Random histories of every write operation against a plain dict, with the stream toggled.

Held after every step: the table has the model's items, its indexes agree with them, and one entry
was logged for each item that changed, none for others. Held for every stream: its entries, replayed
over the items at its start, give the items at its end, in numbers that grow along every lineage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headwater.errors import ConditionalCheckFailedException, TransactionCanceledException
from headwater.storage import keyspace
from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.entry import Entry, Kind
from headwater.streams.shard import Opening, Shard
from headwater.tables import index as indexes
from headwater.tables import keys, partitions
from headwater.tables.schema import ProjectionType, Table
from headwater.values import codec
from headwater.values.order import HASH_BYTES
from tests.item_store import ItemStore, new_index, new_table

Key = tuple[str, str]
Stored = dict[Key, dict[str, Any]]

INDEXES = [
    new_index("ByGroup", "g n", types={"n": "N"}, projection=ProjectionType.KEYS_ONLY),
    new_index("Groups", "g"),
    new_index(
        "ByNumber",
        "pk n",
        is_global=False,
        types={"n": "N"},
        projection=ProjectionType.INCLUDE,
        attributes=("v",),
    ),
]
CONDITIONS = {
    "there": "attribute_exists(pk)",
    "not there": "attribute_not_exists(pk)",
    "numbered": "n > :zero",
}
UPDATES = {
    "count": "ADD n :one",
    "group": "SET g = :g",
    "leave group": "REMOVE g",
    "value": "SET v = if_not_exists(v, :g)",
    "nothing": "DELETE s :s",
}
VALUES = {":zero": {"N": "0"}, ":one": {"N": "1"}, ":g": {"S": "soul"}, ":s": {"SS": ["a"]}}

item_keys = st.tuples(st.sampled_from("abcd"), st.sampled_from("xy"))
attributes = st.fixed_dictionaries(
    {},
    optional={
        "g": st.sampled_from([{"S": "jazz"}, {"S": "soul"}]),
        "n": st.integers(-1, 2).map(lambda number: {"N": str(number)}),
        "v": st.sampled_from([{"S": ""}, {"L": [{"N": "1"}]}, {"NS": ["1", "2"]}]),
    },
)
conditions = st.none() | st.sampled_from(sorted(CONDITIONS))
actions = (
    st.tuples(st.just("Put"), attributes, conditions)
    | st.tuples(st.just("Update"), st.sampled_from(sorted(UPDATES)), conditions)
    | st.tuples(st.just("Delete"), st.none(), conditions)
)
checks = st.tuples(st.just("ConditionCheck"), st.none(), st.sampled_from(sorted(CONDITIONS)))
batch_actions = st.one_of(
    st.tuples(st.just("Put"), attributes), st.tuples(st.just("Delete"), st.none())
)
Action = tuple[str, Any, str | None]


@dataclass
class Era:
    """A stream as the model saw it: the items at its start, and changes since then."""

    label: str
    before: Stored
    changes: int = 0


def attributes_of(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def holds(condition: str | None, item: Mapping[str, Any] | None) -> bool:
    if condition is None:
        return True
    if condition == "numbered":
        return item is not None and int(item.get("n", {"N": "0"})["N"]) > 0
    return (item is not None) == (condition == "there")


def result(key: Key, action: Action, old: dict[str, Any] | None) -> dict[str, Any] | None:
    """The item after an action whose condition holds."""
    kind, what, _ = action
    match kind:
        case "Put":
            return {**attributes_of(key), **what}
        case "Delete":
            return None
        case "ConditionCheck":
            return old
    new = dict(old or attributes_of(key))
    match what:
        case "count":
            new["n"] = {"N": str(int(new.get("n", {"N": "0"})["N"]) + 1)}
        case "group":
            new["g"] = {"S": "soul"}
        case "value":
            new.setdefault("v", {"S": "soul"})
        case "leave group":
            new.pop("g", None)
            return None if old is None else new
        case "nothing":
            return old
    return new


def request_of(key: Key, action: Action) -> dict[str, Any]:
    kind, what, condition = action
    request: dict[str, Any] = {"TableName": "Trials"}
    if kind == "Put":
        request["Item"] = {**attributes_of(key), **what}
    else:
        request["Key"] = attributes_of(key)
    if kind == "Update":
        request["UpdateExpression"] = UPDATES[what]
    if condition is not None:
        request["ConditionExpression"] = CONDITIONS[condition]
    texts = f"{request.get('UpdateExpression')} {request.get('ConditionExpression')}"
    values = {name: VALUES[name] for name in re.findall(r":\w+", texts)}
    if values:
        request["ExpressionAttributeValues"] = values
    return request


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = ItemStore()
        self.running = self.store.running()
        self.running.__enter__()
        self.table = self.store.add_table(
            new_table("Trials", "pk sk", indexes=INDEXES, types={"n": "N"})
        )
        self.items: Stored = {}
        self.era: Era | None = None
        self.past: list[tuple[Era, Stored]] = []
        self.tokens = 0
        self.latest: dict[str, Any] | None = None

    def teardown(self) -> None:
        if self.era is not None:
            self.past.append((self.era, dict(self.items)))
        for era, after in self.past:
            self.check_replay(era, after)
        self.running.__exit__(None, None, None)

    def note(self, changed: Stored, gone: set[Key]) -> None:
        """Take into the model what an operation did."""
        for key in changed.keys() | gone:
            if self.items.get(key) != changed.get(key) and self.era is not None:
                self.era.changes += 1
        self.items.update(changed)
        for key in gone:
            self.items.pop(key, None)

    def note_action(self, key: Key, action: Action) -> None:
        new = result(key, action, self.items.get(key))
        self.note({} if new is None else {key: new}, {key} if new is None else set())

    @rule(key=item_keys, action=actions)
    def write(self, key: Key, action: Action) -> None:
        expected = holds(action[2], self.items.get(key))
        try:
            self.store.call(f"{action[0]}Item", **request_of(key, action))
        except ConditionalCheckFailedException:
            assert not expected
        else:
            assert expected
            self.note_action(key, action)

    @rule(members=st.dictionaries(item_keys, batch_actions, min_size=1))
    def write_batch(self, members: dict[Key, tuple[str, Any]]) -> None:
        requests: list[dict[str, Any]] = [
            {"PutRequest": {"Item": {**attributes_of(key), **what}}}
            if kind == "Put"
            else {"DeleteRequest": {"Key": attributes_of(key)}}
            for key, (kind, what) in members.items()
        ]

        answer = self.store.call("BatchWriteItem", RequestItems={"Trials": requests})

        assert answer == {"UnprocessedItems": {}}
        for key, (kind, what) in members.items():
            self.note_action(key, (kind, what, None))

    @rule(members=st.dictionaries(item_keys, actions | checks, min_size=1))
    def transact(self, members: dict[Key, Action]) -> None:
        self.tokens += 1
        request = {
            "TransactItems": [
                {action[0]: request_of(key, action)} for key, action in members.items()
            ],
            "ClientRequestToken": str(self.tokens),
        }
        expected = [holds(action[2], self.items.get(key)) for key, action in members.items()]
        try:
            self.store.call("TransactWriteItems", **request)
        except TransactionCanceledException as error:
            reasons: Any = error.members["CancellationReasons"]
            assert [reason["Code"] == "None" for reason in reasons] == expected
            assert not all(expected)
        else:
            assert all(expected)
            self.latest = request
            for key, action in members.items():
                self.note_action(key, action)

    @precondition(lambda self: self.latest is not None)
    @rule()
    def repeat_the_latest_transaction(self) -> None:
        assert self.latest is not None
        self.store.call("TransactWriteItems", **self.latest)

    @rule()
    def toggle_stream(self) -> None:
        self.store.clock.advance(1)
        if self.era is not None:
            self.table = self.store.switch_stream(self.table, None)
            self.past.append((self.era, dict(self.items)))
            self.era = None
            return
        label = windows.label(self.store.clock.now())
        self.table = self.store.switch_stream(self.table, label)
        self.era = Era(label, dict(self.items))

    @precondition(lambda self: self.era is not None)
    @rule(which=st.integers(0, 100), splits=st.booleans())
    def replace_a_shard(self, which: int, splits: bool) -> None:
        assert self.era is not None
        shard_id = self.table.partitions[which % len(self.table.partitions)].shard_id
        assert shard_id is not None
        self.store.clock.advance(1)
        now_us = int(self.store.clock.now() * 1e6)
        opening = Opening(self.era.label, now_us, self.store.chance)
        change = partitions.split if splits else partitions.roll_over
        self.table = self.store.change_table(
            self.table,
            partitions.open_shard_keys(self.table),
            lambda view, now: change(view, now, shard_id, opening),
        )

    @invariant()
    def the_table_has_the_items(self) -> None:
        prefix = self.table.items_prefix
        rows = self.store.entries((prefix, prefix + b"\xff" * 100))

        assert dict(rows).keys() == {
            keys.of_key(self.table, attributes_of(key)).stored for key in self.items
        }
        assert sorted(map(canonical, map(codec.decode, dict(rows).values()))) == sorted(
            map(canonical, self.items.values())
        )

    @invariant()
    def the_indexes_agree_with_the_items(self) -> None:
        expected = {}
        for key, item in self.items.items():
            stored = keys.of_key(self.table, attributes_of(key)).stored
            base = stored[len(self.table.items_prefix) + HASH_BYTES :]
            for index in self.table.indexes:
                found = indexes.entry(self.table, index, base, item)
                if found is not None:
                    expected[found[0]] = found[1]

        assert dict(self.store.entries(keyspace.indexes_span(self.table.table_id))) == expected

    @invariant()
    def each_change_is_logged_once(self) -> None:
        if self.era is not None:
            assert len(logged(self.store, self.table, self.era.label)) == self.era.changes

    def check_replay(self, era: Era, after: Stored) -> None:
        replayed = {key: canonical(item) for key, item in era.before.items()}
        for entry in logged(self.store, self.table, era.label):
            attributes = orjson.loads(entry.keys.body)
            key = attributes["pk"]["S"], attributes["sk"]["S"]
            assert replayed.get(key, b"") == entry.old.body
            assert entry.kind is kind_of(entry)
            if entry.new.body:
                replayed[key] = entry.new.body
            else:
                del replayed[key]
        assert replayed == {key: canonical(item) for key, item in after.items()}
        check_lineages(shards_of(self.store, self.table, era.label))


def canonical(item: dict[str, Any]) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def kind_of(entry: Entry) -> Kind:
    if not entry.old.body:
        return Kind.INSERT
    return Kind.MODIFY if entry.new.body else Kind.REMOVE


def shards_of(store: ItemStore, table: Table, label: str) -> dict[ShardId, Shard]:
    found = [
        shards.decode(stored) for _, stored in store.entries(keyspace.shards_span(table.table_id))
    ]
    return {shard.shard_id: shard for shard in found if shard.stream_label == label}


def logged(store: ItemStore, table: Table, label: str) -> list[Entry]:
    """A stream's entries by their numbers, each within its shard's."""
    found: list[tuple[int, Entry]] = []
    for shard in shards_of(store, table, label).values():
        prefix = keyspace.log_prefix(table.table_id, shard.shard_id)
        for key, stored in store.entries((prefix, prefix + b"\xff" * 9)):
            number = int.from_bytes(key[-8:], "big")
            assert shard.first <= number <= (number if shard.last is None else shard.last)
            found.append((number, entries.decode(stored)))
    numbers = [number for number, _ in found]
    assert len(set(numbers)) == len(numbers)
    return [entry for _, entry in sorted(found, key=lambda numbered: numbered[0])]


def check_lineages(found: Mapping[ShardId, Shard]) -> None:
    for shard in found.values():
        if shard.parent is not None:
            last = found[shard.parent].last
            assert last is not None
            assert last < shard.first


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=30)
