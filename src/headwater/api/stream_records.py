"""Kinesis' operations on records: put, and read shard by shard.

A record's data is stored as it is and leaves as base64. Source: API Reference of each operation.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from headwater.api.data_stream_names import refuse_unsupported, stream_name, stream_of
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.stream_shards import described_range
from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.reading import Reading, Start
from headwater.datastreams.scaling import hash_key_of, shard_id_of
from headwater.datastreams.stream import DataStream, hash_key
from headwater.datastreams.writing import Intake, NewRecord
from headwater.errors import (
    ExpiredIteratorException,
    InvalidArgumentException,
    ValidationException,
)
from headwater.limits import (
    KB,
    data_stream_iterator_seconds,
    data_stream_page_records_max,
    data_stream_request_bytes_max,
)
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import entry as entries
from headwater.streams.iterator import Iterators, ShardIterator
from headwater.streams.log import Stored
from headwater.streams.position import ShardLog
from headwater.streams.shard import Shard, parse_sequence, sequence_text

_WITH_NUMBER: Final = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class StreamRecordHandlers:
    """The handlers."""

    def __init__(
        self,
        streams: DataStreams,
        intake: Intake,
        reading: Reading,
        iterators: Iterators,
        clock: Clock,
    ) -> None:
        self._streams = streams
        self._intake = intake
        self._reading = reading
        self._iterators = iterators
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("kinesis", "PutRecord"): self.put_record,
            ("kinesis", "PutRecords"): self.put_records,
            ("kinesis", "GetShardIterator"): self.get_shard_iterator,
            ("kinesis", "GetRecords"): self.get_records,
        }

    async def put_record(self, call: Call) -> Reply:
        name = stream_of(call, self._streams.account)
        stream = await self._streams.find(call.region, name)
        asked = call.input
        record = _record(asked, stream, "")
        follows = asked.get("SequenceNumberForOrdering")
        if follows is not None:
            record = record._replace(after=parse_sequence(follows))
        (placed,) = await self._intake.put(call.region, name, [record])
        return Reply.json({"ShardId": placed.shard_id, "SequenceNumber": placed.sequence})

    async def put_records(self, call: Call) -> Reply:
        """All records in one commit: they are stored together or not at all."""
        name = stream_of(call, self._streams.account)
        stream = await self._streams.find(call.region, name)
        records = [
            _record(each, stream, f"records.{index}.member.")
            for index, each in enumerate(call.input["Records"], 1)
        ]
        size = sum(len(each.data) + len(each.partition_key.encode()) for each in records)
        if size > data_stream_request_bytes_max:
            raise InvalidArgumentException("Records size exceeds 10 MB limit")
        placed = await self._intake.put(call.region, name, records)
        told = [{"SequenceNumber": each.sequence, "ShardId": each.shard_id} for each in placed]
        return Reply.json({"FailedRecordCount": 0, "Records": told})

    async def get_shard_iterator(self, call: Call) -> Reply:
        """A token for a position in a shard, open or closed."""
        name = stream_of(call, self._streams.account)
        stream = await self._streams.find(call.region, name)
        shard_id = shard_id_of(call.input["ShardId"])
        if shard_id is None:
            raise errors.shard_not_found(call.input["ShardId"], name, self._streams.account)
        _check_position(call.input)
        log = await self._reading.find_log(stream, shard_id)
        after = await self._position(call.input, stream, log)
        return Reply.json({"ShardIterator": self._token(stream, shard_id, after)})

    async def get_records(self, call: Call) -> Reply:
        """A page of records; without NextShardIterator once a closed shard has given its last."""
        refuse_unsupported(call.input)
        limit = call.input.get("Limit", data_stream_page_records_max)
        iterator = self._opened(call)
        stream = await self._stream_of(call, iterator)
        page = await self._reading.page(stream, iterator.shard_id, iterator.after, limit)
        shown = [_shown(iterator.shard_id, each) for each in page.records]
        answer: dict[str, Any] = {"Records": shown, "MillisBehindLatest": page.behind_ms}
        if page.next is not None:
            answer["NextShardIterator"] = self._token(stream, iterator.shard_id, page.next)
        else:
            answer["ChildShards"] = [_child(shard) for shard in page.children]
        return Reply.json(answer)

    async def _position(
        self, asked: Mapping[str, Any], stream: DataStream, log: ShardLog
    ) -> SequenceNumber:
        match asked["ShardIteratorType"]:
            case "LATEST":
                return log.latest()
            case "TRIM_HORIZON":
                return await log.oldest()
            case "AT_TIMESTAMP":
                return await log.at_time(self._moment_us(asked["Timestamp"]))
            case kind:
                number = parse_sequence(asked["StartingSequenceNumber"])
                start = Start(number, is_behind=kind == "AFTER_SEQUENCE_NUMBER")
                return await self._reading.position(stream, log, start)

    def _moment_us(self, timestamp: float) -> int:
        now = self._clock.now()
        if timestamp > now:
            raise InvalidArgumentException(
                "The timestampInMillis parameter cannot be greater than the "
                f"currentTimestampInMillis. timestampInMillis: {int(timestamp * 1000)}, "
                f"currentTimestampInMillis: {int(now * 1000)}"
            )
        return int(timestamp * 1e6)

    def _token(self, stream: DataStream, shard_id: ShardId, after: SequenceNumber) -> str:
        issued_ms = stream.issued_ms(self._clock.now())
        named = f"{stream.arn(self._streams.account)}/{stream.table_id}"
        return self._iterators.token(ShardIterator(named, shard_id, after, issued_ms))

    async def _stream_of(self, call: Call, iterator: ShardIterator) -> DataStream:
        """The stream of an iterator; one that has been made again since is another."""
        arn, _, stream_id = iterator.stream_arn.rpartition("/")
        if call.input.get("StreamARN", arn) != arn:
            raise InvalidArgumentException("Invalid ShardIterator.")
        name = stream_name(call.region, self._streams.account, arn).stream
        stream = await self._streams.find(call.region, name)
        if stream.table_id != stream_id:
            raise errors.stream_missing(name, self._streams.account)
        if iterator.issued_ms < stream.iterators_since_ms:
            raise _expired(iterator, int(self._clock.now() * 1000))
        return stream

    def _opened(self, call: Call) -> ShardIterator:
        """The iterator of a request. Raises InvalidArgumentException, ExpiredIteratorException."""
        iterator = self._iterators.opened(call.input["ShardIterator"])
        if iterator is None:
            raise InvalidArgumentException("Invalid ShardIterator.")
        now_ms = int(self._clock.now() * 1000)
        if now_ms - iterator.issued_ms > data_stream_iterator_seconds * 1000:
            raise _expired(iterator, now_ms)
        return iterator


def _expired(iterator: ShardIterator, now_ms: int) -> ExpiredIteratorException:
    return ExpiredIteratorException(
        "Iterator expired. The iterator was created at time "
        f"{_java_time(iterator.issued_ms)} while right now it is {_java_time(now_ms)} "
        "which is further in the future than the tolerated delay of "
        f"{data_stream_iterator_seconds * 1000} milliseconds."
    )


def _record(asked: Mapping[str, Any], stream: DataStream, path: str) -> NewRecord:
    """A record to put; path: of the member that holds it, with a dot, or empty.

    Raises InvalidArgumentException, ValidationException if it has no key or is too large.
    """
    data, key = a2b_base64(asked["Data"]), asked.get("PartitionKey")
    if key is None:  # the model requires none, for streams that share records out themselves
        raise _violation("null", f"{path}partitionKey", "Member must not be null")
    most = stream.record_kib_max * KB
    if len(data) + len(key.encode()) > most:
        shown = f"'java.nio.HeapByteBuffer[pos=0 lim={len(data)} cap={len(data)}]'"
        limit = f"Member must have length less than or equal to {most}"
        raise _violation(shown, f"{path}data", limit)
    explicit = asked.get("ExplicitHashKey")
    hashed = hash_key(key) if explicit is None else hash_key_of("ExplicitHashKey", explicit)
    return NewRecord(key, data, hashed)


def _violation(value: str, path: str, text: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: "
        f"{text}"
    )


def _shown(shard_id: ShardId, stored: Stored) -> dict[str, Any]:
    entry = entries.decode(stored.entry)
    return {
        "SequenceNumber": sequence_text(stored.number, shard_id),
        "ApproximateArrivalTimestamp": entry.time_us // 1000 / 1000,
        "Data": b2a_base64(entry.new.body, newline=False).decode(),
        "PartitionKey": entry.keys.body.decode(),
    }


def _child(shard: Shard) -> dict[str, Any]:
    return {
        "ShardId": shard.shard_id,
        "ParentShards": list(shard.parents),
        "HashKeyRange": described_range(shard.range),
    }


def _check_position(asked: Mapping[str, Any]) -> None:
    """Refuse a position that lacks what its type needs, or has what it does not take."""
    kind = asked["ShardIteratorType"]
    number = asked.get("StartingSequenceNumber")
    if kind == "AT_TIMESTAMP" and "Timestamp" not in asked:
        raise InvalidArgumentException(
            "Must specify timestampInMillis for shardIteratorType AT_TIMESTAMP."
        )
    if (kind in _WITH_NUMBER) != (number is not None):
        given = "no StartingSequenceNumber" if number is None else "also a StartingSequenceNumber"
        raise InvalidArgumentException(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
            "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {kind} and {given}."
        )


def _java_time(milliseconds: int) -> str:
    """A time as Java prints it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
