"""The lab's operations on streams; their shapes are listed in `lab.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from headwater.api.lab import refuse, refuse_unknown
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.arn import parse_data_stream, parse_stream
from headwater.datastreams import errors
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.scaling import shard_id_of
from headwater.datastreams.stream import DataStream
from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.lab import streams as lab
from headwater.lab.check import check, check_data
from headwater.lab.streams import StreamStore
from headwater.limits import sequence_digits_max
from headwater.storage import keyspace
from headwater.storage.keyspace import ShardId
from headwater.streams import listing
from headwater.streams.shard import Shard, parse_sequence, sequence_text
from headwater.streams.window import Stream
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import NotOpen, Resharded, Resharder, Unsplittable
from headwater.tables.schema import Table

Input = dict[str, Any]


class LabStreamHandlers:
    """The handlers; without the lab, every operation is refused."""

    def __init__(
        self,
        store: StreamStore,
        catalog: Catalog,
        data_streams: DataStreams,
        resharder: Resharder,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._data_streams = data_streams
        self._resharder = resharder

    def operations(self) -> Mapping[str, OwnOperation]:
        handlers = {
            "SplitShard": self.split_shard,
            "RollShard": self.roll_shard,
            "TrimStream": self.trim_stream,
            "ExpireIterators": self.expire_iterators,
            "CheckStream": self.check_stream,
        }
        return {name: OwnOperation(check, handlers[name]) for name, check in _CHECKS.items()}

    async def split_shard(self, call: Call) -> Reply:
        return await self._reshard(call, self._resharder.split)

    async def roll_shard(self, call: Call) -> Reply:
        return await self._reshard(call, self._resharder.roll_over)

    async def trim_stream(self, call: Call) -> Reply:
        stream = await self.stream(call)
        shard = await self._shard(call, stream) if "ShardId" in call.input else None
        number = call.input.get("SequenceNumber")
        upto = None if number is None else parse_sequence(number)
        trimmed = await lab.trim(self._store, stream, shard, upto)
        return Reply.json(
            {
                "Shards": [
                    {"ShardId": shard_id, "SequenceNumber": sequence_text(point, shard_id)}
                    for shard_id, point in trimmed.items()
                ]
            }
        )

    async def expire_iterators(self, call: Call) -> Reply:
        stream = await self.stream(call)
        if isinstance(stream, DataStream):
            await lab.expire_data_iterators(self._data_streams, stream, self._store.clock.now())
        else:
            await lab.expire_iterators(self._store, stream)
        return Reply.json({})

    async def check_stream(self, call: Call) -> Reply:
        stream = await self.stream(call)
        if isinstance(stream, DataStream):
            story = await check_data(self._store, stream)
        else:
            story = await check(self._store, stream, await self._table(stream))
        return Reply.json(
            {"Records": story.records, "Shards": story.shards, "Faults": story.faults}
        )

    async def _table(self, stream: Stream) -> Table | None:
        """The table of a stream, unless it is gone."""
        try:
            table = await self._catalog.describe(stream.region, stream.table_name)
        except ResourceNotFoundException:
            return None
        return table if table.table_id == stream.table_id else None

    async def _reshard(
        self, call: Call, change: Callable[[Table, ShardId], Awaitable[Resharded]]
    ) -> Reply:
        stream = await self.stream(call)
        if isinstance(stream, DataStream):
            raise ValidationException(
                f"{call.operation} is for streams of tables. Shards of data streams are changed by "
                "SplitShard, MergeShards and UpdateShardCount of Kinesis"
            )
        shard = await self._shard(call, stream)
        try:
            table = await self._catalog.describe(call.region, stream.table_name)
            resharded = await change(table, shard.shard_id)
        except (NotOpen, ResourceNotFoundException):  # the name may be another table's by now
            raise ValidationException(f"Shard {shard.shard_id} is closed") from None
        except Unsplittable as error:
            raise ValidationException(str(error)) from None
        return Reply.json({"ShardId": resharded.parent, "Children": resharded.children})

    async def stream(self, call: Call) -> Stream | DataStream:
        """The stream that a request names, a table's or a data stream.

        Raises ResourceNotFoundException.
        """
        arn = call.input["StreamArn"]
        data = parse_data_stream(arn)
        if data is not None and data.consumer is None:
            if (data.region, data.account) != (call.region, self._catalog.account):
                raise errors.stream_missing(data.stream, data.account)
            return await self._data_streams.find(call.region, data.stream)
        name = parse_stream(arn)
        if name is None:
            raise ValidationException(f"Invalid StreamArn: {arn}")
        if (name.region, name.account) == (call.region, self._catalog.account):
            key = keyspace.stream(call.region, name.table, name.label)
            stream = await listing.find_stream(self._store.engine, key, self._store.horizon())
            if stream is not None:
                return stream
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")

    async def _shard(self, call: Call, stream: Stream | DataStream) -> Shard:
        text = call.input["ShardId"]
        shard_id = shard_id_of(text)
        if shard_id is None:
            shard_id = listing.bounded_shard_id(text)
        horizon = self._store.horizon(stream)
        shard = await listing.find_shard(self._store.engine, stream, shard_id, horizon)
        if shard is None:
            raise ResourceNotFoundException("Requested resource not found: Shard does not exist")
        return shard


def refused() -> Mapping[str, OwnOperation]:
    """The operations on a server that does not offer them."""
    return {name: OwnOperation(check, refuse) for name, check in _CHECKS.items()}


def _checked_shard(body: Input) -> Input:
    refuse_unknown(body, {"StreamArn", "ShardId"})
    check_text(body, "StreamArn")
    check_text(body, "ShardId")
    if not listing.is_shard_id(body["ShardId"]) and shard_id_of(body["ShardId"]) is None:
        raise ValidationException(f"Invalid ShardId: {body['ShardId']}")
    return body


def _checked_trim(body: Input) -> Input:
    refuse_unknown(body, {"StreamArn", "ShardId", "SequenceNumber"})
    if "ShardId" not in body:
        if "SequenceNumber" in body:
            raise ValidationException("SequenceNumber needs the ShardId that it is of")
        return _checked_stream(body)
    if "SequenceNumber" in body:
        check_number(body)
    _checked_shard({name: body[name] for name in body if name != "SequenceNumber"})
    return body


def _checked_stream(body: Input) -> Input:
    refuse_unknown(body, {"StreamArn"})
    check_text(body, "StreamArn")
    return body


def check_number(body: Input) -> None:
    """Refuse what is no sequence number."""
    check_text(body, "SequenceNumber")
    number = body["SequenceNumber"]
    if not (number.isascii() and number.isdigit() and len(number) <= sequence_digits_max):
        raise ValidationException(f"Invalid SequenceNumber: {number}")


def check_text(body: Input, name: str) -> None:
    """Refuse what is no text, or not there."""
    if not isinstance(body.get(name), str):
        raise ValidationException(f"{name} must be a text")


_CHECKS: Final[Mapping[str, Callable[[Input], Input]]] = {
    "SplitShard": _checked_shard,
    "RollShard": _checked_shard,
    "TrimStream": _checked_trim,
    "ExpireIterators": _checked_stream,
    "CheckStream": _checked_stream,
}
