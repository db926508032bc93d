"""Records of failed batches, as AWS forms them (fields and order observed there)."""

from __future__ import annotations

import dataclasses
import json

import pytest

from headwater.consumers.delivery import Reason
from headwater.mappings.failure import FailedBatch, FunctionAnswer
from headwater.mappings.report import message
from headwater.storage.keyspace import SequenceNumber, ShardId

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2019-11-14T00:00:00.000"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
FAILED = FailedBatch(
    mapping_uuid="4e2ee5c1-0000-4000-8000-000000000001",
    region="us-east-1",
    destination=QUEUE,
    function_arn=FUNCTION,
    stream_arn=STREAM,
    request_id="316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
    reason=Reason.RETRIES,
    invoke_count=2,
    answer=FunctionAnswer(200, "$LATEST", "Unhandled"),
    shard_id=ShardId("shardId-00000001573689847184-864758bb"),
    first=SequenceNumber(5),
    last=SequenceNumber(6),
    first_us=1_573_689_799_999_999,
    last_us=1_573_689_800_000_000,
    record_count=2,
    at=1_573_689_813.7176,
    payload=b'{"Records":[{"eventID":"1"},{"eventID":"2"}]}',
)


def body(failed: FailedBatch) -> str:
    return message(failed, "unique").body.decode()


def test_record_says_where_the_batch_is_and_why_it_was_given_up() -> None:
    assert body(FAILED) == (
        '{"requestContext":{"requestId":"316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",'
        f'"functionArn":"{FUNCTION}","condition":"RetryAttemptsExhausted",'
        '"approximateInvokeCount":2},'
        '"responseContext":{"statusCode":200,"executedVersion":"$LATEST",'
        '"functionError":"Unhandled"},'
        '"version":"1.0","timestamp":"2019-11-14T00:03:33.717Z",'
        '"DDBStreamBatchInfo":{"shardId":"shardId-00000001573689847184-864758bb",'
        '"startSequenceNumber":"100000000000000000005",'
        '"endSequenceNumber":"100000000000000000006",'
        '"approximateArrivalOfFirstRecord":"2019-11-14T00:03:19Z",'
        '"approximateArrivalOfLastRecord":"2019-11-14T00:03:20Z","batchSize":2,'
        f'"streamArn":"{STREAM}"}}}}'
    )


def test_function_that_reported_failed_items_has_no_error() -> None:
    answer = FunctionAnswer(200, "7", None)

    told = json.loads(body(dataclasses.replace(FAILED, answer=answer)))

    assert told["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "7",
        "functionError": None,
    }


def test_record_of_an_old_batch_tells_of_no_response() -> None:
    told = json.loads(body(dataclasses.replace(FAILED, reason=Reason.AGE, answer=None)))

    assert told["requestContext"]["condition"] == "RecordAgeExceeded"
    assert list(told) == ["requestContext", "version", "timestamp", "DDBStreamBatchInfo"]


def test_bucket_gets_the_records_under_a_key_of_mapping_shard_and_time() -> None:
    made = message(dataclasses.replace(FAILED, destination="arn:aws:s3:::bucket"), "unique")

    told = json.loads(made.body)
    assert told["payload"] == {"Records": [{"eventID": "1"}, {"eventID": "2"}]}
    assert list(told)[-1] == "payload"
    assert made.object_key == (
        "aws/lambda/4e2ee5c1-0000-4000-8000-000000000001/shardId-00000001573689847184-864758bb/"
        "2019/11/14/2019-11-14T00.03.33-unique"
    )


@pytest.mark.parametrize("at", [0.0, 1_573_689_813.0, 1_573_689_813.9999])
def test_timestamp_has_milliseconds_always(at: float) -> None:
    told = json.loads(body(dataclasses.replace(FAILED, at=at)))

    seconds, _, fraction = told["timestamp"].partition(".")
    assert len(seconds) == len("2019-11-14T00:03:33")
    assert len(fraction) == len("717Z")
