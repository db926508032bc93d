"""A client of the stream handlers, without a server."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.api import shapes
from headwater.api.operation import Call
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.errors import ServiceError
from headwater.storage.keyspace import ShardId
from headwater.streams.iterator import Iterators
from headwater.streams.shard import parse_sequence
from headwater.tables.schema import Table
from tests.logged_store import ACCOUNT, REGION, LoggedStore, open_shards

DAY = 24 * 3600


class Client:
    """Calls the handlers as the dispatcher does, the model's check included."""

    def __init__(self, store: LoggedStore) -> None:
        settings = StreamsSettings(ACCOUNT, DAY)
        iterators = Iterators(b"secret")
        self._handlers = StreamHandlers(store.engine, store.clock, iterators, settings).handlers()

    async def call(self, operation: str, region: str = REGION, **members: Any) -> dict[str, Any]:
        check = shapes.load("dynamodbstreams").operations[operation].check
        call = Call("dynamodbstreams", operation, region, None, check(members), "id", b"")
        reply = await self._handlers["dynamodbstreams", operation](call)
        answer: dict[str, Any] = orjson.loads(reply.body)
        return answer

    async def refused(self, operation: str, **members: Any) -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await self.call(operation, **members)
        return caught.value

    async def iterator(
        self, table: Table, kind: str = "TRIM_HORIZON", shard: ShardId | None = None, **more: Any
    ) -> str:
        answer = await self.call(
            "GetShardIterator",
            StreamArn=arn(table),
            ShardId=shard or open_shards(table)[0],
            ShardIteratorType=kind,
            **more,
        )
        token: str = answer["ShardIterator"]
        return token

    async def records(
        self, table: Table, kind: str = "TRIM_HORIZON", shard: ShardId | None = None, **more: Any
    ) -> list[int]:
        """Sequence numbers of the page at a position."""
        token = await self.iterator(table, kind, shard, **more)
        return numbers(await self.call("GetRecords", ShardIterator=token))

    async def shards(self, table: Table, **more: Any) -> list[dict[str, Any]]:
        answer = await self.call("DescribeStream", StreamArn=arn(table), **more)
        shards: list[dict[str, Any]] = answer["StreamDescription"]["Shards"]
        return shards


def arn(table: Table) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table.name}/stream/{table.latest_label}"


def numbers(page: dict[str, Any]) -> list[int]:
    return [parse_sequence(record["dynamodb"]["SequenceNumber"]) for record in page["Records"]]
