"""Kinesis' operations on data streams themselves: made, described, listed, changed, deleted.

Source: API Reference of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.api.data_stream_names import refuse_unsupported, stream_name, stream_of
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.stream_shards import described_shard
from headwater.clock import Clock
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams, NewStream, Plan
from headwater.datastreams.consumer import StreamConsumers
from headwater.datastreams.scaling import shard_id_of
from headwater.datastreams.stream import DataStream, StreamMode
from headwater.datastreams.tags import merged
from headwater.errors import InvalidArgumentException, ValidationException
from headwater.limits import (
    data_stream_record_kib_default,
    data_stream_shards_max,
    data_stream_shards_page_default,
    data_streams_on_demand_max,
    data_streams_page_default,
)
from headwater.storage.engine import Engine
from headwater.storage.keyspace import ShardId
from headwater.streams import listing

_DONE: Final = Reply(b"")


class DataStreamHandlers:
    """The handlers."""

    def __init__(
        self, streams: DataStreams, consumers: StreamConsumers, engine: Engine, clock: Clock
    ) -> None:
        self._streams = streams
        self._consumers = consumers
        self._engine = engine
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("kinesis", "CreateStream"): self.create_stream,
            ("kinesis", "DeleteStream"): self.delete_stream,
            ("kinesis", "DescribeStream"): self.describe_stream,
            ("kinesis", "DescribeStreamSummary"): self.describe_stream_summary,
            ("kinesis", "DescribeLimits"): self.describe_limits,
            ("kinesis", "ListStreams"): self.list_streams,
            ("kinesis", "UpdateStreamMode"): self.update_stream_mode,
            ("kinesis", "UpdateMaxRecordSize"): self.update_max_record_size,
            ("kinesis", "IncreaseStreamRetentionPeriod"): self.increase_retention,
            ("kinesis", "DecreaseStreamRetentionPeriod"): self.decrease_retention,
        }

    async def create_stream(self, call: Call) -> Reply:
        asked = call.input
        refuse_unsupported(asked)
        mode = _mode(asked.get("StreamModeDetails", {"StreamMode": StreamMode.PROVISIONED}))
        shard_count = asked.get("ShardCount")
        if mode is StreamMode.ON_DEMAND and shard_count is not None:
            raise ValidationException(
                "ShardCount must not be specified for a stream in On-Demand mode."
            )
        if mode is StreamMode.PROVISIONED and shard_count is None:
            raise ValidationException(
                "ShardCount must be specified for a stream in Provisioned mode."
            )
        new = NewStream(
            call.region,
            asked["StreamName"],
            mode,
            shard_count,
            asked.get("MaxRecordSizeInKiB", data_stream_record_kib_default),
            merged({}, asked.get("Tags", {})),
        )
        await self._streams.create(new)
        return _DONE

    async def delete_stream(self, call: Call) -> Reply:
        name = stream_of(call, self._streams.account)
        with_consumers = call.input.get("EnforceConsumerDeletion", False)
        await self._streams.delete(call.region, name, with_consumers=with_consumers)
        return _DONE

    async def describe_stream(self, call: Call) -> Reply:
        stream = await self._find(call)
        limit = call.input.get("Limit", data_stream_shards_page_default)
        after = self._start(call, stream)
        horizon = stream.horizon_us(self._clock.now())
        shards = []
        async for shard in listing.shards_of(self._engine, stream, horizon, after):
            shards.append(shard)
            if len(shards) > limit:
                break
        described = {
            **self._described(stream),
            "Shards": [described_shard(shard) for shard in shards[:limit]],
            "HasMoreShards": len(shards) > limit,
        }
        return Reply.json({"StreamDescription": described})

    async def describe_stream_summary(self, call: Call) -> Reply:
        stream = await self._find(call)
        described = {
            **self._described(stream),
            "OpenShardCount": len(stream.shards),
            "ConsumerCount": len(await self._consumers.all(stream)),
            "MaxRecordSizeInKiB": stream.record_kib_max,
        }
        return Reply.json({"StreamDescriptionSummary": described})

    async def describe_limits(self, call: Call) -> Reply:
        usage = await self._streams.usage(call.region)
        return Reply.json(
            {
                "ShardLimit": data_stream_shards_max,
                "OpenShardCount": usage.open_shards,
                "OnDemandStreamCount": usage.on_demand_streams,
                "OnDemandStreamCountLimit": data_streams_on_demand_max,
            }
        )

    async def list_streams(self, call: Call) -> Reply:
        """Streams in the order of their names; the token is the last name of the page before."""
        asked = call.input
        after: str = asked.get("NextToken") or asked.get("ExclusiveStartStreamName", "")
        limit = asked.get("Limit", data_streams_page_default)
        page, has_more = await self._streams.page(call.region, after, limit)
        answer: dict[str, Any] = {
            "StreamNames": [stream.name for stream in page],
            "HasMoreStreams": has_more,
            "StreamSummaries": [self._summary(stream) for stream in page],
        }
        if has_more:
            answer["NextToken"] = page[-1].name
        return Reply.json(answer)

    async def update_stream_mode(self, call: Call) -> Reply:
        refuse_unsupported(call.input)
        name = stream_name(call.region, self._streams.account, call.input["StreamARN"])
        stream = await self._streams.find(call.region, name.stream)
        await self._streams.set_mode(stream, _mode(call.input["StreamModeDetails"]))
        return _DONE

    async def update_max_record_size(self, call: Call) -> Reply:
        name = stream_of(call, self._streams.account)
        size = call.input["MaxRecordSizeInKiB"]

        def planned(present: DataStream) -> Plan:
            self._streams.check_active(present)
            return Plan(lambda _, each: each.changed(record_kib_max=size))

        await self._streams.change(call.region, name, planned)
        return _DONE

    async def increase_retention(self, call: Call) -> Reply:
        hours = call.input["RetentionPeriodHours"]
        await self._streams.set_retention(await self._find(call), hours, is_longer=True)
        return _DONE

    async def decrease_retention(self, call: Call) -> Reply:
        hours = call.input["RetentionPeriodHours"]
        await self._streams.set_retention(await self._find(call), hours, is_longer=False)
        return _DONE

    async def _find(self, call: Call) -> DataStream:
        return await self._streams.find(call.region, stream_of(call, self._streams.account))

    def _start(self, call: Call, stream: DataStream) -> ShardId | None:
        text = call.input.get("ExclusiveStartShardId")
        if text is None:
            return None
        shard_id = shard_id_of(text)
        if shard_id is None:
            raise errors.shard_not_found(text, stream.name, self._streams.account)
        return shard_id

    def _summary(self, stream: DataStream) -> dict[str, Any]:
        return {
            "StreamName": stream.name,
            "StreamARN": stream.arn(self._streams.account),
            "StreamStatus": stream.status,
            "StreamModeDetails": {"StreamMode": stream.mode},
            "StreamCreationTimestamp": stream.created_at,
        }

    def _described(self, stream: DataStream) -> dict[str, Any]:
        return {
            **self._summary(stream),
            "RetentionPeriodHours": stream.retention_hours,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
        }


def _mode(details: Mapping[str, Any]) -> StreamMode:
    mode = details["StreamMode"]
    if mode not in StreamMode.__members__:
        raise InvalidArgumentException(f"Invalid StreamMode: {mode}")
    return StreamMode(mode)
