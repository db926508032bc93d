"""Faults on demand, as an SDK meets them. Each test has a region, and so faults, of its own."""

from __future__ import annotations

import itertools
import string
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from tests.conformance.definition import keys
from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, ROLE, RUNTIME, zipped
from tests.conformance.stream_reading import oldest, shards
from tests.conformance.wire import Wire
from tests.conftest import CLIENT, LOOKS_MAX
from tests.server_process import HEADWATER

pytestmark = pytest.mark.local_only
LAB = "Headwater_20261123."
LETTERS = ("".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2))
THROUGHPUT = "ProvisionedThroughputExceededException"
THROUGHPUT_TEXT = (
    "The level of configured provisioned throughput for the table was exceeded. Consider "
    "increasing your provisioning level with the UpdateTable API."
)


@dataclass
class Place:
    """A region of the server: its clients, and a table with a stream of one shard."""

    wire: Wire
    tables: Any
    streams: Any
    functions: Any
    table: str = "orders"

    def faults(self, *faults: dict[str, Any], seed: int = 1) -> None:
        self.lab("SetFaults", Faults=list(faults), Seed=seed)

    def lab(self, operation: str, **body: Any) -> Any:
        answer = self.wire.call(LAB + operation, body)
        assert answer.status == 200, answer.body
        return answer.content

    def met(self) -> list[str]:
        """The operations that were struck."""
        return [each["Operation"] for each in self.lab("DescribeFaults")["Met"]]

    def put(self, number: int) -> Any:
        return self.tables.put_item(TableName=self.table, Item=item(number))

    def has(self, number: int) -> bool:
        return "Item" in self.tables.get_item(TableName=self.table, Key=item(number))

    def iterator(self) -> str:
        streams = self.streams.list_streams(TableName=self.table)["Streams"]
        arn = streams[0]["StreamArn"]
        (shard,) = shards(self.streams, arn)
        return oldest(self.streams, arn, shard["ShardId"])


def item(number: int) -> dict[str, Any]:
    return {"pk": {"S": str(number)}}


