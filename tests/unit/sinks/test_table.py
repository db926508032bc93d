from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headwater.sinks.kind import InvalidSettings
from headwater.sinks.sink import Start, State
from headwater.sinks.table import TableSettings, pairs
from headwater.tables.definition import of_input
from headwater.tables.schema import TableStatus
from headwater.values import codec
from headwater.values.item import Item
from tests.sink_store import REGION, SinkStore, in_sink_store

TARGET = "derived"


async def create_target(store: SinkStore, **keys: str) -> None:
    """The derived table, with these key attributes and their types."""
    kinds = ["HASH", "RANGE"]
    definition = {
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(keys, kinds, strict=False)
        ],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    await store.catalog.create(REGION, of_input(TARGET, definition))
    for _ in range(100):
        if (await store.catalog.describe(REGION, TARGET)).status is TableStatus.ACTIVE:
            return
        await store.advance(0.1)
    raise AssertionError("the derived table does not become active")


async def held(store: SinkStore) -> list[Item]:
    table = await store.catalog.describe(REGION, TARGET)
    rows = await store.rows(table.items_prefix)
    return [codec.decode(stored) for stored in rows]


def derived(keys: dict[str, str], body: Callable[[SinkStore], Awaitable[None]]) -> None:
    async def main(store: SinkStore) -> None:
        await create_target(store, **keys)
        await body(store)

    in_sink_store(main)


def order(customer: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"customer": customer, "amount": {"N": amount}, **more}


def counts(found: list[Item]) -> dict[str, tuple[str, str]]:
    return {item["who"]["S"]: (item["count"]["N"], item["total"]["N"]) for item in found}


COUNTS = {"table": TARGET, "form": "counts", "key": "who=customer", "sums": "total=amount"}


def test_items_are_projected_and_keep_their_types() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", name="x", n={"N": "1.50"}, secret="y")
        await store.add("table", settings={"table": TARGET, "attributes": "name, n"})
        await store.put("b", name="z", set={"SS": ["q"]})
        await store.delete("a")
        await store.drained()

        assert await held(store) == [{"k": {"S": "b"}, "name": {"S": "z"}}]

    derived({"k": "S"}, body)


def test_items_are_keyed_otherwise_and_move_with_their_attributes() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", **order("ann", "1"))
        await store.put("b", **order("bob", "2"))
        await store.put("c", note="without a customer")
        await store.add("table", settings={"table": TARGET, "key": "pk=customer, sk=k"})
        await store.put("a", **order("bob", "3"))
        await store.drained()

        found = {(item["pk"]["S"], item["sk"]["S"]) for item in await held(store)}
        assert found == {("bob", "a"), ("bob", "b")}

    derived({"pk": "S", "sk": "S"}, body)


def test_items_that_change_places_are_both_there() -> None:
    """Their changes come from two shards, so either may come first."""

    async def body(store: SinkStore) -> None:
        for number in range(20):
            await store.put(f"k{number}", place=str(number))
        await store.add("table", settings={"table": TARGET, "key": "place=place"})
        await store.drained()
        await store.service.pause(await store.sink())
        for number in range(20):
            await store.put(f"k{number}", place=str((number + 1) % 20))
        await store.service.resume(await store.sink())
        await store.drained()

        found = {item["place"]["S"]: item["k"]["S"] for item in await held(store)}
        assert found == {str((number + 1) % 20): f"k{number}" for number in range(20)}

    derived({"place": "S"}, body)


