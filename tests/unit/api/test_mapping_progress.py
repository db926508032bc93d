from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from headwater.api.mapping_progress import MappingProgressHandlers
from headwater.api.operation import Call
from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.mappings.activity import Activities
from headwater.mappings.mapping import EventSourceMapping, StartingPosition
from headwater.mappings.service import MappingService
from headwater.streams.shard import sequence_text
from tests.logged_store import REGION, LoggedStore, in_store, open_shards, settle
from tests.mapped_functions import NotedFunctions, map_function, mapping_service, no_delays


class Described:
    """A running service, and what DescribeMapping says of its mappings."""

    def __init__(self, service: MappingService, activities: Activities) -> None:
        self.service = service
        self._operation = MappingProgressHandlers(service, activities).operations()[
            "DescribeMapping"
        ]

    async def of(self, mapping: EventSourceMapping) -> dict[str, Any]:
        return await self.ask({"UUID": mapping.uuid})

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        checked = self._operation.check(body)
        call = Call("headwater", "DescribeMapping", REGION, None, checked, "id", b"")
        answer: dict[str, Any] = orjson.loads((await self._operation.handler(call)).body)
        return answer


@asynccontextmanager
async def described(store: LoggedStore, functions: NotedFunctions) -> AsyncIterator[Described]:
    activities = Activities(no_delays)
    async with mapping_service(store, functions, activities=activities) as service:
        yield Described(service, activities)


def test_mapping_at_rest_has_counts_and_is_behind_nothing() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        async with described(store, NotedFunctions()) as describe:
            mapping = await map_function(describe.service, table)
            numbers = await store.append_all(table, 3)
            await settle()
            answer = await describe.of(mapping)

        assert answer["Mapping"]["UUID"] == mapping.uuid
        assert answer["Counts"] == {
            "Polled": 3,
            "Filtered": 0,
            "Invoked": 3,
            "Failed": 0,
            "Dropped": 0,
            "Trimmed": 0,
            "OnFailure": 0,
        }
        assert answer["IteratorAgeSeconds"] == 0.0
        assert answer["Shards"] == [
            {
                "ShardId": open_shards(table)[0],
                "IsClosed": False,
                "IsFinished": False,
                "LastSequenceNumber": sequence_text(numbers[-1]),
                "Position": sequence_text(numbers[-1]),
                "Lag": 0,
                "Attempts": 0,
                "Batches": [],
            }
        ]

    in_store(body)


def test_batch_that_is_with_the_function_is_shown() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(gate=asyncio.Event())
        async with described(store, functions) as describe:
            mapping = await map_function(describe.service, table, batch_records_max=2)
            numbers = await store.append_all(table, 1)
            await settle()
            (shard,) = (await describe.of(mapping))["Shards"]

        assert shard["Lag"] == 1
        assert shard["Batches"] == [
            {
                "Records": 1,
                "DeliveriesBefore": 0,
                "BeganAt": store.clock.now(),
                "FirstSequenceNumber": sequence_text(numbers[0]),
                "LastSequenceNumber": sequence_text(numbers[0]),
            }
        ]

    in_store(body)


def test_failing_batch_is_shown_with_its_error_and_its_next_try() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(faults=["Unhandled"] * 9)
        async with described(store, functions) as describe:
            mapping = await map_function(describe.service, table)
            await store.append_all(table, 2)
            await settle()
            (shard,) = (await describe.of(mapping))["Shards"]

        assert (shard["Attempts"], shard["Lag"]) == (1, 2)
        assert shard["LastError"] == "The function failed: Unhandled"
        assert shard["LastErrorAt"] == store.clock.now()
        assert shard["RetryAt"] > store.clock.now()

    in_store(body)


def test_open_window_is_shown_with_the_size_of_its_state() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(answer=lambda _: b'{"state":{"n":1}}')
        async with described(store, functions) as describe:
            mapping = await map_function(describe.service, table, tumbling_seconds=60)
            await store.append_all(table, 1)
            await settle()
            (shard,) = (await describe.of(mapping))["Shards"]

        window = shard["Window"]
        assert window["Start"] <= store.clock.now() < window["End"] == window["Start"] + 60
        assert window["StateBytes"] == len(b'{"n":1}')

    in_store(body)


def test_shards_not_read_yet_and_finished_ones_are_told_apart() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        gate = asyncio.Event()
        async with described(store, NotedFunctions(gate=gate)) as describe:
            mapping = await map_function(describe.service, table)
            await store.append_all(table, 4)
            await settle()
            await store.roll_over(table, parent)
            await settle()
            shards = (await describe.of(mapping))["Shards"]
            gate.set()
            await settle()
            later = (await describe.of(mapping))["Shards"]

        assert [(each["IsClosed"], each["IsFinished"]) for each in shards] == [
            (True, False),
            (False, False),
        ]
        assert "Position" not in shards[1]
        assert [(each["IsFinished"], each["Lag"]) for each in later] == [(True, 0), (False, 0)]

    in_store(body)


def test_disabled_mapping_shows_how_far_behind_it_is() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        async with described(store, NotedFunctions()) as describe:
            mapping = await map_function(
                describe.service, table, StartingPosition.LATEST, is_enabled=False
            )
            await store.append_all(table, 5)
            await settle()
            answer = await describe.of(mapping)

        assert "IteratorAgeSeconds" not in answer
        assert [each["Lag"] for each in answer["Shards"]] == [5]

    in_store(body)


def test_absent_mapping_and_other_members_are_refused() -> None:
    async def body(store: LoggedStore) -> None:
        async with described(store, NotedFunctions()) as describe:
            with pytest.raises(ResourceNotFoundException):
                await describe.ask({"UUID": "absent"})
            for wrong in ({}, {"UUID": 1}, {"UUID": "u", "Name": "f"}):
                with pytest.raises(ValidationException):
                    await describe.ask(wrong)

    in_store(body)
