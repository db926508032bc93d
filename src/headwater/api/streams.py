"""DynamoDB Streams' four operations: ListStreams, DescribeStream, GetShardIterator, GetRecords.

Texts: API Reference of each operation, and observed; where AWS's text is not known ours is in its
manner. A stream is looked for in the region the request is signed for; another's is not found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap
from typing import Any, Final, TypeVar

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_stream
from headwater.clock import Clock
from headwater.errors import (
    INVALID,
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
    ValidationException,
)
from headwater.limits import stream_records_max, stream_shards_page_max, streams_page_max
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import listing, render
from headwater.streams.iterator import Iterators, ShardIterator
from headwater.streams.page import Place, read_page
from headwater.streams.position import OutsideShard, ShardLog, Trimmed, find_log
from headwater.streams.shard import (
    Shard,
    decode_head,
    decode_point,
    parse_sequence,
    sequence_text,
)
from headwater.streams.window import Stream

_KEY_TYPES: Final = ("HASH", "RANGE")
_WITH_NUMBER: Final = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")

Listed = TypeVar("Listed")
_record_middle = lru_cache(maxsize=256)(render.record_middle)


@dataclass(frozen=True, slots=True)
class StreamsSettings:
    """account: of every ARN. retention_seconds: how long entries can be read."""

    account: str
    retention_seconds: float


class StreamHandlers:
    """The handlers of service `dynamodbstreams`."""

    def __init__(
        self, engine: Engine, clock: Clock, iterators: Iterators, settings: StreamsSettings
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._iterators = iterators
        self._settings = settings

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler, by service and operation."""
        return {
            ("dynamodbstreams", "ListStreams"): self.list_streams,
            ("dynamodbstreams", "DescribeStream"): self.describe_stream,
            ("dynamodbstreams", "GetShardIterator"): self.get_shard_iterator,
            ("dynamodbstreams", "GetRecords"): self.get_records,
        }

    async def list_streams(self, call: Call) -> Reply:
        """Streams in the order of table names and labels; those of deleted tables too."""
        limit = _limit(call, streams_page_max)
        start, stop = keyspace.streams_span(call.region, call.input.get("TableName"))
        after = call.input.get("ExclusiveStartStreamArn")
        if after is not None:
            start = max(start, self._stream_key(call.region, after) + b"\x00")
        found = listing.streams(self._engine, (start, stop), self._horizon())
        page, has_more = await _first(found, limit)
        answer: dict[str, Any] = {"Streams": [self._summary(stream) for stream in page]}
        if has_more:
            answer["LastEvaluatedStreamArn"] = self._arn(page[-1])
        return Reply.json(answer)

    async def describe_stream(self, call: Call) -> Reply:
        """A stream and a page of its shards, in the order of their ids."""
        limit = _limit(call, stream_shards_page_max)
        parent = _filtered_parent(call.input.get("ShardFilter"))
        after = call.input.get("ExclusiveStartShardId")
        stream = await self._find_stream(call)
        found = listing.shards_of(
            self._engine,
            stream,
            self._horizon(),
            None if after is None else _shard_id(after, "exclusiveStartShardId"),
        )
        if parent is not None:
            found = _children(found, parent)
        page, has_more = await _first(found, limit)
        description = {
            **self._summary(stream),
            "StreamStatus": stream.status,
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.created_at,
            "KeySchema": [
                {"AttributeName": name, "KeyType": key_type}
                for name, key_type in zip(stream.keys, _KEY_TYPES, strict=False)
            ],
            "Shards": [_described(shard) for shard in page],
        }
        if has_more:
            description["LastEvaluatedShardId"] = page[-1].shard_id
        return Reply.json({"StreamDescription": description})

    async def get_shard_iterator(self, call: Call) -> Reply:
        """A token for a position in a shard, open or closed."""
        _check_position(call.input, self._clock.now())
        shard_id = _shard_id(call.input["ShardId"], "shardId")
        stream = await self._find_stream(call)
        log = await self._find_log(stream, shard_id)
        try:
            after = await _position(call.input, log)
        except Trimmed:
            raise TrimmedDataAccessException from None
        except OutsideShard:
            raise ValidationException(
                f"{INVALID}Invalid SequenceNumber {call.input['SequenceNumber']} "
                f"for shard {shard_id}"
            ) from None
        issued_ms = stream.issued_ms(self._clock.now())
        pointed = ShardIterator(call.input["StreamArn"], shard_id, after, issued_ms)
        return Reply.json({"ShardIterator": self._iterators.token(pointed)})

    async def get_records(self, call: Call) -> Reply:
        """A page of records; without NextShardIterator once a closed shard has given its last."""
        limit = _limit(call, stream_records_max)
        now = self._clock.now()
        iterator = self._iterators.read(call.input["ShardIterator"], now)
        key = self._stream_key(call.region, iterator.stream_arn)
        stream = await listing.find_stream(self._engine, key, self._horizon())
        if stream is None:
            raise _stream_not_found(iterator.stream_arn)
        if iterator.issued_ms < stream.iterators_since_ms:
            raise ExpiredIteratorException
        place = Place(stream.table_id, iterator.shard_id, iterator.after)
        shard = stream.table_id, iterator.shard_id
        head, point = await self._engine.get([keyspace.head(*shard), keyspace.trim_point(*shard)])
        if head is None:
            raise _shard_not_found()
        if iterator.after < decode_point(point):
            raise TrimmedDataAccessException
        try:
            page = await read_page(self._engine, place, decode_head(head), limit, self._horizon())
        except Trimmed:
            raise TrimmedDataAccessException from None
        end = b"]}"
        if page.next is not None:
            issued_ms = stream.issued_ms(now)
            following = ShardIterator(iterator.stream_arn, iterator.shard_id, page.next, issued_ms)
            token = self._iterators.token(following)
            end = b'],"NextShardIterator":"%b"}' % token.encode()
        middle = _record_middle(stream.region)
        return Reply(render.record_page(middle, iterator.shard_id, page.stored, end))

    async def _find_log(self, stream: Stream, shard_id: ShardId) -> ShardLog:
        horizon = self._horizon()
        shard = await listing.find_shard(self._engine, stream, shard_id, horizon)
        if shard is not None:
            log = await find_log(self._engine, stream.table_id, shard, horizon)
            if log is not None:
                return log
        raise _shard_not_found()

    async def _find_stream(self, call: Call) -> Stream:
        arn = call.input["StreamArn"]
        key = self._stream_key(call.region, arn)
        stream = await listing.find_stream(self._engine, key, self._horizon())
        if stream is None:
            raise _stream_not_found(arn)
        return stream

    def _stream_key(self, region: str, arn: str) -> bytes:
        name = parse_stream(arn)
        if name is None:
            raise ValidationException(f"{INVALID}Invalid StreamArn: {arn}")
        if (name.region, name.account) != (region, self._settings.account):
            raise _stream_not_found(arn)
        return keyspace.stream(region, name.table, name.label)

    def _horizon(self) -> int:
        return listing.horizon_us(self._clock.now(), self._settings.retention_seconds)

    def _arn(self, stream: Stream) -> str:
        return stream.arn(self._settings.account)

    def _summary(self, stream: Stream) -> dict[str, Any]:
        return {
            "StreamArn": self._arn(stream),
            "TableName": stream.table_name,
            "StreamLabel": stream.label,
        }


