"""The operations on tables, as a client sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from headwater.api.operation import Call
from headwater.api.tables import TableHandlers
from headwater.clock import SeededChance
from headwater.errors import (
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from headwater.replication.groups import Groups
from headwater.replication.wire import NoWire
from headwater.tables.count import Counts
from tests.unit.tables.running import (
    ACCOUNT,
    CREATE_INDEX,
    HASH_ONLY,
    REGION,
    STREAM,
    Running,
    checked,
    running,
)

ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/music"
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


class Client:
    """Calls handlers as the dispatcher does."""

    def __init__(self, here: Running) -> None:
        self.here = here
        counts = Counts(here.engine, here.clock)
        groups = Groups(here.engine, here.catalog, here.clock, SeededChance(1), NoWire())
        handlers = TableHandlers(here.catalog, groups, counts, here.clock, lambda: "localhost:8000")
        self._handlers = handlers.handlers()

    async def call(self, operation: str, **body: Any) -> Any:
        request = checked(operation, body)
        call = Call("dynamodb", operation, REGION, None, request, "id", b"")
        reply = await self._handlers["dynamodb", operation](call)
        return orjson.loads(reply.body) if reply.body else None

    async def refusal(self, operation: str, **body: Any) -> ServiceError:
        with pytest.raises(ServiceError) as refused:
            await self.call(operation, **body)
        return refused.value

    async def active(self, **changes: Any) -> Any:
        await self.call("CreateTable", **{**HASH_ONLY, **changes})
        await self.here.advance()
        return (await self.call("DescribeTable", TableName="music"))["Table"]


def serve(body: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running() as here:
            await body(Client(here))

    asyncio.run(main())


def test_a_created_table_is_described_as_it_is_being_created():
    async def body(client: Client) -> None:
        answer = await client.call("CreateTable", **HASH_ONLY)

        shown = answer["TableDescription"]
        table_id = shown.pop("TableId")
        assert len(table_id) == 36
        assert shown == {
            "TableName": "music",
            "TableStatus": "CREATING",
            "TableArn": ARN,
            "CreationDateTime": 1_700_000_000.0,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": 0,
                "ReadCapacityUnits": 0,
                "WriteCapacityUnits": 0,
            },
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "TableSizeBytes": 0,
            "ItemCount": 0,
            "DeletionProtectionEnabled": False,
        }

    serve(body)


def test_an_active_table_shows_its_warm_throughput():
    async def body(client: Client) -> None:
        shown = await client.active()

        assert shown["TableStatus"] == "ACTIVE"
        assert shown["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] == 1_700_000_000.0
        assert shown["WarmThroughput"] == {
            "ReadUnitsPerSecond": 12_000,
            "WriteUnitsPerSecond": 4_000,
            "Status": "ACTIVE",
        }

    serve(body)


def test_a_provisioned_table_shows_its_units_and_no_billing_mode():
    async def body(client: Client) -> None:
        shown = await client.active(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)

        assert shown["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **UNITS}
        assert "BillingModeSummary" not in shown
        assert shown["WarmThroughput"]["WriteUnitsPerSecond"] == 6

    serve(body)


def test_a_table_that_is_no_longer_on_demand_still_shows_when_it_became_so():
    async def body(client: Client) -> None:
        await client.active()

        answer = await client.call(
            "UpdateTable",
            TableName="music",
            BillingMode="PROVISIONED",
            ProvisionedThroughput=UNITS,
        )

        assert answer["TableDescription"]["BillingModeSummary"] == {
            "BillingMode": "PROVISIONED",
            "LastUpdateToPayPerRequestDateTime": 1_700_000_000.0,
        }

    serve(body)


def test_a_stream_is_shown_at_once_and_its_label_for_good():
    async def body(client: Client) -> None:
        created = (await client.call("CreateTable", **HASH_ONLY, StreamSpecification=STREAM))[
            "TableDescription"
        ]
        await client.here.advance()
        await client.call(
            "UpdateTable", TableName="music", StreamSpecification={"StreamEnabled": False}
        )
        after = (await client.call("DescribeTable", TableName="music"))["Table"]

        label = "2023-11-14T22:13:20.000"
        assert created["StreamSpecification"] == STREAM
        assert created["LatestStreamLabel"] == after["LatestStreamLabel"] == label
        assert created["LatestStreamArn"] == after["LatestStreamArn"] == f"{ARN}/stream/{label}"
        assert "StreamSpecification" not in after

    serve(body)


def test_indexes_are_described():
    async def body(client: Client) -> None:
        index = {
            "IndexName": "by-year",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "year", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]},
        }
        shown = await client.active(
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "year")
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            LocalSecondaryIndexes=[index],
            GlobalSecondaryIndexes=[{**index, "IndexName": "world"}],
        )

        counted = {"IndexSizeBytes": 0, "ItemCount": 0}
        assert shown["LocalSecondaryIndexes"] == [
            {**index, **counted, "IndexArn": f"{ARN}/index/by-year"}
        ]
        (world,) = shown["GlobalSecondaryIndexes"]
        assert world == {
            **index,
            **counted,
            "IndexName": "world",
            "IndexArn": f"{ARN}/index/world",
            "IndexStatus": "ACTIVE",
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": 0,
                "ReadCapacityUnits": 0,
                "WriteCapacityUnits": 0,
            },
            "WarmThroughput": {
                "ReadUnitsPerSecond": 12_000,
                "WriteUnitsPerSecond": 4_000,
                "Status": "ACTIVE",
            },
        }

    serve(body)


def test_an_index_created_later_says_whether_it_is_being_filled():
    async def body(client: Client) -> None:
        await client.active()

        answer = await client.call("UpdateTable", TableName="music", **CREATE_INDEX)
        await client.here.advance()
        after = (await client.call("DescribeTable", TableName="music"))["Table"]

        (created,) = answer["TableDescription"]["GlobalSecondaryIndexes"]
        assert (created["IndexStatus"], created["Backfilling"]) == ("CREATING", False)
        (filled,) = after["GlobalSecondaryIndexes"]
        assert filled["IndexStatus"] == "ACTIVE"
        assert "Backfilling" not in filled

    serve(body)


def test_items_of_a_table_and_entries_of_its_indexes_are_counted():
    async def body(client: Client) -> None:
        await client.active()
        await client.call("UpdateTable", TableName="music", **CREATE_INDEX)
        await client.here.advance()
        table = await client.here.describe()
        await client.here.put(table, {"pk": {"S": "1"}, "artist": {"S": "abc"}})
        await client.here.put(table, {"pk": {"S": "2"}})

        shown = (await client.call("DescribeTable", TableName=ARN))["Table"]

        assert (shown["ItemCount"], shown["TableSizeBytes"]) == (2, 12 + 3)
        (index,) = shown["GlobalSecondaryIndexes"]
        assert (index["ItemCount"], index["IndexSizeBytes"]) == (1, 12)

    serve(body)


def test_a_table_that_is_being_deleted_shows_little_more_than_that():
    async def body(client: Client) -> None:
        await client.active()

        answer = await client.call("DeleteTable", TableName="music")

        assert answer["TableDescription"]["TableStatus"] == "DELETING"
        assert "KeySchema" not in answer["TableDescription"]

    serve(body)


def test_tables_are_listed_in_pages():
    async def body(client: Client) -> None:
        for name in ("aaa", "bbb", "ccc"):
            await client.call("CreateTable", **{**HASH_ONLY, "TableName": name})

        first = await client.call("ListTables", Limit=2)
        rest = await client.call(
            "ListTables", Limit=2, ExclusiveStartTableName=first["LastEvaluatedTableName"]
        )

        assert first == {"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}
        assert rest == {"TableNames": ["ccc"]}

    serve(body)


@pytest.mark.parametrize("operation", ["DescribeTable", "DeleteTable"])
def test_an_unknown_table_is_named(operation):
    async def body(client: Client) -> None:
        error = await client.refusal(operation, TableName="music")

        assert isinstance(error, ResourceNotFoundException)
        assert error.message == "Requested resource not found: Table: music not found"

    serve(body)


def test_tags_are_set_listed_and_removed():
    async def body(client: Client) -> None:
        await client.active(Tags=[{"Key": "team", "Value": "a"}])

        await client.call("TagResource", ResourceArn=ARN, Tags=[{"Key": "cost", "Value": "1"}])
        tagged = await client.call("ListTagsOfResource", ResourceArn=ARN)
        await client.call("UntagResource", ResourceArn=ARN, TagKeys=["team", "none"])
        untagged = await client.call("ListTagsOfResource", ResourceArn=ARN)

        assert tagged == {"Tags": [{"Key": "cost", "Value": "1"}, {"Key": "team", "Value": "a"}]}
        assert untagged == {"Tags": [{"Key": "cost", "Value": "1"}]}

    serve(body)


def test_tags_are_listed_ten_at_a_time():
    async def body(client: Client) -> None:
        await client.active(Tags=[{"Key": f"k{n:02}", "Value": ""} for n in range(12)])

        first = await client.call("ListTagsOfResource", ResourceArn=ARN)
        rest = await client.call(
            "ListTagsOfResource", ResourceArn=ARN, NextToken=first["NextToken"]
        )

        assert len(first["Tags"]) == 10
        assert [tag["Key"] for tag in rest["Tags"]] == ["k10", "k11"]
        assert "NextToken" not in rest

    serve(body)


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        (
            "TagResource",
            {"ResourceArn": ARN, "Tags": []},
            "Atleast one Tag needs to be provided as Input.",
        ),
        (
            "UntagResource",
            {"ResourceArn": ARN, "TagKeys": []},
            "Atleast one Tag Key needs to be provided as Input.",
        ),
        (
            "TagResource",
            {"ResourceArn": ARN, "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
            "Number of Tags exceed the current limit for the provided ResourceArn",
        ),
        (
            "ListTagsOfResource",
            {"ResourceArn": "music"},
            "Invalid TableArn: Invalid ResourceArn provided as input music",
        ),
        (
            "ListTagsOfResource",
            {"ResourceArn": f"{ARN}/index/by-year"},
            (
                "One or more parameter values were invalid: Invalid resource arn provided, only "
                f"table or stream is accepted. Provided resource arn: {ARN}/index/by-year"
            ),
        ),
        (
            "ListTagsOfResource",
            {"ResourceArn": f"{ARN}/stream/2023-11-14T22:13:20.000"},
            "Tags of streams are not supported by Headwater yet",
        ),
    ],
)
def test_what_cannot_be_tagged_is_refused(operation, members, message):
    async def body(client: Client) -> None:
        await client.active()

        error = await client.refusal(operation, **members)

        assert isinstance(error, ValidationException)
        assert error.message == message

    serve(body)


def test_tags_of_an_unknown_table_are_refused_with_the_typing_error_of_aws():
    async def body(client: Client) -> None:
        error = await client.refusal("ListTagsOfResource", ResourceArn=ARN)

        assert isinstance(error, ResourceNotFoundException)
        assert error.message == f"Requested resource not found: ResourcArn: {ARN} not found"

    serve(body)


def test_limits_and_endpoints_are_told():
    async def body(client: Client) -> None:
        limits = await client.call("DescribeLimits")
        endpoints = await client.call("DescribeEndpoints")

        assert limits["TableMaxReadCapacityUnits"] == 40_000
        assert endpoints == {
            "Endpoints": [{"Address": "localhost:8000", "CachePeriodInMinutes": 1440}]
        }

    serve(body)
