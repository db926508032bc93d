from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from headwater.api import shapes
from headwater.api.mappings import MappingHandlers
from headwater.api.operation import Call
from headwater.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from headwater.mappings.service import MappingService
from headwater.tables.schema import Table
from tests.logged_store import ACCOUNT, REGION, LoggedStore, in_store, settle
from tests.mapped_functions import NotedFunctions, mapping_service, stream_arn


class Client:
    """Calls the handlers as the dispatcher does, the model's check included."""

    def __init__(self, service: MappingService) -> None:
        self._handlers = MappingHandlers(service, ACCOUNT).handlers()

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        check = shapes.load("lambda").operations[operation].check
        call = Call("lambda", operation, REGION, None, check(members), "id", b"")
        reply = await self._handlers["lambda", operation](call)
        answer: dict[str, Any] = orjson.loads(reply.body)
        return answer

    async def refused(self, operation: str, **members: Any) -> ServiceError:
        with pytest.raises(ServiceError) as caught:
            await self.call(operation, **members)
        return caught.value

    async def create(self, table: Table, **members: Any) -> dict[str, Any]:
        return await self.call("CreateEventSourceMapping", **asked(table, **members))


def asked(table: Table, **members: Any) -> dict[str, Any]:
    least = {
        "EventSourceArn": stream_arn(table),
        "FunctionName": "f",
        "StartingPosition": "TRIM_HORIZON",
    }
    return {name: value for name, value in (least | members).items() if value is not None}


def with_client(
    body: Callable[[LoggedStore, Client, Table], Awaitable[None]], **functions: Any
) -> None:
    async def main(store: LoggedStore) -> None:
        table = await store.create_table()
        async with mapping_service(store, NotedFunctions(**functions)) as service:
            await body(store, Client(service), table)

    in_store(main)


def test_answer_has_lambdas_shape() -> None:
    async def body(store: LoggedStore, client: Client, table: Table) -> None:
        answer = await client.create(table)

        uuid = answer.pop("UUID")
        assert len(uuid) == 36
        assert answer == {
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "ParallelizationFactor": 1,
            "EventSourceArn": stream_arn(table),
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "LastModified": store.clock.now(),
            "LastProcessingResult": "No records processed",
            "State": "Creating",
            "StateTransitionReason": "User action",
            "DestinationConfig": {"OnFailure": {}},
            "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": False,
            "MaximumRetryAttempts": -1,
            "TumblingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            "EventSourceMappingArn": (
                f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}"
            ),
        }

    with_client(body)


def test_given_settings_are_kept() -> None:
    given = {
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 300,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
    }

    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table, Enabled=False, StartingPosition="LATEST", **given)
        await settle()
        found = await client.call("GetEventSourceMapping", UUID=created["UUID"])

        assert found == created | {"State": "Disabled"}
        assert given.items() <= found.items()
        assert found["StartingPosition"] == "LATEST"

    with_client(body)


QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ParallelizationFactor", 10),
        ("BisectBatchOnFunctionError", True),
        ("TumblingWindowInSeconds", 900),
        ("FunctionResponseTypes", ["ReportBatchItemFailures"]),
        ("FilterCriteria", {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}),
        ("DestinationConfig", {"OnFailure": {"Destination": QUEUE}}),
        ("MetricsConfig", {"Metrics": ["EventCount"]}),
    ],
)
def test_every_parameter_is_kept_and_can_be_taken_back(name: str, value: Any) -> None:
    neutral = {
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "FilterCriteria": {},
        "DestinationConfig": {},
        "MetricsConfig": {},
    }

    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table, **{name: value})
        await settle()
        found = await client.call("GetEventSourceMapping", UUID=created["UUID"])
        assert created[name] == found[name] == value

        await client.call("UpdateEventSourceMapping", UUID=created["UUID"], **{name: neutral[name]})
        await settle()
        found = await client.call("GetEventSourceMapping", UUID=created["UUID"])
        plain: dict[str, Any] = {"DestinationConfig": {"OnFailure": {}}}
        assert found.get(name, {}) == plain.get(name, neutral[name])

    with_client(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StartingPositionTimestamp", 1),
        ("ScalingConfig", {"MaximumConcurrency": 2}),
        ("Queues", ["q"]),
    ],
)
def test_parameter_of_other_sources_is_refused_by_name(name: str, value: Any) -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        error = await client.refused("CreateEventSourceMapping", **asked(table, **{name: value}))

        assert isinstance(error, InvalidParameterValueException)
        assert error.message == f"{name} is not valid for DynamoDB event sources."

    with_client(body)