@pytest.fixture
def place(wire: Wire) -> Iterator[Place]:
    region = f"us-faults{next(LETTERS)}-1"  # as the models want regions to look
    session = boto3.Session(region_name=region)
    names = ("dynamodb", "dynamodbstreams", "lambda")
    clients = [session.client(name, config=CLIENT) for name in names]
    made = Place(Wire(wire.url, region, wire.credentials), *clients)
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    clients[0].create_table(
        TableName=made.table,
        **keys(("pk", "S")),
        BillingMode="PROVISIONED",
        ProvisionedThroughput=throughput,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    waiting = {"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
    clients[0].get_waiter("table_exists").wait(TableName=made.table, WaiterConfig=waiting)
    yield made
    made.lab("EraseRegion")
    for client in clients:
        client.close()


def as_another(client: Any, access_key: str) -> Any:
    """The same client with another access key."""
    return boto3.client(
        "dynamodbstreams",
        region_name=client.meta.region_name,
        aws_access_key_id=access_key,
        aws_secret_access_key="any",
        config=CLIENT,
    )


@pytest.mark.parametrize("error", [None, THROUGHPUT, "ThrottlingException"])
def test_throttled_write_does_nothing(place: Place, error: str | None) -> None:
    fault = {"Kind": "Throttled", "Operations": ["PutItem"], "Count": 1}
    place.faults(fault | ({} if error is None else {"Error": error}))

    with refused(error or THROUGHPUT):
        place.put(1)

    assert not place.has(1)
    place.put(1)
    assert place.met() == ["PutItem"]


def test_throttled_reads_of_streams_and_changes_of_tables_are_told_as_such(place: Place) -> None:
    place.faults({"Kind": "Throttled"})

    with refused("ThrottlingException"):
        place.streams.list_streams()
    with refused("ThrottlingException"):
        place.tables.describe_table(TableName=place.table)
    with refused("TooManyRequestsException", "Rate Exceeded."):
        place.functions.list_functions()


def test_internal_fault_is_answered_in_each_protocols_form(place: Place) -> None:
    place.faults({"Kind": "InternalServerError"})

    with refused("InternalServerError", "Internal server error") as table:
        place.put(1)
    with refused("ServiceException", "Internal server error"):
        place.functions.list_functions()

    assert table.body["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_answer_is_lost_after_the_write_has_happened(place: Place) -> None:
    place.faults({"Kind": "AnswerLost", "Operations": ["PutItem"], "Count": 1})

    with pytest.raises(ConnectionClosedError):
        place.put(1)

    assert place.has(1)
    place.put(2)


def test_error_is_lost_as_well(place: Place) -> None:
    place.faults({"Kind": "AnswerLost"})

    with pytest.raises(ConnectionClosedError):
        place.tables.put_item(TableName="missing", Item=item(1))


def test_part_of_a_batch_comes_back_unprocessed(place: Place) -> None:
    place.faults({"Kind": "Unprocessed", "Share": 0.5, "Count": 1})
    puts = [{"PutRequest": {"Item": item(number)}} for number in range(20)]

    answer = place.tables.batch_write_item(RequestItems={place.table: puts})

    left = answer["UnprocessedItems"][place.table]
    assert 0 < len(left) < 20
    for put in puts:
        number = int(put["PutRequest"]["Item"]["pk"]["S"])
        assert place.has(number) is (put not in left)


def test_part_of_a_batch_of_reads_comes_back_with_its_options(place: Place) -> None:
    place.faults({"Kind": "Unprocessed", "Operations": ["BatchGetItem"], "Share": 0.5})
    for number in range(10):
        place.put(number)
    wanted = {"Keys": [item(number) for number in range(10)], "ConsistentRead": True}

    answer = place.tables.batch_get_item(RequestItems={place.table: wanted})

    left = answer["UnprocessedKeys"][place.table]
    found = answer["Responses"][place.table]
    assert left["ConsistentRead"] is True
    assert sorted(int(each["pk"]["S"]) for each in [*left["Keys"], *found]) == list(range(10))
    assert 0 < len(found) < 10


def test_batch_of_which_nothing_is_done_is_throttled(place: Place) -> None:
    place.faults({"Kind": "Unprocessed", "Share": 1})

    with refused(THROUGHPUT):
        place.tables.batch_write_item(
            RequestItems={place.table: [{"PutRequest": {"Item": item(1)}}]}
        )

    assert not place.has(1)


def transact(place: Place, **more: Any) -> Any:
    puts = [{"Put": {"TableName": place.table, "Item": item(number)}} for number in range(3)]
    return place.tables.transact_write_items(TransactItems=puts, **more)


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("TransactionConflict", "TransactionConflict", "Transaction is ongoing for the item."),
        ("Throttled", "ProvisionedThroughputExceeded", THROUGHPUT_TEXT),
    ],
)
def test_transaction_is_cancelled_by_one_of_its_actions(
    place: Place, kind: str, code: str, message: str
) -> None:
    place.faults({"Kind": kind, "Count": 1})

    with refused("TransactionCanceledException") as refusal:
        transact(place)

    reasons = refusal.body["CancellationReasons"]
    listed = ", ".join(reason["Code"] for reason in reasons)
    assert sorted(reasons, key=str) == sorted(
        [{"Code": code, "Message": message}, {"Code": "None"}, {"Code": "None"}], key=str
    )
    assert refusal.message == (
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{listed}]"
    )
    assert not any(place.has(number) for number in range(3))


def test_write_meets_a_transaction(place: Place) -> None:
    place.faults({"Kind": "TransactionConflict", "Operations": ["PutItem", "ExecuteStatement"]})
    conflict = ("TransactionConflictException", "Transaction is ongoing for the item")

    with refused(*conflict):
        place.put(1)
    with refused(*conflict):
        place.tables.execute_statement(Statement=f"INSERT INTO {place.table} VALUE {{'pk': '1'}}")
    place.tables.execute_statement(Statement=f"SELECT * FROM {place.table}")


def test_transaction_with_a_token_is_in_progress(place: Place) -> None:
    place.faults({"Kind": "TransactionInProgress", "Count": 1})

    with refused("TransactionInProgressException"):
        transact(place, ClientRequestToken="once")
    transact(place, ClientRequestToken="once")


def test_empty_pages_go_on_where_they_began(place: Place) -> None:
    place.put(1)
    place.faults({"Kind": "EmptyPage", "Count": 2})
    iterator = place.iterator()

    counts = []
    for _ in range(4):
        page = place.streams.get_records(ShardIterator=iterator)
        iterator = page["NextShardIterator"]
        counts.append(len(page["Records"]))

    assert counts == [0, 0, 1, 0]


def test_third_reader_of_a_shard_is_one_too_many(place: Place) -> None:
    place.put(1)
    place.faults({"Kind": "LimitExceeded", "Readers": 2})
    readers = [as_another(place.streams, name) for name in ("a", "b", "c")]
    iterators = [place.iterator()] * 3

    for _ in range(3):
        for index in (0, 1):
            page = readers[index].get_records(ShardIterator=iterators[index])
            iterators[index] = page["NextShardIterator"]
        with refused("LimitExceededException"):
            readers[2].get_records(ShardIterator=iterators[2])

    for reader in readers:
        reader.close()