async def _position(asked: Mapping[str, Any], log: ShardLog) -> SequenceNumber:
    match asked["ShardIteratorType"]:
        case "LATEST":
            return log.latest()
        case "TRIM_HORIZON":
            return await log.oldest()
        case "AT_TIMESTAMP":
            return await log.at_time(int(asked["Timestamp"] * 1e6))
        case "AT_SEQUENCE_NUMBER":
            return await log.at_number(parse_sequence(asked["SequenceNumber"]))
        case _:
            return await log.at_number(parse_sequence(asked["SequenceNumber"]) + 1)


async def _first(found: AsyncIterator[Listed], limit: int) -> tuple[list[Listed], bool]:
    """So many of what is found, and whether there is more."""
    page: list[Listed] = []
    async for each in found:
        if len(page) == limit:
            return page, True
        page.append(each)
    return page, False


async def _children(found: AsyncIterator[Shard], parent: ShardId) -> AsyncIterator[Shard]:
    async for shard in found:
        if shard.parent == parent:
            yield shard


def _described(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": sequence_text(shard.first)}
    if shard.last is not None:
        numbers["EndingSequenceNumber"] = sequence_text(shard.last)
    described: dict[str, Any] = {"ShardId": shard.shard_id, "SequenceNumberRange": numbers}
    if shard.parent is not None:
        described["ParentShardId"] = shard.parent
    return described


def _limit(call: Call, most: int) -> int:
    """The page's size; the model knows only its least."""
    limit: int = call.input.get("Limit", most)
    if limit > most:
        raise ValidationException(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value less than or equal to {most}"
        )
    return limit


def _filtered_parent(shard_filter: Mapping[str, Any] | None) -> ShardId | None:
    if shard_filter is None:
        return None
    missing = [name for name in ("Type", "ShardId") if name not in shard_filter]
    if missing:
        faults = "; ".join(starmap(_null_at, (("shardFilter", name) for name in missing)))
        plural = "" if len(missing) == 1 else "s"
        raise ValidationException(f"{len(missing)} validation error{plural} detected: {faults}")
    return _shard_id(shard_filter["ShardId"], "shardFilter.shardId")


def _null_at(parent: str, name: str) -> str:
    return (
        f"Value null at '{parent}.{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
        "Member must not be null"
    )


def _shard_id(text: str, member: str) -> ShardId:
    if not listing.is_shard_id(text):
        raise ValidationException(f"{INVALID}Invalid ShardId at '{member}': {text}")
    return listing.bounded_shard_id(text)


def _check_position(asked: Mapping[str, Any], now: float) -> None:
    """Refuse a position that lacks what its type needs, or has what it does not take."""
    kind = asked["ShardIteratorType"]
    needed = {"AT_TIMESTAMP": "Timestamp", **dict.fromkeys(_WITH_NUMBER, "SequenceNumber")}.get(
        kind
    )
    for member in ("SequenceNumber", "Timestamp"):
        if member == needed and member not in asked:
            raise ValidationException(f"{INVALID}{member} is required for ShardIteratorType {kind}")
        if member != needed and member in asked:
            raise ValidationException(
                f"{INVALID}{member} must not be specified for ShardIteratorType {kind}"
            )
    number = asked.get("SequenceNumber", "0")
    if not (number.isascii() and number.isdigit()):
        raise ValidationException(f"{INVALID}Invalid SequenceNumber: {number}")
    if asked.get("Timestamp", now) > now:
        raise ValidationException(f"{INVALID}Timestamp must not be in the future")


def _stream_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")


def _shard_not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("Requested resource not found: Shard does not exist")