def test_neutral_values_are_taken() -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(
            table,
            ParallelizationFactor=1,
            BisectBatchOnFunctionError=False,
            TumblingWindowInSeconds=0,
            FunctionResponseTypes=[],
            FilterCriteria={"Filters": []},
            DestinationConfig={"OnFailure": {}},
            MetricsConfig={"Metrics": []},
            KMSKeyArn="",
            Tags={},
        )

        assert created["State"] == "Creating"

    with_client(body)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"FunctionName": "g"}, "Function does not exist"),
        (
            {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f"},
            "Function does not exist",
        ),
        ({"FunctionName": "f:live"}, "Function does not exist"),
        (
            {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
            "KMSKeyArn is not supported by Headwater: filter criteria are stored as they are",
        ),
        (
            {"ParallelizationFactor": 2, "TumblingWindowInSeconds": 1},
            (
                "ParallelizationFactor must be 1 with TumblingWindowInSeconds, "
                "whose state is of a whole shard"
            ),
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"eventName": "INSERT"}'}]}},
            "Invalid filter pattern definition.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 6}},
            "FilterCriteria holds at most 5 filters: 6",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}},
            "DestinationConfig.OnSuccess is not valid for DynamoDB event sources.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:ec2:::x"}}},
            "Invalid on-failure destination: arn:aws:ec2:::x is no destination",
        ),
        (
            {"MetricsConfig": {"Metrics": ["ErrorCount"]}},
            "ErrorCount is not a valid metric for DynamoDB event sources.",
        ),
        (
            {"StartingPosition": None},
            (
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                "constraint: Member must not be null."
            ),
        ),
        (
            {"MaximumRecordAgeInSeconds": 59},
            "MaximumRecordAgeInSeconds must be -1 or at least 60: 59",
        ),
        (
            {"EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/music"},
            (
                "Unrecognized event source, must be a DynamoDB stream or a Kinesis data stream. "
                "Unsupported source arn : arn:aws:dynamodb:us-east-1:000000000000:table/music"
            ),
        ),
        (
            {"EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/music/stream/x"},
            "Stream not found: arn:aws:dynamodb:us-east-1:000000000000:table/music/stream/x",
        ),
        (
            {"EventSourceArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/music/stream/x"},
            "Stream not found: arn:aws:dynamodb:eu-west-1:000000000000:table/music/stream/x",
        ),
    ],
)
def test_bad_parameter_is_refused_with_its_text(members: dict[str, Any], text: str) -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        error = await client.refused("CreateEventSourceMapping", **asked(table, **members))

        assert isinstance(error, InvalidParameterValueException)
        assert error.message == text

    with_client(body)


def test_position_in_time_is_not_for_dynamodb() -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        error = await client.refused(
            "CreateEventSourceMapping", **asked(table, StartingPosition="AT_TIMESTAMP")
        )

        assert isinstance(error, InvalidParameterValueException)
        assert error.message == f"Unsupported starting position for arn type: {stream_arn(table)}"

    with_client(body)


@pytest.mark.parametrize(
    "members",
    [
        {"BatchSize": 0},
        {"BatchSize": 10_001},
        {"MaximumBatchingWindowInSeconds": 301},
        {"MaximumRetryAttempts": -2},
        {"MaximumRecordAgeInSeconds": 604_801},
    ],
)
def test_values_beyond_the_models_limits_are_refused(members: dict[str, Any]) -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        error = await client.refused("CreateEventSourceMapping", **asked(table, **members))

        assert isinstance(error, ValidationException)

    with_client(body)


def test_second_mapping_of_a_stream_and_a_function_conflicts() -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table)

        error = await client.refused(
            "CreateEventSourceMapping",
            **asked(table, FunctionName="000000000000:function:f:$LATEST"),
        )

        assert isinstance(error, ResourceConflictException)
        assert error.message == (
            f'The event source arn (" {stream_arn(table)} ") and function (" f ") provided mapping '
            "already exists. Please update or delete the existing mapping with UUID "
            f"{created['UUID']}"
        )

    with_client(body)


def test_mappings_are_listed_in_pages_and_by_what_they_join() -> None:
    async def body(store: LoggedStore, client: Client, table: Table) -> None:
        other = await store.create_table("other")
        made = [
            await client.create(table, FunctionName="f"),
            await client.create(table, FunctionName="g"),
            await client.create(other, FunctionName="f"),
        ]

        async def listed(**members: Any) -> set[str]:
            answer = await client.call("ListEventSourceMappings", **members)
            assert "NextMarker" not in answer
            return {mapping["UUID"] for mapping in answer["EventSourceMappings"]}

        first = await client.call("ListEventSourceMappings", MaxItems=2)
        rest = await listed(Marker=first["NextMarker"])

        ids = [mapping["UUID"] for mapping in made]
        assert {mapping["UUID"] for mapping in first["EventSourceMappings"]} | rest == set(ids)
        assert await listed(FunctionName="f") == {ids[0], ids[2]}
        assert await listed(EventSourceArn=stream_arn(table)) == {ids[0], ids[1]}
        assert await listed(EventSourceArn=stream_arn(table), FunctionName="g") == {ids[1]}

    with_client(body, names={"f", "g"})


def test_update_changes_only_what_is_given() -> None:
    async def body(store: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table, BatchSize=5, MaximumRetryAttempts=3)
        await settle()
        store.clock.advance(1)

        updated = await client.call(
            "UpdateEventSourceMapping", UUID=created["UUID"], BatchSize=6, FunctionName="g"
        )

        assert updated == created | {
            "BatchSize": 6,
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:g",
            "State": "Updating",
            "LastModified": store.clock.now(),
        }

    with_client(body, names={"f", "g"})


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"FunctionName": "g"}, "Function does not exist"),
        (
            {"ScalingConfig": {"MaximumConcurrency": 2}},
            "ScalingConfig is not valid for DynamoDB event sources.",
        ),
    ],
)
def test_bad_update_is_refused(members: dict[str, Any], text: str) -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table)
        await settle()

        error = await client.refused("UpdateEventSourceMapping", UUID=created["UUID"], **members)

        assert isinstance(error, InvalidParameterValueException)
        assert error.message == text

    with_client(body)


def test_deleted_mapping_is_shown_going_and_then_not_found() -> None:
    async def body(_: LoggedStore, client: Client, table: Table) -> None:
        created = await client.create(table)
        await settle()

        deleted = await client.call("DeleteEventSourceMapping", UUID=created["UUID"])
        await settle()
        error = await client.refused("GetEventSourceMapping", UUID=created["UUID"])

        assert deleted["State"] == "Deleting"
        assert isinstance(error, ResourceNotFoundException)
        assert error.message == "The resource you requested does not exist."

    with_client(body)
