from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from headwater.consumers import checkpoint as checkpoints
from headwater.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
    TooManyRequestsException,
)
from headwater.mappings.mapping import EventSourceMapping, Manner, MappingState, StartingPosition
from headwater.mappings.service import MappingService
from headwater.storage import delivery_keys
from tests.logged_store import REGION, LoggedStore, advance, in_store, open_shards, settle
from tests.mapped_functions import (
    DAY,
    NotedFunctions,
    map_function,
    mapping_service,
    service_of,
)


async def stored(service: MappingService, mapping: EventSourceMapping) -> EventSourceMapping:
    return await service.get(REGION, mapping.uuid)


def test_mapping_invokes_its_function_with_what_is_written() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=2)
        functions = NotedFunctions()
        before = [await store.append(table, f"k{index}") for index in range(5)]
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            after = [await store.append(table, f"k{index}") for index in range(5)]
            await settle()
            found = await stored(service, created)

        assert created.state is MappingState.CREATING
        assert created.last_result == "No records processed"
        assert (found.state, found.last_result) == (MappingState.ENABLED, "OK")
        assert sorted(functions.numbers()) == sorted(before + after)

    in_store(body)


def test_latest_misses_nothing_written_after_its_creation() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        await store.append_all(table, 3)
        service = service_of(store, functions)
        await map_function(service, table, StartingPosition.LATEST)
        after = await store.append_all(table, 3)
        async with mapping_service(store, functions):
            await settle()

        assert functions.numbers() == after

    in_store(body)


def test_batch_size_and_window_are_kept() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            await map_function(service, table, batch_records_max=2, window_seconds=10)
            await store.append_all(table, 5)
            await settle()
            before = functions.sizes()
            await advance(store, 10)

        assert before == [2, 2]
        assert functions.sizes() == [2, 2, 1]

    in_store(body)


def test_failing_function_is_reported_and_tried_again() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(faults=["Unhandled", TooManyRequestsException()])
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, retries_max=1)
            number = await store.append(table)
            await settle()
            failed = await stored(service, created)
            await advance(store, 10)
            recovered = await stored(service, created)

        assert failed.last_result == "PROBLEM: Function call failed"
        assert recovered.last_result == "OK"
        assert functions.numbers() == [number] * 3

    in_store(body)


def test_deleted_function_is_reported_and_read_on_when_it_is_back() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, retries_max=0)
            functions.names.clear()
            number = await store.append(table)
            await settle()
            gone = await stored(service, created)
            functions.names.add("f")
            await advance(store, 10)

        assert gone.last_result == "PROBLEM: Function not found"
        assert functions.numbers() == [number]

    in_store(body)


def test_vanished_stream_is_reported() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            await store.switch_off(table)
            await advance(store, DAY + 60, step=DAY / 4)
            found = await stored(service, created)
            await service.delete(found)
            await settle()
            with pytest.raises(ResourceNotFoundException):
                await stored(service, created)

        assert (found.state, found.last_result) == (
            MappingState.ENABLED,
            "PROBLEM: Stream not found",
        )

    in_store(body)


def test_disabled_mapping_goes_on_where_it_stopped() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            written = await store.append_all(table, 2)
            await settle()
            off = Manner("f", is_enabled=False)
            disabling = await service.change(await stored(service, created), off)
            await settle()
            disabled = await stored(service, created)
            written += await store.append_all(table, 2)
            await advance(store, 20)
            meanwhile = functions.numbers()
            await service.change(disabled, Manner("f"))
            await settle()

        assert (disabling.state, disabled.state) == (MappingState.DISABLING, MappingState.DISABLED)
        assert meanwhile == written[:2]
        assert functions.numbers() == written

    in_store(body)


