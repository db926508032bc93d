"""Kinesis' operations on the shards of data streams, and a shard as they show it.

Source: API Reference of each operation.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from headwater.api import shapes
from headwater.api.data_stream_names import refuse_unsupported, stream_of
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.shapes import Input
from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.listing import NO_FILTER, ShardFilter, filtered
from headwater.datastreams.scaling import Scaling, hash_key_of, shard_id_of
from headwater.datastreams.stream import DataStream
from headwater.errors import ExpiredNextTokenException, InvalidArgumentException, ServiceError
from headwater.limits import data_stream_shards_list_max, data_stream_token_seconds
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams import listing
from headwater.streams.shard import HashRange, Shard, sequence_text

_DONE: Final = Reply(b"")
_NOT_WITH_TOKEN: Final = ("StreamName", "StreamCreationTimestamp", "ShardFilter")


class StreamShardHandlers:
    """The handlers."""

    def __init__(
        self, streams: DataStreams, scaling: Scaling, engine: Engine, clock: Clock
    ) -> None:
        self._streams = streams
        self._scaling = scaling
        self._engine = engine
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("kinesis", "ListShards"): self.list_shards,
            ("kinesis", "SplitShard"): self.split_shard,
            ("kinesis", "MergeShards"): self.merge_shards,
            ("kinesis", "UpdateShardCount"): self.update_shard_count,
        }

    async def list_shards(self, call: Call) -> Reply:
        """A page of the shards that a filter lets through."""
        asked = call.input
        refuse_unsupported(asked)
        if "NextToken" in asked:
            for name in _NOT_WITH_TOKEN:
                if name in asked:
                    raise InvalidArgumentException(
                        f"NextToken and {name} cannot be provided together."
                    )
            asked = self._of_token(asked)
        name = stream_of(call._replace(input=asked), self._streams.account)
        stream = await self._streams.find(call.region, name)
        _check_creation(stream, asked)
        limit = min(call.input.get("MaxResults", data_stream_shards_list_max), 10_000)
        found = await self._filtered(stream, asked)
        after = asked.get("ExclusiveStartShardId")
        page = [shard for shard in found if after is None or shard.shard_id > after]
        answer: dict[str, Any] = {"Shards": [described_shard(shard) for shard in page[:limit]]}
        if len(page) > limit:
            answer["NextToken"] = self._token(asked, stream, page[limit - 1].shard_id)
        return Reply.json(answer)

    async def split_shard(self, call: Call) -> Reply:
        stream = await self._find(call)
        shard_id = self._shard_id(stream, call.input["ShardToSplit"])
        start = hash_key_of("NewStartingHashKey", call.input["NewStartingHashKey"])
        await self._scaling.split(stream, shard_id, start)
        return _DONE

    async def merge_shards(self, call: Call) -> Reply:
        stream = await self._find(call)
        shard_id = self._shard_id(stream, call.input["ShardToMerge"])
        adjacent_id = self._shard_id(stream, call.input["AdjacentShardToMerge"])
        await self._scaling.merge(stream, shard_id, adjacent_id)
        return _DONE

    async def update_shard_count(self, call: Call) -> Reply:
        assert call.input["ScalingType"] == "UNIFORM_SCALING", "the model knows no other"
        stream = await self._find(call)
        scaled = await self._scaling.scale(stream, call.input["TargetShardCount"])
        return Reply.json(
            {
                "StreamName": stream.name,
                "CurrentShardCount": scaled.before,
                "TargetShardCount": scaled.after,
                "StreamARN": stream.arn(self._streams.account),
            }
        )

    async def _find(self, call: Call) -> DataStream:
        return await self._streams.find(call.region, stream_of(call, self._streams.account))

    def _shard_id(self, stream: DataStream, text: str) -> ShardId:
        shard_id = shard_id_of(text)
        if shard_id is None:
            raise errors.shard_not_found(text, stream.name, self._streams.account)
        return shard_id

    async def _filtered(self, stream: DataStream, asked: Input) -> list[Shard]:
        horizon = stream.horizon_us(self._clock.now())
        found = [shard async for shard in listing.shards_of(self._engine, stream, horizon)]
        return filtered(found, self._filter(asked.get("ShardFilter")))

    def _filter(self, asked: Mapping[str, Any] | None) -> ShardFilter:
        if asked is None:
            return NO_FILTER
        kind = asked["Type"]
        needed = {"AFTER_SHARD_ID": "ShardId"}.get(kind)
        if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP"):
            needed = "Timestamp"
        for member in ("ShardId", "Timestamp"):
            if (member in asked) != (member == needed):
                must = "must be" if member == needed else "must not be"
                raise InvalidArgumentException(f"{member} {must} specified for ShardFilter {kind}.")
        if needed == "ShardId":
            after = shard_id_of(asked["ShardId"])
            if after is None:
                raise InvalidArgumentException(
                    f"Invalid ShardId in ShardFilter: {asked['ShardId']}"
                )
            return ShardFilter(kind, after)
        if needed == "Timestamp" and asked["Timestamp"] > self._clock.now():
            raise InvalidArgumentException("Timestamp in ShardFilter must not be in the future.")
        return ShardFilter(kind, moment_us=int(asked.get("Timestamp", 0) * 1e6))

    def _token(self, asked: Input, stream: DataStream, after: ShardId) -> str:
        """Where a listing goes on; it is not sealed: a made-up place shows nothing more."""
        content = {
            "StreamName": stream.name,
            "StreamCreationTimestamp": stream.created_at,
            "ExclusiveStartShardId": after,
            "IssuedAt": self._clock.now(),
        }
        if "ShardFilter" in asked:
            content["ShardFilter"] = asked["ShardFilter"]
        return urlsafe_b64encode(orjson.dumps(content)).decode()

    def _of_token(self, asked: Input) -> Input:
        """The request that a token goes on with. Raises ExpiredNextTokenException."""
        try:
            content = _content(asked["NextToken"])
            issued_at = float(content.pop("IssuedAt"))
            goes_on = _checked(content)
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, ServiceError):
            raise InvalidArgumentException("Invalid NextToken.") from None
        if self._clock.now() - issued_at > data_stream_token_seconds:
            raise ExpiredNextTokenException("The NextToken has expired.")
        return goes_on


def stream_of_token(token: str) -> str | None:
    """The name of the stream that a listing's token goes on with; None if it is none of ours."""
    try:
        name: str = _checked({"StreamName": _content(token)["StreamName"]})["StreamName"]
    except (binascii.Error, ValueError, KeyError, TypeError, ServiceError):
        return None
    return name


