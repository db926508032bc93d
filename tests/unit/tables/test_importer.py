"""Imports from the request to the table, restarts and faults included."""

import asyncio
import gzip

import orjson
import pytest
from structlog.testing import capture_logs

from headwater.clock import ManualClock
from headwater.errors import (
    ImportConflictException,
    ImportNotFoundException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.limits import item_bytes_max
from headwater.storage.keyspace import index_prefix
from headwater.storage.memory import MemoryEngine
from headwater.storage.objects import Place
from headwater.tables.schema import TableStatus
from headwater.values.order import after_prefix
from tests.stored_objects import MemoryObjects
from tests.unit.tables.exporting import NEW_TABLE, Exporting, exporting, import_request, run
from tests.unit.tables.running import ACCOUNT, CREATE_INDEX, REGION, idle


def line(pk: str, number: int, **more: object) -> bytes:
    return orjson.dumps({"Item": {"pk": {"S": pk}, "n": {"N": str(number)}, **more}})


def store(here: Exporting, **bodies: bytes) -> None:
    for key, body in bodies.items():
        here.objects.bodies[Place("bucket", key)] = body


async def items(here: Exporting) -> dict[str, int]:
    return await here.items(await here.here.describe("copy"))


def test_an_import_of_an_export_gives_an_equal_table():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for number in range(50):
            await here.put(table, f"k{number}", number)
        exported = await here.export(S3Prefix="p")
        folder = exported["ExportManifest"].rpartition("/")[0] + "/data/"

        ended = await here.import_table(
            S3BucketSource={"S3Bucket": "bucket", "S3KeyPrefix": folder},
            InputCompressionType="GZIP",
        )

        assert await items(here) == await here.items(table)
        counts = ("ProcessedItemCount", "ImportedItemCount", "ErrorCount")
        assert [ended[name] for name in counts] == [50, 50, 0]
        assert ended["ImportStatus"] == "COMPLETED"

    run(body)


def test_an_import_is_described_as_it_was_asked_for():
    async def body(here: Exporting) -> None:
        store(here, key=line("a", 1))
        source = {"S3Bucket": "bucket", "S3KeyPrefix": "k"}

        ended = await here.import_table(S3BucketSource=source, ClientToken="token")

        table = await here.here.describe("copy")
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/copy"
        assert ended.pop("ImportArn").startswith(f"{arn}/import/")
        assert ended.pop("StartTime") <= ended.pop("EndTime")
        assert ended == {
            "ImportStatus": "COMPLETED",
            "TableArn": arn,
            "TableId": table.table_id,
            "ClientToken": "token",
            "S3BucketSource": source,
            "InputFormat": "DYNAMODB_JSON",
            "InputCompressionType": "NONE",
            "TableCreationParameters": NEW_TABLE,
            "ErrorCount": 0,
            "ProcessedSizeBytes": len(line("a", 1)),
            "ProcessedItemCount": 1,
            "ImportedItemCount": 1,
        }

    run(body)


def test_the_last_of_several_items_with_one_key_stays():
    async def body(here: Exporting) -> None:
        store(here, a=line("x", 1) + b"\n" + line("x", 2), b=line("x", 3) + b"\n")

        ended = await here.import_table()

        assert await items(here) == {"x": 3}
        assert ended["ProcessedItemCount"] == 3

    run(body)


def test_items_with_faults_are_left_out_counted_and_logged_without_their_content():
    async def body(here: Exporting) -> None:
        large = {"text": {"S": "x" * item_bytes_max}}
        faults = [
            b"secret",
            b'{"Item":{"n":{"N":"1"}}}',
            b'{"Item":{"pk":{"N":"1"}}}',
            b'{"Item":{"pk":{"S":""}}}',
            b'{"Item":{"pk":{"S":"a"},"n":{"N":"one"}}}',
            line("large", 1, **large),
        ]
        store(here, key=b"\n".join([line("a", 1), *faults, b"", line("b", 2)]))

        with capture_logs() as logs:
            ended = await here.import_table()

        assert await items(here) == {"a": 1, "b": 2}
        assert (ended["ErrorCount"], ended["ProcessedItemCount"]) == (6, 8)
        assert (ended["ImportStatus"], ended["FailureCode"]) == ("FAILED", "ItemValidationError")
        told = [log for log in logs if log["event"] == "item not imported"]
        assert [log["line"] for log in told] == [2, 3, 4, 5, 6, 7]
        assert {log["key"] for log in told} == {"key"}
        assert "secret" not in repr(told)

    run(body)


def test_an_object_that_cannot_be_read_to_its_end_leaves_the_others_whole():
    async def body(here: Exporting) -> None:
        whole = gzip.compress(line("b", 2))
        store(here, a=gzip.compress(line("a", 1) + b"\n" + line("c", 1))[:-9], b=whole, c=b"text")

        ended = await here.import_table(InputCompressionType="GZIP")

        found = await items(here)
        assert found["b"] == 2
        assert ended["ErrorCount"] == 2
        assert ended["ImportStatus"] == "FAILED"

    run(body)


def test_csv_becomes_items_with_typed_keys():
    async def body(here: Exporting) -> None:
        store(here, one=b"pk|n\r\na|1\r\n", two=b"n|pk\n2|b\n")
        table = {
            **NEW_TABLE,
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "n", "AttributeType": "N"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-n",
                    "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        }

        ended = await here.import_table(
            InputFormat="CSV",
            InputFormatOptions={"Csv": {"Delimiter": "|"}},
            TableCreationParameters=table,
        )

        assert ended["ImportStatus"] == "COMPLETED"
        assert ended["InputFormatOptions"] == {"Csv": {"Delimiter": "|"}}
        assert await items(here) == {"a": 1, "b": 2}

    run(body)


def test_indexes_of_the_new_table_have_their_entries():
    async def body(here: Exporting) -> None:
        index = CREATE_INDEX["GlobalSecondaryIndexUpdates"][0]["Create"]
        artist = {"AttributeName": "artist", "AttributeType": "S"}
        store(here, key=b"\n".join([line("a", 1, artist={"S": "x"}), line("b", 2)]))

        await here.import_table(
            TableCreationParameters={
                **NEW_TABLE,
                "AttributeDefinitions": [*NEW_TABLE["AttributeDefinitions"], artist],
                "GlobalSecondaryIndexes": [index],
            }
        )

        table = await here.here.describe("copy")
        prefix = index_prefix(table.table_id, table.indexes[0].index_id)
        assert len(await here.here.stored((prefix, after_prefix(prefix)))) == 1

    run(body)


def test_nobody_else_uses_the_table_until_the_import_has_ended():
    async def body(here: Exporting) -> None:
        store(here, key=line("a", 1))
        never = asyncio.Event()
        read = here.objects.read

        async def hang(place: Place, start: int, size: int) -> bytes:
            await never.wait()
            return await read(place, start, size)

        here.objects.read = hang  # type: ignore[method-assign]
        await here.call("ImportTable", **import_request())
        await here.here.advance(60)
        during = (await here.here.describe("copy")).status
        with pytest.raises(ResourceNotFoundException):
            await here.here.catalog.table(REGION, "copy")
        with pytest.raises(ResourceInUseException):
            await here.here.catalog.delete(REGION, "copy")
        never.set()
        await here.here.advance(60)

        assert during is TableStatus.CREATING
        assert (await here.here.describe("copy")).status is TableStatus.ACTIVE

    run(body)


@pytest.mark.parametrize(
    ("bucket", "code"), [("missing", "S3NoSuchBucket"), ("bucket", "S3NoSuchKey")]
)
def test_an_import_without_objects_fails_and_leaves_an_empty_table(bucket, code):
    async def body(here: Exporting) -> None:
        store(here, key=b"")

        ended = await here.import_table(S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": "none"})

        assert (ended["ImportStatus"], ended["FailureCode"]) == ("FAILED", code)
        assert (await here.here.describe("copy")).status is TableStatus.ACTIVE

    run(body)


def test_the_table_must_be_new():
    async def body(here: Exporting) -> None:
        await here.here.active(TableName="copy")

        with pytest.raises(ResourceInUseException):
            await here.import_table()

        assert await here.call("ListImports") == {"ImportSummaryList": []}

    run(body)


@pytest.mark.parametrize(
    "members",
    [
        {"InputFormatOptions": {"Csv": {"Delimiter": ";"}}},
        {"InputFormat": "CSV", "InputFormatOptions": {"Csv": {"HeaderList": ["pk", "pk"]}}},
        {"S3BucketSource": {"S3Bucket": "bucket", "S3BucketOwner": "999999999999"}},
        {"TableCreationParameters": {**NEW_TABLE, "AttributeDefinitions": []}},
    ],
)
def test_what_cannot_be_is_refused(members):
    async def body(here: Exporting) -> None:
        with pytest.raises(ValidationException):
            await here.import_table(**members)

        assert await here.here.catalog.names(REGION, "", 10) == ([], False)

    run(body)


def test_a_token_begins_one_import_and_refuses_another_request():
    async def body(here: Exporting) -> None:
        store(here, key=line("a", 1))

        first = await here.import_table(ClientToken="token")
        again = await here.import_table(ClientToken="token")
        with pytest.raises(ImportConflictException):
            await here.import_table(ClientToken="token", InputFormat="CSV")

        assert again == first

    run(body)


def test_a_request_that_is_sent_twice_at_once_begins_one_import():
    async def body(here: Exporting) -> None:
        store(here, key=line("a", 1))
        request = import_request(ClientToken="token")

        both = await asyncio.gather(*(here.call("ImportTable", **request) for _ in range(2)))

        arns = {each["ImportTableDescription"]["ImportArn"] for each in both}
        assert len(arns) == 1

    run(body)


def test_imports_are_listed_in_pages_and_missing_ones_are_told():
    async def body(here: Exporting) -> None:
        store(here, key=line("a", 1))
        arns = []
        for name in ("aaa", "bbb", "ccc"):
            table = {**NEW_TABLE, "TableName": name}
            arns.append((await here.import_table(TableCreationParameters=table))["ImportArn"])

        first = await here.call("ListImports", PageSize=2)
        second = await here.call("ListImports", PageSize=2, NextToken=first["NextToken"])
        with pytest.raises(ImportNotFoundException):
            await here.call("DescribeImport", ImportArn=arns[0].replace("aaa", "ddd"))

        shown = first["ImportSummaryList"] + second["ImportSummaryList"]
        assert [each["ImportArn"] for each in shown] == arns[::-1]
        assert set(shown[0]) == {
            "ImportArn",
            "ImportStatus",
            "TableArn",
            "S3BucketSource",
            "InputFormat",
            "StartTime",
            "EndTime",
        }

    run(body)


def test_an_import_that_a_restart_cut_short_is_made_again():
    engine, objects, clock = MemoryEngine(), MemoryObjects(), ManualClock()

    async def main() -> None:
        async with exporting(engine, objects, clock) as before:
            store(before, a=line("a", 1), b=line("b", 2))
            read = objects.read

            async def cut(place: Place, start: int, size: int) -> bytes:
                if place.key == "b":
                    raise asyncio.CancelledError
                return await read(place, start, size)

            objects.read = cut  # type: ignore[method-assign]
            await before.call("ImportTable", **import_request())
            await idle()
            assert await items(before) == {"a": 1}
            objects.read = read  # type: ignore[method-assign]
        async with exporting(engine, objects, clock, seed=4) as after:
            await after.here.advance()
            (listed,) = (await after.call("ListImports"))["ImportSummaryList"]
            ended = await after.call("DescribeImport", ImportArn=listed["ImportArn"])

            assert await items(after) == {"a": 1, "b": 2}
            assert ended["ImportTableDescription"]["ImportStatus"] == "COMPLETED"
            assert ended["ImportTableDescription"]["ImportedItemCount"] == 2
            assert (await after.here.describe("copy")).status is TableStatus.ACTIVE

    asyncio.run(main())