def test_change_while_running_loses_and_repeats_nothing() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(gate=asyncio.Event())
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            written = [*await store.append_all(table, 3)]
            await settle()
            updating = await service.change(
                await stored(service, created), Manner("f", batch_records_max=1)
            )
            await settle()
            under_way = await stored(service, created)
            assert functions.gate is not None
            functions.gate.set()
            written += await store.append_all(table, 2)
            await settle()
            settled = await stored(service, created)

        assert [each.state for each in (updating, under_way, settled)] == [
            MappingState.UPDATING,
            MappingState.UPDATING,
            MappingState.ENABLED,
        ]
        assert functions.numbers() == written
        assert functions.sizes()[-2:] == [1, 1]

    in_store(body)


def test_change_during_another_is_refused() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        service = service_of(store, NotedFunctions())
        created = await map_function(service, table)

        with pytest.raises(ResourceInUseException):
            await service.change(created, Manner("f", batch_records_max=1))
        with pytest.raises(ResourceInUseException):
            await service.delete(created)

    in_store(body)


def test_function_can_be_exchanged() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(names={"f", "g"})
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            first = await store.append(table)
            await settle()
            await service.change(await stored(service, created), Manner("g"))
            await settle()
            second = await store.append(table)
            await settle()
            again = await map_function(service, table, StartingPosition.LATEST)
            with pytest.raises(ResourceConflictException):
                await map_function(service, table, function_name="g")

        assert (functions.numbers("f"), functions.numbers("g")) == ([first], [second])
        assert again.uuid != created.uuid

    in_store(body)


def test_stream_and_function_are_joined_once() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        async with mapping_service(store, NotedFunctions()) as service:
            created = await map_function(service, table)

            with pytest.raises(ResourceConflictException, match=created.uuid):
                await map_function(service, table)

    in_store(body)


def test_deleted_mapping_leaves_nothing_behind() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            await store.append(table)
            await settle()
            deleting = await service.delete(await stored(service, created))
            await settle()
            left = await checkpoints.load(store.engine, created.consumer)
            await store.append(table)
            await settle()
            with pytest.raises(ResourceNotFoundException):
                await stored(service, created)
            pairs = await store.engine.get([created.pair_key])

        assert deleting.state is MappingState.DELETING
        assert (left, pairs) == ({}, [None])
        assert len(functions.invoked) == 1

    in_store(body)


def test_missing_stream_and_function_are_refused() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        service = service_of(store, NotedFunctions())

        with pytest.raises(InvalidParameterValueException, match=r"^Function does not exist$"):
            await map_function(service, table, function_name="g")
        gone = await store.switch_off(table)
        store.clock.advance(DAY + 1)
        with pytest.raises(InvalidParameterValueException, match=r"^Stream not found: arn:"):
            await map_function(service, gone)

    in_store(body)


def test_mappings_go_on_after_a_restart() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            written = [*await store.append_all(table, 2)]
            await settle()
        written += await store.append_all(table, 2)
        async with mapping_service(store, functions) as service:
            await settle()
            found = await stored(service, created)

        assert functions.numbers() == written
        assert (found.state, found.last_result) == (MappingState.ENABLED, "OK")

    in_store(body)


def test_laggards_are_named() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(gate=asyncio.Event())
        (shard,) = open_shards(table)
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table)
            number = await store.append(table)
            written = {table.table_id: {shard: number}}
            await settle()
            before = await service.behind(written)
            assert functions.gate is not None
            functions.gate.set()
            await settle()
            after = await service.behind(written)

        ((name, place),) = before.items()
        assert (name, place.shard_id, place.number) == (created.uuid, shard, number)
        assert after == {}

    in_store(body)


def test_payload_stays_within_six_megabytes() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        service = service_of(store, functions)
        await map_function(service, table, batch_records_max=10_000)
        large = "k" * 2_000
        written = [await store.append(table, large) for _ in range(1_600)]
        async with mapping_service(store, functions):
            await settle(2_000)

        assert functions.numbers() == written
        assert len(functions.payload_bytes) > 1
        assert max(functions.payload_bytes) <= 6 * 1024 * 1024
        assert max(functions.payload_bytes) > 5.5 * 1024 * 1024

    in_store(body)