def _content(token: str) -> Any:
    return orjson.loads(urlsafe_b64decode(token.encode("ascii")))


def _checked(content: Input) -> Input:
    """The input that a token holds, which anybody may have made up."""
    check: Callable[[Input], Input] = shapes.load("kinesis").operations["ListShards"].check
    return check(content)


def described_shard(shard: Shard) -> dict[str, Any]:
    """A shard as DescribeStream and ListShards show it."""
    numbers = {"StartingSequenceNumber": sequence_text(shard.first, shard.shard_id)}
    if shard.last is not None:
        numbers["EndingSequenceNumber"] = sequence_text(shard.last, shard.shard_id)
    described: dict[str, Any] = {
        "ShardId": shard.shard_id,
        "HashKeyRange": described_range(shard.range),
        "SequenceNumberRange": numbers,
    }
    if shard.parent is not None:
        described["ParentShardId"] = shard.parent
    if shard.adjacent is not None:
        described["AdjacentParentShardId"] = shard.adjacent
    return described


def described_range(hash_range: HashRange) -> dict[str, str]:
    return {
        "StartingHashKey": str(hash_range.start),
        "EndingHashKey": str(hash_range.end),
    }


def _check_creation(stream: DataStream, asked: Input) -> None:
    """Refuse another stream of the name, if the request says when its own was created."""
    created_at = asked.get("StreamCreationTimestamp")
    if created_at is not None and int(created_at) != int(stream.created_at):
        raise InvalidArgumentException(
            f"StreamCreationTimestamp is not that of stream {stream.name}."
        )
