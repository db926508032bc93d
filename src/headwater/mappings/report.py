"""The record of a failed batch, and its way to the on-failure destination.

Queues and topics get where the records are and why they were given up; a bucket gets the records,
too, under a key that names the mapping, the shard and the time.
Shapes: Lambda Developer Guide, "Retain discarded batch records for a DynamoDB event source".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from headwater.clock import Chance
from headwater.mappings.failure import FailedBatch
from headwater.outbox.message import Message, service_of
from headwater.outbox.outbox import Outbox
from headwater.storage.keyspace import SequenceNumber, ShardId, is_counted
from headwater.streams.shard import parse_sequence, sequence_text

_SOURCE: Final = "mapping/"


class FailureOutbox:
    """`FailureDestination` over the outbox: what it has taken will be sent."""

    def __init__(self, outbox: Outbox, chance: Chance) -> None:
        self._outbox = outbox
        self._chance = chance

    async def accept(self, failed: FailedBatch) -> None:
        await self._outbox.put(message(failed, self._chance.uuid()))


def source_of(mapping_uuid: str) -> str:
    """What messages of a mapping bear as their source."""
    return f"{_SOURCE}{mapping_uuid}"


def mapping_of(source: str) -> str | None:
    """The mapping whose source this is, if it is one's."""
    return source.removeprefix(_SOURCE) if source.startswith(_SOURCE) else None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about: the records of a batch that a mapping gave up."""

    mapping_uuid: str
    shard_id: ShardId
    first: SequenceNumber
    last: SequenceNumber


def subject_of(message: Message) -> Subject | None:
    """What a message is about, if it is a mapping's."""
    mapping_uuid = mapping_of(message.source)
    if mapping_uuid is None:
        return None
    told = orjson.loads(message.body)
    batch = told.get("KinesisBatchInfo") or told["DDBStreamBatchInfo"]
    first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
    return Subject(
        mapping_uuid,
        ShardId(batch["shardId"]),
        SequenceNumber(parse_sequence(first)),
        SequenceNumber(parse_sequence(last)),
    )


def message(failed: FailedBatch, unique: str) -> Message:
    """The record of a failed batch; unique: ends the name of an object."""
    record = _record(failed)
    if service_of(failed.destination) == "s3":
        record["payload"] = orjson.Fragment(failed.payload)
    return Message(
        source_of(failed.mapping_uuid),
        failed.region,
        failed.destination,
        orjson.dumps(record),
        _object_key(failed, unique),
    )


def _record(failed: FailedBatch) -> dict[str, Any]:
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": failed.request_id,
            "functionArn": failed.function_arn,
            "condition": failed.reason.value,
            "approximateInvokeCount": failed.invoke_count,
        }
    }
    answer = failed.answer
    if answer is not None:
        record["responseContext"] = {
            "statusCode": answer.status_code,
            "executedVersion": answer.executed_version,
            "functionError": answer.function_error,
        }
    is_of_data_stream = is_counted(failed.shard_id)
    arrival = _precise_arrival if is_of_data_stream else _arrival
    return {
        **record,
        "version": "1.0",
        "timestamp": _utc(failed.at).isoformat(timespec="milliseconds") + "Z",
        "KinesisBatchInfo" if is_of_data_stream else "DDBStreamBatchInfo": {
            "shardId": failed.shard_id,
            "startSequenceNumber": sequence_text(failed.first, failed.shard_id),
            "endSequenceNumber": sequence_text(failed.last, failed.shard_id),
            "approximateArrivalOfFirstRecord": arrival(failed.first_us),
            "approximateArrivalOfLastRecord": arrival(failed.last_us),
            "batchSize": failed.record_count,
            "streamArn": failed.stream_arn,
        },
    }


def _object_key(failed: FailedBatch, unique: str) -> str:
    at = _utc(failed.at)
    return (
        f"aws/lambda/{failed.mapping_uuid}/{failed.shard_id}/"
        f"{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{unique}"
    )


def _arrival(time_us: int) -> str:
    """A record's time; of tables' streams AWS tells whole seconds."""
    return _utc(time_us // 1_000_000).isoformat(timespec="seconds") + "Z"


def _precise_arrival(time_us: int) -> str:
    """A record's time, of data streams."""
    return _utc(time_us / 1e6).isoformat(timespec="milliseconds") + "Z"


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
