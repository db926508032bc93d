"""Kinesis' operations on registered consumers, and on tags of streams and consumers.

Source: API Reference of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from headwater.api.data_stream_names import refuse_unsupported, stream_name, stream_of
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.clock import Clock
from headwater.datastreams.catalog import DataStreams, Plan
from headwater.datastreams.consumer import StreamConsumer, StreamConsumers
from headwater.datastreams.stream import DataStream
from headwater.datastreams.tags import merged, without
from headwater.errors import InvalidArgumentException
from headwater.limits import data_stream_consumers_page_default, tags_max

_DONE: Final = Reply(b"")

Tags = dict[str, str]


class _Resource(NamedTuple):
    """What an ARN names: a stream, or a consumer registered with it."""

    stream: DataStream
    consumer: StreamConsumer | None


class StreamConsumerHandlers:
    """The handlers. settle_seconds: how long a consumer is CREATING."""

    def __init__(
        self,
        streams: DataStreams,
        consumers: StreamConsumers,
        clock: Clock,
        settle_seconds: float,
    ) -> None:
        self._streams = streams
        self._consumers = consumers
        self._clock = clock
        self._settle_seconds = settle_seconds

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("kinesis", "RegisterStreamConsumer"): self.register,
            ("kinesis", "DeregisterStreamConsumer"): self.deregister,
            ("kinesis", "DescribeStreamConsumer"): self.describe,
            ("kinesis", "ListStreamConsumers"): self.list_page,
            ("kinesis", "AddTagsToStream"): self.add_tags_to_stream,
            ("kinesis", "ListTagsForStream"): self.list_tags_for_stream,
            ("kinesis", "RemoveTagsFromStream"): self.remove_tags_from_stream,
            ("kinesis", "TagResource"): self.tag_resource,
            ("kinesis", "UntagResource"): self.untag_resource,
            ("kinesis", "ListTagsForResource"): self.list_tags_for_resource,
        }

    async def register(self, call: Call) -> Reply:
        refuse_unsupported(call.input)
        stream = await self._of_arn(call)
        self._streams.check_active(stream)
        tags = call.input.get("Tags", {})
        consumer = await self._consumers.register(stream, call.input["ConsumerName"], tags)
        return Reply.json({"Consumer": self._described(stream, consumer)})

    async def deregister(self, call: Call) -> Reply:
        stream, consumer = await self._consumer(call)
        await self._consumers.deregister(stream, consumer.name)
        return _DONE

    async def describe(self, call: Call) -> Reply:
        stream, consumer = await self._consumer(call)
        described = self._described(stream, consumer)
        described["StreamARN"] = stream.arn(self._streams.account)
        return Reply.json({"ConsumerDescription": described})

    async def list_page(self, call: Call) -> Reply:
        """Consumers in the order of their names; the token is the last of the page before."""
        refuse_unsupported(call.input)
        stream = await self._of_arn(call)
        created_at = call.input.get("StreamCreationTimestamp", stream.created_at)
        after = call.input.get("NextToken", "")
        limit = call.input.get("MaxResults", data_stream_consumers_page_default)
        found = [each for each in await self._consumers.all(stream) if each.name > after]
        if int(created_at) != int(stream.created_at):
            raise InvalidArgumentException(
                f"StreamCreationTimestamp is not that of stream {stream.name}."
            )
        page = found[:limit]
        answer: dict[str, Any] = {"Consumers": [self._described(stream, each) for each in page]}
        if len(found) > limit:
            answer["NextToken"] = page[-1].name
        return Reply.json(answer)

    async def add_tags_to_stream(self, call: Call) -> Reply:
        await self._retag(call.region, self._named(call), call.input["Tags"], ())
        return _DONE

    async def remove_tags_from_stream(self, call: Call) -> Reply:
        await self._retag(call.region, self._named(call), {}, call.input["TagKeys"])
        return _DONE

    async def list_tags_for_stream(self, call: Call) -> Reply:
        """Tags in the order of their keys."""
        stream = await self._streams.find(call.region, self._named(call))
        after = call.input.get("ExclusiveStartTagKey", "")
        limit = call.input.get("Limit", tags_max)
        found = [tag for tag in _listed(stream.tags) if tag["Key"] > after]
        return Reply.json({"Tags": found[:limit], "HasMoreTags": len(found) > limit})

    async def tag_resource(self, call: Call) -> Reply:
        await self._retag_resource(call, call.input["Tags"], ())
        return _DONE

    async def untag_resource(self, call: Call) -> Reply:
        await self._retag_resource(call, {}, call.input["TagKeys"])
        return _DONE

    async def list_tags_for_resource(self, call: Call) -> Reply:
        stream, consumer = await self._resource(call)
        return Reply.json({"Tags": _listed(stream.tags if consumer is None else consumer.tags)})

    async def _retag_resource(self, call: Call, given: Tags, removed: Any) -> None:
        stream, consumer = await self._resource(call)
        if consumer is None:
            await self._retag(call.region, stream.name, given, removed)
        else:
            await self._consumers.tag(stream, consumer.name, given, removed)

    async def _retag(self, region: str, name: str, given: Tags, removed: Any) -> None:
        def planned(present: DataStream) -> Plan:
            tags = without(merged(present.tags, given), removed)
            return Plan(lambda _, each: each.changed(tags=tags))

        await self._streams.change(region, name, planned)

    async def _resource(self, call: Call) -> _Resource:
        refuse_unsupported(call.input)
        name = stream_name(call.region, self._streams.account, call.input["ResourceARN"])
        stream = await self._streams.find(call.region, name.stream)
        if name.consumer is None:
            return _Resource(stream, None)
        return _Resource(stream, await self._consumers.find(stream, name.consumer, name.created))

    async def _consumer(self, call: Call) -> tuple[DataStream, StreamConsumer]:
        """The consumer of a request, by its ARN or by its name and its stream's ARN."""
        refuse_unsupported(call.input)
        asked = call.input
        arn = asked.get("ConsumerARN", asked.get("StreamARN"))
        if arn is None or ("ConsumerARN" not in asked and "ConsumerName" not in asked):
            raise InvalidArgumentException(
                "Either ConsumerARN or both StreamARN and ConsumerName must be specified."
            )
        name = stream_name(call.region, self._streams.account, arn)
        stream = await self._streams.find(call.region, name.stream)
        consumer = name.consumer or asked["ConsumerName"]
        return stream, await self._consumers.find(stream, consumer, name.created)

    async def _of_arn(self, call: Call) -> DataStream:
        name = stream_name(call.region, self._streams.account, call.input["StreamARN"])
        return await self._streams.find(call.region, name.stream)

    def _named(self, call: Call) -> str:
        return stream_of(call, self._streams.account)

    def _described(self, stream: DataStream, consumer: StreamConsumer) -> dict[str, Any]:
        is_new = self._clock.now() < consumer.created_at + self._settle_seconds
        return {
            "ConsumerName": consumer.name,
            "ConsumerARN": consumer.arn(stream.arn(self._streams.account)),
            "ConsumerStatus": "CREATING" if is_new else "ACTIVE",
            "ConsumerCreationTimestamp": consumer.created_at,
        }


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
