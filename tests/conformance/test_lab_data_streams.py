"""The lab's operations on data streams: time, proof, stories and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from headwater.cli import main
from tests.conformance.data_streams import DataStreams, refusal
from tests.conformance.wire import Answer, Wire

pytestmark = pytest.mark.local_only
LAB = "Headwater_20261123."
FIRST = "shardId-000000000000"


class Line(NamedTuple):
    """A data stream of one shard at first."""

    wire: Wire
    kinesis: Any
    streams: DataStreams
    name: str
    arn: str

    def put(self, *texts: str) -> list[str]:
        """Put a record for each text, and return their numbers."""
        records = [{"PartitionKey": text, "Data": text.encode()} for text in texts]
        answer = self.kinesis.put_records(StreamName=self.name, Records=records)
        return [record["SequenceNumber"] for record in answer["Records"]]

    def iterator(self, shard: str = FIRST) -> str:
        found = self.kinesis.get_shard_iterator(
            StreamName=self.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        return str(found["ShardIterator"])

    def told(self, shard: str = FIRST) -> list[str]:
        page = self.kinesis.get_records(ShardIterator=self.iterator(shard))
        return [record["Data"].decode() for record in page["Records"]]

    def ask(self, operation: str, **body: Any) -> Answer:
        return self.wire.call(LAB + operation, {"StreamArn": self.arn, **body})

    def lab(self, operation: str, **body: Any) -> Any:
        answer = self.ask(operation, **body)
        assert answer.status == 200, answer.body
        return answer.content

    def split(self) -> None:
        self.kinesis.split_shard(
            StreamName=self.name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127)
        )
        self.streams.wait(self.name)

    def merge(self) -> None:
        self.kinesis.merge_shards(
            StreamName=self.name,
            ShardToMerge="shardId-000000000001",
            AdjacentShardToMerge="shardId-000000000002",
        )
        self.streams.wait(self.name)


@pytest.fixture
def line(wire: Wire, kinesis: Any, unique_name: Callable[[str], str]) -> Iterator[Line]:
    streams = DataStreams(kinesis, unique_name)
    name = streams.make(ShardCount=1)
    yield Line(wire, kinesis, streams, name, streams.arn(name))
    streams.delete_all()


@pytest.fixture
def faults(line: Line) -> Iterator[Callable[..., None]]:
    """Adds a fault of the data stream."""

    def add(kind: str, **more: Any) -> None:
        fault = {"Kind": kind, "StreamArns": [line.arn], **more}
        answer = line.wire.call(f"{LAB}AddFaults", {"Faults": [fault]})
        assert answer.status == 200, answer.body

    yield add
    line.wire.call(f"{LAB}SetFaults", {"Faults": []})


def test_stream_is_trimmed_up_to_a_record(line: Line) -> None:
    numbers = line.put("a", "b", "c")

    trimmed = line.lab("TrimStream", ShardId=FIRST, SequenceNumber=numbers[1])

    assert trimmed["Shards"] == [{"ShardId": FIRST, "SequenceNumber": numbers[1]}]
    assert line.told() == ["c"]
    line.lab("TrimStream")
    assert line.told() == []


def test_iterators_expire_and_new_ones_do_not(line: Line) -> None:
    line.put("a")
    before = line.iterator()

    line.lab("ExpireIterators")

    refused = refusal(line.kinesis.get_records, ShardIterator=before)
    assert refused.code == "ExpiredIteratorException"
    assert line.told() == ["a"]


def test_numbers_are_proved_through_a_split_and_a_merge(line: Line) -> None:
    texts = [str(number) for number in range(20)]
    line.put(*texts)
    line.split()
    line.put(*texts)
    line.merge()
    line.put(*texts)

    assert line.lab("CheckStream") == {"Records": 60, "Shards": 4, "Faults": []}


@pytest.mark.parametrize("name", ["SequenceNumber", "EventId"])
def test_record_tells_its_story(line: Line, name: str) -> None:
    line.split()
    line.merge()
    (number,) = line.put("a")
    shard = "shardId-000000000003"
    record = {"SequenceNumber": number, "EventId": f"{shard}:{number}"}

    story = line.lab("Explain", **{name: record[name]})

    assert story.pop("At") > 0
    assert story == {
        **record,
        "ShardId": shard,
        "Parents": ["shardId-000000000001", "shardId-000000000002", FIRST],
        "Readable": True,
        "PartitionKey": "a",
        "Readers": [],
        "Sinks": [],
        "Consumers": [],
    }


def test_command_tells_the_story_by_the_records_number(line: Line) -> None:
    (number,) = line.put("a")

    words = ["lab", "why", line.arn, number, "--endpoint", line.wire.url]
    told = CliRunner().invoke(main, words, catch_exceptions=False).output

    assert f"Record {number}\n" in told
    assert "put with the partition key a\n" in told
    assert f"event id  {FIRST}:{number}\n" in told


def test_consumer_of_a_data_stream_is_registered_and_told_of(
    line: Line, make_table: Any, dynamodb: Any
) -> None:
    leases = make_table(
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
    )["TableName"]
    name = f"reader-of-{line.name}"
    first, second = line.put("a", "b")
    line.lab("RegisterConsumer", Name=name, LeaseTable=leases)
    lease = {
        "leaseKey": {"S": FIRST},
        "leaseCounter": {"N": "1"},
        "checkpoint": {"S": first},
        "leaseOwner": {"S": "worker"},
    }
    dynamodb.put_item(TableName=leases, Item=lease)

    fates = [line.lab("Explain", SequenceNumber=number)["Consumers"] for number in (first, second)]
    line.wire.call(f"{LAB}DeregisterConsumer", {"Name": name})

    about = {"Name": name, "LeaseTable": leases, "Position": first, "Owner": "worker"}
    assert fates == [[{**about, "Fate": "Passed"}], [{**about, "Fate": "Waiting"}]]


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("SplitShard", {"ShardId": FIRST}, "ValidationException"),
        ("RollShard", {"ShardId": FIRST}, "ValidationException"),
        ("Explain", {"Key": {"pk": {"S": "a"}}}, "ValidationException"),
        ("Explain", {"EventId": f"{FIRST}:none"}, "ResourceNotFoundException"),
        ("Explain", {"SequenceNumber": "9" * 57}, "ResourceNotFoundException"),
        ("TrimStream", {"ShardId": "shardId-000000000009"}, "ResourceNotFoundException"),
    ],
)
def test_what_has_no_meaning_for_a_data_stream_is_refused(
    line: Line, operation: str, body: dict[str, Any], code: str
) -> None:
    answer = line.ask(operation, **body)

    assert answer.status == 400
    assert answer.content["__type"].endswith(code)


@pytest.mark.parametrize("place", ["stream/nobodys", "stream/nobodys/consumer/x:1"])
def test_data_stream_that_is_not_there_is_told(line: Line, place: str) -> None:
    arn = f"{line.arn.rpartition(':')[0]}:{place}"

    answer = line.ask("CheckStream", StreamArn=arn)

    assert answer.content["__type"].endswith(("ResourceNotFoundException", "ValidationException"))


def test_records_of_a_call_fail_one_by_one(line: Line, faults: Callable[..., None]) -> None:
    faults("Unprocessed", Operations=["PutRecords"], Share=0.5, Count=1)
    texts = [str(number) for number in range(20)]

    answer = line.kinesis.put_records(
        StreamName=line.name,
        Records=[{"PartitionKey": text, "Data": text.encode()} for text in texts],
    )

    results = list(zip(texts, answer["Records"], strict=True))
    put = [text for text, result in results if "SequenceNumber" in result]
    failed = [result for _, result in results if "SequenceNumber" not in result]
    assert line.told() == put
    assert answer["FailedRecordCount"] == len(failed) > 0
    assert {each["ErrorCode"] for each in failed} == {"ProvisionedThroughputExceededException"}


def test_fault_befalls_its_shard_alone(line: Line, faults: Callable[..., None]) -> None:
    line.split()
    faults("Throttled", Operations=["GetRecords"], ShardIds=[FIRST])

    assert line.told("shardId-000000000001") == []
    with pytest.raises(ClientError, match="Rate exceeded for shard"):
        line.told()


def test_page_is_emptied_and_the_next_one_has_its_records(
    line: Line, faults: Callable[..., None]
) -> None:
    line.put("a")
    faults("EmptyPage", Count=1)

    page = line.kinesis.get_records(ShardIterator=line.iterator())
    following = line.kinesis.get_records(ShardIterator=page["NextShardIterator"])

    assert page["Records"] == []
    assert [record["Data"] for record in following["Records"]] == [b"a"]