def test_too_many_readers_can_be_made_up(place: Place) -> None:
    place.faults({"Kind": "LimitExceeded", "Count": 1})
    iterator = place.iterator()

    with refused("LimitExceededException", "Too many operations for a given subscriber."):
        place.streams.get_records(ShardIterator=iterator)
    place.streams.get_records(ShardIterator=iterator)


def test_faults_keep_to_their_table_and_to_who_asks(place: Place) -> None:
    place.faults(
        {"Kind": "Throttled", "TableNames": ["others"]},
        {"Kind": "Throttled", "Consumers": ["somebody"]},
    )

    place.put(1)
    transact(place)
    place.tables.batch_get_item(RequestItems={place.table: {"Keys": [item(1)]}})

    place.faults({"Kind": "Throttled", "TableNames": [place.table]})
    for ask in (
        lambda: place.put(1),
        lambda: place.tables.batch_get_item(RequestItems={place.table: {"Keys": [item(1)]}}),
        lambda: place.tables.execute_statement(Statement=f"SELECT * FROM {place.table}"),
    ):
        with refused(THROUGHPUT):
            ask()


def test_commands_add_show_and_clear_faults(place: Place) -> None:
    def command(*words: str) -> str:
        options = ("--endpoint", place.wire.url, "--region", place.wire.region)
        run = [str(HEADWATER), "lab", "faults", *words, *options]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout

    command("clear", "--seed", "7")
    added = command("add", "Throttled", "--operation", "PutItem", "--table", place.table)
    with refused(THROUGHPUT):
        place.put(1)
    shown = command("show", "--met")

    fault = "0  Throttled Operations=PutItem TableNames=orders  struck"
    assert added == f"Seed 7\n{fault} 0 of 0\n"
    assert shown.startswith(f"Seed 7\n{fault} 1 of 1\n")
    assert "0  Throttled  PutItem  orders" in shown
    assert "There are no faults." in command("clear")


def test_erased_region_has_nothing_left(place: Place) -> None:
    place.put(1)
    place.faults({"Kind": "Slow", "Seconds": 0})
    place.tables.update_table(TableName=place.table, DeletionProtectionEnabled=True)
    place.functions.create_function(
        FunctionName="f",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="f.handler",
        Code={"ZipFile": zipped(f=ECHO)},
    )
    arn = place.streams.list_streams()["Streams"][0]["StreamArn"]
    place.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="f", StartingPosition="LATEST"
    )

    made = [{"Put": {"TableName": place.table, "Item": item(9)}}]
    place.tables.transact_write_items(TransactItems=made, ClientRequestToken="token")

    place.lab("EraseRegion")

    waiting = {"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
    gone = place.tables.get_waiter("table_not_exists")
    gone.wait(TableName=place.table, WaiterConfig=waiting)
    assert place.functions.list_functions()["Functions"] == []
    mappings = place.functions.list_event_source_mappings()["EventSourceMappings"]
    assert all(mapping["State"] == "Deleting" for mapping in mappings)
    assert place.lab("DescribeFaults")["Faults"] == []
    other = [{"Put": {"TableName": "none", "Item": item(9)}}]
    with refused("ResourceNotFoundException"):  # the token is forgotten, or it were a mismatch
        place.tables.transact_write_items(TransactItems=other, ClientRequestToken="token")


def test_region_next_to_an_erased_one_keeps_what_it_has(place: Place, simple: str) -> None:
    place.lab("EraseRegion")

    elsewhere = boto3.client("dynamodb", config=CLIENT)
    assert elsewhere.describe_table(TableName=simple)["Table"]["TableStatus"] == "ACTIVE"
    elsewhere.close()


def test_the_same_seed_gives_the_same_faults(place: Place) -> None:
    def outcomes(seed: int) -> list[bool]:
        place.faults({"Kind": "Throttled", "Operations": ["PutItem"], "Rate": 0.5}, seed=seed)
        found = []
        for number in range(30):
            try:
                place.put(number)
            except place.tables.exceptions.ProvisionedThroughputExceededException:
                found.append(False)
            else:
                found.append(True)
        return found

    first = outcomes(3)

    assert first == outcomes(3) != outcomes(4)
    assert len(set(first)) == 2


def test_calls_of_data_streams_are_throttled_in_kinesis_words(place: Place) -> None:
    kinesis = boto3.client("kinesis", region_name=place.wire.region, config=CLIENT)
    put = {"StreamName": "s", "Data": b"", "PartitionKey": "k"}
    place.faults({"Kind": "Throttled", "Operations": ["PutRecord", "ListShards"], "Count": 2})

    with refused(THROUGHPUT, "Rate exceeded for shard."):
        kinesis.put_record(**put)
    with refused("LimitExceededException", "Rate exceeded."):
        kinesis.list_shards(StreamName="s")
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.put_record(**put)
    kinesis.close()
