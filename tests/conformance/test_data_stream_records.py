"""Records of data streams: put, found again, in order, by every kind of iterator."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from headwater.api import cbor
from tests.conformance.data_streams import DataStreams, refusal

FIRST = "shardId-000000000000"
CBOR = {"Content-Type": "application/x-amz-cbor-1.1"}
GET = "Kinesis_20131202.GetRecords"


@pytest.fixture(scope="module")
def shared(data_streams: DataStreams) -> str:
    """A stream of four shards; tests keep to partition keys of their own."""
    return data_streams.make(ShardCount=4)


@pytest.fixture
def single(data_streams: DataStreams) -> str:
    """A stream of one shard that only this test uses."""
    return data_streams.make(ShardCount=1)


def iterator(kinesis: Any, name: str, kind: str = "TRIM_HORIZON", **where: Any) -> str:
    asked = {"ShardId": FIRST, **where}
    found = kinesis.get_shard_iterator(StreamName=name, ShardIteratorType=kind, **asked)
    return str(found["ShardIterator"])


def data(kinesis: Any, iterator: str, **asked: Any) -> list[bytes]:
    return [
        each["Data"] for each in kinesis.get_records(ShardIterator=iterator, **asked)["Records"]
    ]


def test_record_is_read_as_it_was_put(kinesis: Any, single: str) -> None:
    content = bytes(range(256))

    put = kinesis.put_record(StreamName=single, Data=content, PartitionKey="ключ")
    page = kinesis.get_records(ShardIterator=iterator(kinesis, single))

    (record,) = page["Records"]
    assert put["ShardId"] == FIRST
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert (record["Data"], record["PartitionKey"]) == (content, "ключ")
    assert "ApproximateArrivalTimestamp" in record
    assert page["MillisBehindLatest"] == 0
    assert page["NextShardIterator"]


def test_shard_is_that_of_the_keys_digest(
    kinesis: Any, shared: str, unique_name: Callable[[str], str]
) -> None:
    for _ in range(8):
        key = unique_name("key")
        hashed = int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16)

        put = kinesis.put_record(StreamName=shared, Data=b"", PartitionKey=key)

        assert put["ShardId"] == f"shardId-{hashed * 4 >> 128:012d}"


def test_explicit_hash_decides_instead(kinesis: Any, shared: str) -> None:
    last = kinesis.put_record(
        StreamName=shared, Data=b"", PartitionKey="any", ExplicitHashKey=str(2**128 - 1)
    )
    beyond = refusal(
        kinesis.put_record,
        StreamName=shared,
        Data=b"",
        PartitionKey="any",
        ExplicitHashKey=str(2**128),
    )

    assert last["ShardId"] == "shardId-000000000003"
    assert beyond.code == "InvalidArgumentException"
    assert beyond.text.startswith("Invalid ExplicitHashKey.")


def test_records_of_a_call_keep_their_order_and_number_on(kinesis: Any, single: str) -> None:
    records = [{"Data": f"{n}".encode(), "PartitionKey": f"k{n}"} for n in range(500)]

    put = kinesis.put_records(StreamName=single, Records=records)
    read = kinesis.get_records(ShardIterator=iterator(kinesis, single))["Records"]

    assert put["FailedRecordCount"] == 0
    numbers = [int(each["SequenceNumber"]) for each in put["Records"]]
    assert numbers == sorted(set(numbers))
    assert [int(each["SequenceNumber"]) for each in read] == numbers
    assert [each["Data"] for each in read] == [each["Data"] for each in records]


def test_pages_follow_one_another(kinesis: Any, single: str) -> None:
    records = [{"Data": f"{n}".encode(), "PartitionKey": "k"} for n in range(7)]
    kinesis.put_records(StreamName=single, Records=records)

    found: list[bytes] = []
    at = iterator(kinesis, single)
    for _ in range(4):
        page = kinesis.get_records(ShardIterator=at, Limit=2)
        found += [each["Data"] for each in page["Records"]]
        at = page["NextShardIterator"]

    assert found == [each["Data"] for each in records]


def test_every_kind_of_iterator(kinesis: Any, single: str) -> None:
    numbers = [
        kinesis.put_record(StreamName=single, Data=text, PartitionKey="k")["SequenceNumber"]
        for text in (b"a", b"b", b"c")
    ]
    latest = iterator(kinesis, single, "LATEST")
    kinesis.put_record(StreamName=single, Data=b"d", PartitionKey="k")
    second = {"StartingSequenceNumber": numbers[1]}
    at = iterator(kinesis, single, "AT_SEQUENCE_NUMBER", **second)
    after = iterator(kinesis, single, "AFTER_SEQUENCE_NUMBER", **second)

    assert data(kinesis, iterator(kinesis, single)) == [b"a", b"b", b"c", b"d"]
    assert data(kinesis, at) == [b"b", b"c", b"d"]
    assert data(kinesis, after) == [b"c", b"d"]
    assert data(kinesis, iterator(kinesis, single, "AT_TIMESTAMP", Timestamp=1.0))[0] == b"a"
    assert data(kinesis, latest) == [b"d"]


def test_closed_shard_ends_and_names_its_children(
    kinesis: Any, single: str, data_streams: DataStreams
) -> None:
    kinesis.put_record(StreamName=single, Data=b"before", PartitionKey="k")
    open_end = kinesis.get_records(ShardIterator=iterator(kinesis, single))["NextShardIterator"]
    kinesis.split_shard(StreamName=single, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    data_streams.wait(single)

    end = kinesis.get_records(ShardIterator=open_end)
    children = end["ChildShards"]
    merged = {each["ShardId"] for each in children}
    kinesis.merge_shards(
        StreamName=single,
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    data_streams.wait(single)
    end_of_child = kinesis.get_records(
        ShardIterator=iterator(kinesis, single, ShardId="shardId-000000000001")
    )

    assert "NextShardIterator" not in end
    assert merged == {"shardId-000000000001", "shardId-000000000002"}
    assert [each["ParentShards"] for each in children] == [[FIRST], [FIRST]]
    assert end_of_child["ChildShards"][0]["ParentShards"] == [
        "shardId-000000000001",
        "shardId-000000000002",
    ]


def test_order_goes_on_behind_a_number_given_before(kinesis: Any, single: str) -> None:
    asked = {"StreamName": single, "Data": b"", "PartitionKey": "k"}
    first = kinesis.put_record(**asked)["SequenceNumber"]

    second = kinesis.put_record(**asked, SequenceNumberForOrdering=first)["SequenceNumber"]
    ahead = refusal(kinesis.put_record, **asked, SequenceNumberForOrdering=str(int(second) + 2**40))

    assert int(second) > int(first)
    assert ahead.code == "InvalidArgumentException"
    assert len(data(kinesis, iterator(kinesis, single))) == 2


@pytest.mark.parametrize(
    "asked",
    [
        {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
        {"ShardIteratorType": "TRIM_HORIZON", "StartingSequenceNumber": "1"},
        {"ShardIteratorType": "AT_TIMESTAMP"},
        {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 4_000_000_000.0},
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "17"},
    ],
)
def test_position_that_makes_no_sense_is_refused(
    kinesis: Any, shared: str, asked: dict[str, Any]
) -> None:
    told = refusal(kinesis.get_shard_iterator, StreamName=shared, ShardId=FIRST, **asked)

    assert told.code == "InvalidArgumentException"


@pytest.mark.parametrize("shard_id", ["shardId-000000000099", "nonsense"])
def test_shard_that_is_not_there_is_told(kinesis: Any, shared: str, shard_id: str) -> None:
    told = refusal(
        kinesis.get_shard_iterator,
        StreamName=shared,
        ShardId=shard_id,
        ShardIteratorType="LATEST",
    )

    assert told.code == "ResourceNotFoundException"


@pytest.mark.parametrize("token", ["x", "arn:aws:kinesis:us-east-1:000000000000:stream/s|1|AAAA"])
def test_token_that_is_none_is_refused(kinesis: Any, token: str) -> None:
    told = refusal(kinesis.get_records, ShardIterator=token)

    assert (told.code, told.text) == ("InvalidArgumentException", "Invalid ShardIterator.")


def test_record_beyond_a_mebibyte_is_refused_and_one_of_it_is_not(
    kinesis: Any, single: str
) -> None:
    kinesis.put_record(StreamName=single, Data=b"x" * (2**20 - 1), PartitionKey="k")

    told = refusal(kinesis.put_record, StreamName=single, Data=b"x" * 2**20, PartitionKey="k")

    assert told.code == "ValidationException"
    assert "Member must have length less than or equal to 1048576" in told.text


@pytest.mark.parametrize(
    "asked",
    [
        {"Records": []},
        {"Records": [{"Data": b"", "PartitionKey": "k"}] * 501},
        {"Records": [{"Data": b"", "PartitionKey": ""}]},
        {"Records": [{"Data": b"", "PartitionKey": "k" * 257}]},
        {"Records": [{"PartitionKey": "k"}]},
        {"Records": [{"Data": b"x"}]},
    ],
)
def test_call_beyond_the_models_limits_is_refused(
    kinesis: Any, shared: str, asked: dict[str, Any]
) -> None:
    told = refusal(kinesis.put_records, StreamName=shared, **asked)

    assert told.code == "ValidationException"


def test_page_beyond_ten_thousand_records_is_refused(kinesis: Any, shared: str) -> None:
    at = iterator(kinesis, shared)

    told = refusal(kinesis.get_records, ShardIterator=at, Limit=10_001)

    assert told.code == "ValidationException"


def test_client_that_speaks_cbor_finds_what_one_of_json_has_put(
    kinesis: Any, single: str, endpoint: str | None
) -> None:
    url = endpoint or kinesis.meta.endpoint_url
    credentials = kinesis._request_signer._credentials
    kinesis.put_record(StreamName=single, Data=b"\x00data", PartitionKey="k")
    asked = {"ShardIterator": iterator(kinesis, single), "Limit": 1}

    request = AWSRequest("POST", f"{url}/", {**CBOR, "X-Amz-Target": GET}, cbor.dumps(asked))
    SigV4Auth(credentials, "kinesis", kinesis.meta.region_name).add_auth(request)
    with contextlib.closing(URLLib3Session()) as session:
        answer = session.send(request.prepare())

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, CBOR["Content-Type"])
    (record,) = cbor.loads(answer.content)["Records"]
    assert b"\x45\x00data" in answer.content
    assert record["Data"] == base64.b64encode(b"\x00data").decode()