def test_counts_and_sums_follow_every_change() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", **order("ann", "1.5"))
        await store.put("b", **order("ann", "2"))
        await store.put("c", **order("bob", "4"))
        await store.add("table", settings=COUNTS)
        await store.put("a", **order("bob", "10"))
        await store.put("d", **order("cid", "7"))
        await store.delete("d")
        await store.put("e", customer="ann")
        await store.drained()

        assert counts(await held(store)) == {"ann": ("2", "2"), "bob": ("2", "14")}

    derived({"who": "S"}, body)


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_right_however_often_changes_come(seed: int) -> None:
    """Killed and started again at random, begun anew from the oldest record, while writes go on."""

    async def body(store: SinkStore) -> None:
        chance = random.Random(seed)
        model: dict[str, tuple[str, int]] = {}

        async def write() -> None:
            key = f"k{chance.randrange(8)}"
            if chance.random() < 0.25:
                model.pop(key, None)
                await store.delete(key)
            else:
                model[key] = chance.choice("abc"), chance.randrange(100)
                await store.put(key, **order(model[key][0], str(model[key][1])))

        for _ in range(10):
            await write()
        await store.add("table", settings=COUNTS, batch_size=3)
        for _ in range(60):
            await write()
            if chance.random() < 0.1:
                await store.kill()
                store.start()
            if chance.random() < 0.05:
                start = chance.choice([Start.TRIM_HORIZON, Start.BACKFILL])
                await store.service.replay(await store.sink(), start)
            if chance.random() < 0.3:
                await store.advance(0.3)
        await store.drained()

        expected: dict[str, tuple[int, int]] = {}
        for who, amount in model.values():
            count, total = expected.get(who, (0, 0))
            expected[who] = count + 1, total + amount
        found = counts(await held(store))
        assert found == {who: (str(n), str(total)) for who, (n, total) in expected.items()}

    derived({"who": "S"}, body)


def test_a_change_that_cannot_be_derived_is_refused_and_leaves_nothing_stale() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", **order("ann", "1"))
        await store.add(
            "table", settings=COUNTS, failure_destination="arn:aws:sqs:us-east-1:000000000000:q"
        )
        await store.drained()
        await store.put("a", customer="ann", amount="much")
        await store.put("b", **order("ann", "5"))
        await store.drained()

        assert counts(await held(store)) == {"ann": ("1", "5")}
        (message,) = store.outbox.messages
        assert b"total is made of what is no number" in message.body

    derived({"who": "S"}, body)


def test_documents_of_a_transform_are_items_again() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", name="x", n={"N": "1.5"}, list={"L": [{"N": "1"}, {"NULL": True}]})
        await store.add(
            "table",
            settings={"table": TARGET},
            transform="new.{id: k, n: n, list: list, deep: {name: name}}",
        )
        await store.drained()

        assert await held(store) == [
            {
                "id": {"S": "a"},
                "n": {"N": "1.5"},
                "list": {"L": [{"N": "1"}, {"NULL": True}]},
                "deep": {"M": {"name": {"S": "x"}}},
            }
        ]

    derived({"id": "S"}, body)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"table": "nowhere"}, "nowhere"),
        ({"table": "music"}, "derived from itself"),
        ({"table": TARGET, "key": "other=k"}, "key must name k"),
    ],
)
def test_a_table_that_cannot_be_derived_stops_the_sink(
    settings: dict[str, Any], reason: str
) -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a")
        await store.add("table", settings=settings)
        await store.advance(2)

        sink = await store.sink()
        assert sink.state is State.STOPPED
        assert reason in sink.reason

    derived({"k": "S"}, body)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"key": "a=b=c"}, "is not NAME or NAME=ATTRIBUTE"),
        ({"key": "a=b, a=c"}, "names an attribute twice"),
        ({"form": "counts"}, "needs the setting key"),
        ({"form": "counts", "key": "a", "endpoint": "http://x"}, "another sink"),
        ({"form": "counts", "key": "a", "sums": "count=b"}, "name an attribute twice"),
        ({"form": "counts", "key": "a", "attributes": "b"}, "a setting of the form items"),
        ({"sums": "a=b"}, "settings of the form counts"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, str], text: str) -> None:
    from headwater.sinks import kinds
    from headwater.sinks import settings as parsing

    with pytest.raises(InvalidSettings, match=text):
        parsing.parse(kinds.kind("table"), {"table": TARGET, **settings})


def test_lists_of_names() -> None:
    assert pairs("key", " pk = a ,b") == (("pk", "a"), ("b", "b"))
    assert pairs("key", " ") == ()
    assert TableSettings(TARGET).form == "items"


def test_a_derived_table_is_held_against_its_source() -> None:
    async def body(store: SinkStore) -> None:
        await store.put("a", **order("ann", "1"))
        await store.add("table", settings=COUNTS)
        await store.drained()
        before = (await store.service.verify(await store.sink())).faults
        await store.service.pause(await store.sink())
        await store.put("b", **order("ann", "1"))
        after = (await store.service.verify(await store.sink())).faults

        assert before == []
        assert after == ['{"who":{"S":"ann"}} is held otherwise than it should be']

    derived({"who": "S"}, body)
