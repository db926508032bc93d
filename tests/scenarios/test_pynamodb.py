"""PynamoDB, a mapper of objects to items, as its users write it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    PutError,
    TransactWriteError,
    UpdateError,
)
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


class Place(MapAttribute[str, Any]):
    street = UnicodeAttribute()
    number = NumberAttribute(default=0)


class ByState(GlobalSecondaryIndex["Order"]):
    class Meta:
        index_name = "by_state"
        projection = AllProjection()

    state = UnicodeAttribute(hash_key=True)
    total = NumberAttribute(range_key=True)


class ByTotal(LocalSecondaryIndex["Order"]):
    class Meta:
        index_name = "by_total"
        projection = KeysOnlyProjection()

    customer = UnicodeAttribute(hash_key=True)
    total = NumberAttribute(range_key=True)


class Order(Model):
    class Meta:
        billing_mode = "PAY_PER_REQUEST"
        region = "us-east-1"

    customer = UnicodeAttribute(hash_key=True)
    order = NumberAttribute(range_key=True)
    state = UnicodeAttribute(default="new")
    total = NumberAttribute(default=0)
    tags = UnicodeSetAttribute(null=True)
    places = ListAttribute(of=Place, default=list)
    at = UTCDateTimeAttribute(default=WHEN)
    version = VersionAttribute()
    by_state = ByState()
    by_total = ByTotal()


@pytest.fixture(scope="module")
def orders(dynamodb, endpoint, unique_name) -> Iterator[type[Order]]:
    """The mapped table, made by the mapper; `dynamodb` is there for the environment it sets."""
    Order.Meta.table_name = unique_name("pynamodb")  # type: ignore[attr-defined]
    Order.Meta.host = endpoint  # type: ignore[attr-defined]
    Order.create_table(wait=True)
    yield Order
    Order.delete_table()


def test_an_object_comes_back_as_it_was_saved(orders):
    order = orders("ann", 1, tags={"a", "b"}, places=[Place(street="High", number=3)], total=1.5)

    order.save()
    found = orders.get("ann", 1, consistent_read=True)

    assert found.attribute_values.keys() == order.attribute_values.keys()
    assert (found.tags, found.total, found.at, found.version) == ({"a", "b"}, 1.5, WHEN, 1)
    assert (found.places[0].street, found.places[0].number) == ("High", 3)


def test_actions_change_what_is_stored(orders):
    order = orders("bob", 1, places=[Place(street="High")], tags={"a"})
    order.save()

    order.update(
        actions=[
            orders.total.add(2),
            orders.state.set("paid"),
            orders.places.set(orders.places.append([Place(street="Low")])),
            orders.tags.add({"b"}),
        ],
        condition=orders.state == "new",
    )

    assert (order.total, order.state, order.tags, order.version) == (2, "paid", {"a", "b"}, 2)
    assert [place.street for place in order.places] == ["High", "Low"]


def test_conditions_and_versions_refuse(orders):
    first = orders("cid", 1)
    first.save()
    stale = orders.get("cid", 1)
    first.update(actions=[orders.total.set(5)])

    with pytest.raises(UpdateError) as refused:
        stale.update(actions=[orders.total.set(6)])
    with pytest.raises(PutError):
        orders("cid", 1).save(condition=orders.customer.does_not_exist())
    with pytest.raises(DeleteError):
        stale.delete()

    assert refused.value.cause_response_code == "ConditionalCheckFailedException"


def test_pages_are_followed_on_tables_and_indexes(orders):
    with orders.batch_write() as batch:
        for number in range(60):
            batch.save(orders("dan", number, total=number % 7, state="open"))

    found = [order.order for order in orders.query("dan", page_size=9)]
    last = list(orders.query("dan", scan_index_forward=False, limit=3))
    some = list(orders.query("dan", orders.order.between(10, 19), orders.total > 3))
    open_ = list(orders.by_state.query("open", orders.total >= 6, page_size=4))
    by_total = [each.order for each in orders.by_total.query("dan", orders.total == 0)]

    assert found == list(range(60))
    assert [each.order for each in last] == [59, 58, 57]
    assert sorted(each.order for each in some) == [11, 12, 13, 18, 19]
    assert {each.total for each in open_} == {6}
    assert sorted(by_total) == list(range(0, 60, 7))
    assert orders.count("dan") == 60
    assert orders.by_state.count("open") == 60
    dans = orders.scan(orders.customer == "dan", segment=0, total_segments=1, page_size=25)
    assert len(list(dans)) == 60


def test_batches_fetch_and_delete(orders):
    with orders.batch_write() as batch:
        for number in range(30):
            batch.save(orders("eve", number))
    wanted = [("eve", number) for number in range(0, 30, 2)]

    found = list(orders.batch_get([*wanted, ("eve", 99)]))
    with orders.batch_write() as batch:
        for order in found:
            batch.delete(order)

    assert {order.order for order in found} == set(range(0, 30, 2))
    assert [order.order for order in orders.query("eve")] == list(range(1, 30, 2))


def taken(orders: type[Order], connection: Connection) -> None:
    """A transaction that puts one order beside another which is there."""
    with TransactWrite(connection=connection) as transaction:
        transaction.save(orders("fay", 4))
        transaction.save(orders("fay", 1), condition=orders.customer.does_not_exist())


def test_transactions_are_whole(orders, endpoint):
    connection = Connection(region="us-east-1", host=endpoint)
    orders("fay", 1, total=1).save()

    with TransactWrite(connection=connection) as transaction:
        transaction.save(orders("fay", 2))
        transaction.update(orders.get("fay", 1), actions=[orders.total.add(1)])
        transaction.condition_check(orders, "fay", 3, condition=orders.customer.does_not_exist())
    with TransactGet(connection=connection) as transaction:
        first = transaction.get(orders, "fay", 1)
        second = transaction.get(orders, "fay", 2)
    with pytest.raises(TransactWriteError) as refused:
        taken(orders, connection)

    assert (first.get().total, second.get().order) == (2, 2)
    assert [reason and reason.code for reason in refused.value.cancellation_reasons] == [
        None,
        "ConditionalCheckFailed",
    ]
    with pytest.raises(DoesNotExist):
        orders.get("fay", 4)
