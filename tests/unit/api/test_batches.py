from __future__ import annotations

from typing import Any

import pytest

from headwater.api.batches import Batches
from headwater.api.item_services import ItemServices
from headwater.errors import ResourceNotFoundException, ServiceUnavailable, ValidationException
from headwater.storage.engine import Unavailable
from headwater.tables.write import Effect, Write, Writer
from tests.item_store import ItemStore, new_index, new_table

DUPLICATES = "Provided list of item keys contains duplicates"


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    store.add_table(new_table())
    store.add_table(new_table("Singers", "name", number=2))


def song(name: str, **more: str) -> dict[str, Any]:
    attributes = {"artist": "Nina", "song": name, **more}
    return {name: {"S": value} for name, value in attributes.items()}


def put_request(item: dict[str, Any]) -> dict[str, Any]:
    return {"PutRequest": {"Item": item}}


def write(store: ItemStore, *requests: Any, **more: Any) -> Any:
    return store.call("BatchWriteItem", RequestItems={"Music": list(requests)}, **more)


def read(store: ItemStore, *keys: Any, **more: Any) -> Any:
    return store.call("BatchGetItem", RequestItems={"Music": {"Keys": list(keys), **more}})


def refusal(store: ItemStore, operation: str, requests: Any) -> str | None:
    with pytest.raises(ValidationException) as raised:
        store.call(operation, RequestItems=requests)
    return raised.value.message


def test_a_batch_puts_and_removes_in_several_tables(store: ItemStore) -> None:
    write(store, put_request(song("a")), put_request(song("b")))

    answer = store.call(
        "BatchWriteItem",
        RequestItems={
            "Music": [put_request(song("c")), {"DeleteRequest": {"Key": song("a")}}],
            "Singers": [put_request({"name": {"S": "Nina"}})],
        },
    )

    assert answer == {"UnprocessedItems": {}}
    assert store.call("Scan", TableName="Singers")["Count"] == 1
    assert store.call("Scan", TableName="Music")["Items"] == [song("b"), song("c")]


def test_a_batch_reads_what_is_there(store: ItemStore) -> None:
    write(store, put_request(song("a", genre="jazz")), put_request(song("b")))

    answer = read(store, song("a"), song("nothing"), song("b"))

    assert answer == {
        "Responses": {"Music": [song("a", genre="jazz"), song("b")]},
        "UnprocessedKeys": {},
    }


def test_a_batch_reads_a_projection(store: ItemStore) -> None:
    write(store, put_request(song("a", genre="jazz")))

    answer = read(store, song("a"), ProjectionExpression="genre")

    assert answer["Responses"] == {"Music": [{"genre": {"S": "jazz"}}]}


def test_what_exceeds_sixteen_megabytes_is_left_unprocessed(store: ItemStore) -> None:
    for number in range(43):
        store.call("PutItem", TableName="Music", Item=song(f"{number}", text="x" * 400_000))
    keys = [song(f"{number}") for number in range(43)]

    answer = read(store, *keys, ConsistentRead=True)

    assert len(answer["Responses"]["Music"]) == 41
    assert answer["UnprocessedKeys"] == {
        "Music": {"Keys": keys[41:], "ConsistentRead": True},
    }


def test_a_batch_reads_units_item_by_item(store: ItemStore) -> None:
    write(store, put_request(song("a", text="x" * 5000)), put_request(song("b")))

    answer = store.call(
        "BatchGetItem",
        RequestItems={
            "Music": {"Keys": [song("a"), song("b"), song("c")], "ConsistentRead": True},
            "Singers": {"Keys": [{"name": {"S": "Nina"}}]},
        },
        ReturnConsumedCapacity="TOTAL",
    )

    assert answer["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 4.0},
        {"TableName": "Singers", "CapacityUnits": 0.5},
    ]


def test_a_batch_writes_units_table_by_table(store: ItemStore) -> None:
    answer = write(
        store,
        put_request(song("a", text="x" * 2000)),
        put_request(song("b")),
        ReturnConsumedCapacity="INDEXES",
    )

    assert answer["ConsumedCapacity"] == [
        {"TableName": "Music", "CapacityUnits": 3.0, "Table": {"CapacityUnits": 3.0}}
    ]