def test_mapping_of_another_region_is_not_found() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        service = service_of(store, NotedFunctions())
        created = await map_function(service, table)

        with pytest.raises(ResourceNotFoundException):
            await service.get("eu-west-1", created.uuid)
        assert await store.engine.get([delivery_keys.mapping(REGION, created.uuid)]) != [None]

    in_store(body)


def test_lanes_changed_while_running_lose_nothing_and_keep_the_order() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions()
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, batch_records_max=1)
            numbers: dict[str, list[int]] = {"a": [], "b": [], "c": []}
            for lanes in (4, 1, 10):
                for key, own in numbers.items():
                    own.append(await store.append(table, key))
                found = await stored(service, created)
                await service.change(found, replace(found.manner, lanes=lanes))
                await settle()

        given = list(dict.fromkeys(functions.numbers()))
        for own in numbers.values():
            assert [number for number in given if number in own] == own
        assert len(given) == 9

    in_store(body)


def test_change_repeats_nothing_that_lanes_had_delivered_ahead_of_a_blocked_one() -> None:
    def answer(event: dict[str, Any]) -> bytes:
        record = event["Records"][0]["dynamodb"]
        if record["Keys"]["k"]["S"] == "blocked":
            failed = {"itemIdentifier": record["SequenceNumber"]}
            return json.dumps({"batchItemFailures": [failed]}).encode()
        return b"null"

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(answer=answer)
        manner: dict[str, Any] = {
            "batch_records_max": 1,
            "lanes": 10,
            "reports_failures": True,
        }
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, **manner)
            blocked = await store.append(table, "blocked")
            others = [await store.append(table, f"key-{number}") for number in range(20)]
            await settle()
            for lanes in (3, 10):
                found = await stored(service, created)
                await service.change(found, replace(found.manner, lanes=lanes))
                await settle()
            found = await stored(service, created)
            await service.change(found, replace(found.manner, is_enabled=False))
            await settle()
            functions.answer = lambda _: b"null"
            found = await stored(service, created)
            await service.change(found, replace(found.manner, is_enabled=True))
            await settle()

        given = functions.numbers()
        assert set(given) == {blocked, *others}
        assert [number for number in given if number != blocked] == list(
            dict.fromkeys(number for number in given if number != blocked)
        )

    in_store(body)


def test_filters_changed_while_running_hold_for_what_is_not_delivered_yet() -> None:
    def only(key: str) -> tuple[str, ...]:
        return (f'{{"dynamodb":{{"Keys":{{"k":{{"S":["{key}"]}}}}}}}}',)

    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(gate=asyncio.Event())
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, batch_records_max=1, patterns=only("a"))
            under_way = await store.append(table, "a")
            await settle()
            await store.append(table, "a")
            wanted = await store.append(table, "b")
            found = await stored(service, created)
            await service.change(found, replace(found.manner, patterns=only("b")))
            await settle()
            assert functions.gate is not None
            functions.gate.set()
            await settle()

        assert functions.numbers() == [under_way, wanted]

    in_store(body)


def test_windows_switched_off_hand_over_the_state_that_is_open() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        functions = NotedFunctions(answer=lambda _: b'{"state":{"n":1}}')
        async with mapping_service(store, functions) as service:
            created = await map_function(service, table, tumbling_seconds=900)
            await store.append(table)
            await settle()
            found = await stored(service, created)
            await service.change(found, replace(found.manner, tumbling_seconds=0))
            await settle()
            await store.append(table)
            await settle()

        first, closing, after = (event for _, event in functions.invoked)
        assert (first["isFinalInvokeForWindow"], len(first["Records"])) == (False, 1)
        assert (closing["isFinalInvokeForWindow"], closing["Records"]) == (True, [])
        assert closing["isWindowTerminatedEarly"] is True
        assert closing["state"] == {"n": 1}
        assert "window" not in after

    in_store(body)