def test_each_collection_is_measured_once(store: ItemStore) -> None:
    index = new_index("ByYear", "artist year", is_global=False, types={"year": "N"})
    store.add_table(new_table("Indexed", indexes=[index], number=3))

    answer = store.call(
        "BatchWriteItem",
        RequestItems={"Indexed": [put_request(song("a")), put_request(song("b"))]},
        ReturnItemCollectionMetrics="SIZE",
    )

    assert answer["ItemCollectionMetrics"] == {
        "Indexed": [
            {
                "ItemCollectionKey": {"artist": {"S": "Nina"}},
                "SizeEstimateRangeGB": [0.0, 1.0],
            }
        ]
    }


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([put_request(song("a")), {"DeleteRequest": {"Key": song("a")}}], DUPLICATES),
        (
            [{"PutRequest": {"Item": song("a")}, "DeleteRequest": {"Key": song("b")}}],
            (
                "Supplied AttributeValue has more than one datatypes set, must contain exactly "
                "one of the supported datatypes"
            ),
        ),
        (
            [{}],
            (
                "Supplied AttributeValue is empty, must contain exactly one of the supported "
                "datatypes"
            ),
        ),
        (
            [put_request({"artist": {"S": "Nina"}})],
            "The provided key element does not match the schema",
        ),
        (
            [{"DeleteRequest": {"Key": {"artist": {"S": "Nina"}}}}],
            "The provided key element does not match the schema",
        ),
        (
            [put_request(song("a", text="x" * 409_600))],
            "Item size has exceeded the maximum allowed size",
        ),
    ],
)
def test_a_batch_with_a_faulty_member_writes_nothing(
    store: ItemStore, requests: list[Any], message: str
) -> None:
    refused = refusal(store, "BatchWriteItem", {"Music": [put_request(song("z")), *requests]})

    assert refused == message
    assert store.call("Scan", TableName="Music")["Count"] == 0


def test_a_batch_for_a_table_that_is_not_there_writes_nothing(store: ItemStore) -> None:
    with pytest.raises(ResourceNotFoundException):
        store.call(
            "BatchWriteItem",
            RequestItems={
                "Music": [put_request(song("a"))],
                "Nowhere": [put_request(song("a"))],
            },
        )

    assert store.call("Scan", TableName="Music")["Count"] == 0


def test_a_batch_has_at_most_25_writes_over_all_tables(store: ItemStore) -> None:
    requests = [put_request(song(f"{number}")) for number in range(13)]
    singers = [put_request({"name": {"S": f"{number}"}}) for number in range(13)]

    message = refusal(store, "BatchWriteItem", {"Music": requests, "Singers": singers})

    assert message == "Too many items requested for the BatchWriteItem call"


def test_a_batch_has_at_most_100_keys_over_all_tables(store: ItemStore) -> None:
    keys = [song(f"{number}") for number in range(60)]
    singers = [{"name": {"S": f"{number}"}} for number in range(60)]

    message = refusal(
        store, "BatchGetItem", {"Music": {"Keys": keys}, "Singers": {"Keys": singers}}
    )

    assert message == "Too many items requested for the BatchGetItem call"


def test_keys_of_a_batch_differ(store: ItemStore) -> None:
    assert refusal(store, "BatchGetItem", {"Music": {"Keys": [song("a"), song("a")]}}) == (
        DUPLICATES
    )


def test_a_batch_that_cannot_be_served_at_all_is_refused(store: ItemStore) -> None:
    store.committer.close()

    with pytest.raises(ServiceUnavailable):
        write(store, put_request(song("a")))


class WriterWithoutRoom(Writer):
    """Writes all but songs called `b`."""

    async def write(self, write: Write, now_us: int) -> Effect:
        if write.key.attributes["song"] == {"S": "b"}:
            raise Unavailable("full")
        return await super().write(write, now_us)


def test_members_that_cannot_be_served_are_returned(store: ItemStore) -> None:
    writer = WriterWithoutRoom(store.committer, store.catalog)
    store.serve(Batches(ItemServices(store.catalog, store.engine, writer, store.clock)).handlers())

    answer = write(store, put_request(song("a")), put_request(song("b")))

    assert answer == {"UnprocessedItems": {"Music": [put_request(song("b"))]}}
    assert store.call("Scan", TableName="Music")["Items"] == [song("a")]
