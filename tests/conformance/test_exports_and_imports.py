"""Tables exported to objects and made of them, by boto3."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import boto3
import pytest
import zstandard
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from headwater.clock import SystemClock
from tests.conformance.concerts import schema, several, without
from tests.conformance.wire import Wire
from tests.conftest import CLIENT, LOOKS_MAX, REGION, Tables
from tests.server_process import ServerProcess

# An export's place is a folder of the server's own machine.
pytestmark = pytest.mark.local_only
TABLE: dict[str, Any] = {
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def endpoint(objects: Path) -> Iterator[str]:
    with ServerProcess.serve("--memory", "--lab", "--objects", objects) as server:
        yield server.endpoint


@pytest.fixture(scope="module")
def client(endpoint: str) -> Iterator[Any]:
    session = boto3.Session("any", "any", region_name=REGION)
    made = session.client("dynamodb", endpoint_url=endpoint, config=CLIENT)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wire(endpoint: str) -> Wire:
    return Wire(endpoint, REGION, Credentials("any", "any"))


@pytest.fixture
def table(client: Any, unique_name: Callable[[str], str]) -> dict[str, Any]:
    """A table with point in time recovery and some items of every type."""
    made = Tables(client, unique_name, poll_seconds=0.02).make(**TABLE)
    name = made["TableName"]
    client.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(40):
        item = {
            "pk": {"S": f'key {number % 7}\n"é'},
            "sk": {"N": str(number)},
            "all": {
                "M": {
                    "b": {"B": bytes(range(number))},
                    "ns": {"NS": ["1", "2.5"]},
                    "l": {"L": [{"NULL": True}, {"BOOL": False}]},
                }
            },
        }
        client.put_item(TableName=name, Item=item)
    return made


def waited(describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    """A description once what it describes is no longer in progress."""
    while (description := describe())[status] == "IN_PROGRESS":
        pass
    return description


def export(client: Any, **request: Any) -> dict[str, Any]:
    begun = client.export_table_to_point_in_time(S3Bucket="exports", **request)
    arn = begun["ExportDescription"]["ExportArn"]
    return waited(
        lambda: client.describe_export(ExportArn=arn)["ExportDescription"], "ExportStatus"
    )


def import_table(client: Any, **request: Any) -> dict[str, Any]:
    """An import that has ended; its table is active."""
    begun = client.import_table(**request)["ImportTableDescription"]
    ended = waited(
        lambda: client.describe_import(ImportArn=begun["ImportArn"])["ImportTableDescription"],
        "ImportStatus",
    )
    name = request["TableCreationParameters"]["TableName"]
    waiter = client.get_waiter("table_exists")
    waiter.wait(TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": LOOKS_MAX})
    return ended


def scan(client: Any, name: str, **more: str) -> list[dict[str, Any]]:
    items = client.scan(TableName=name, **more)["Items"]
    return sorted(items, key=lambda item: int(item["sk"]["N"]))


@pytest.mark.parametrize("form", ["DYNAMODB_JSON", "ION"])
def test_what_is_exported_and_imported_is_an_equal_table(
    client: Any,
    objects: Path,
    table: dict[str, Any],
    unique_name: Callable[[str], str],
    form: str,
) -> None:
    name = unique_name("copy")

    exported = export(client, TableArn=table["TableArn"], S3Prefix="some/prefix", ExportFormat=form)
    folder = exported["ExportManifest"].removesuffix("manifest-summary.json")
    imported = import_table(
        client,
        S3BucketSource={"S3Bucket": "exports", "S3KeyPrefix": f"{folder}data/"},
        InputFormat=form,
        InputCompressionType="GZIP",
        TableCreationParameters={
            "TableName": name,
            **TABLE,
            "GlobalSecondaryIndexes": [several("both", schema(("sk", "pk")))],
        },
    )

    assert exported["ExportFormat"] == imported["InputFormat"] == form
    assert exported["ExportStatus"] == imported["ImportStatus"] == "COMPLETED"
    assert exported["ItemCount"] == imported["ImportedItemCount"] == 40
    assert scan(client, name) == scan(client, table["TableName"])
    assert scan(client, name) == scan(client, name, IndexName="both")


def test_an_export_s_files_are_found_by_its_manifests(
    client: Any, objects: Path, table: dict[str, Any]
) -> None:
    exported = export(client, TableArn=table["TableArn"])

    bucket = objects / "exports"
    summary = json.loads((bucket / exported["ExportManifest"]).read_text())
    manifest = (bucket / summary["manifestFilesS3Key"]).read_text()
    files = [json.loads(line) for line in manifest.splitlines()]
    lines = [
        line
        for file in files
        for line in gzip.decompress((bucket / file["dataFileS3Key"]).read_bytes()).splitlines()
    ]
    assert summary["exportArn"] == exported["ExportArn"]
    assert summary["itemCount"] == len(lines) == 40
    assert {tuple(json.loads(line)) for line in lines} == {("Item",)}


def test_an_export_s_files_lie_and_tell_as_aws_s_do(
    client: Any, objects: Path, table: dict[str, Any]
) -> None:
    exported = export(client, TableArn=table["TableArn"], S3Prefix="some/prefix")

    export_id = exported["ExportArn"].removeprefix(f"{table['TableArn']}/export/")
    assert re.fullmatch(r"\d{14}-[0-9a-f]{8}", export_id)
    folder = objects / "exports" / "some" / "prefix" / "AWSDynamoDB" / export_id
    assert {path.name for path in folder.iterdir()} == {
        *("_started", "data", "manifest-summary.json", "manifest-summary.checksum"),
        *("manifest-files.json", "manifest-files.checksum"),
    }
    for name in ("manifest-summary", "manifest-files"):
        digest = md5((folder / f"{name}.json").read_bytes()).digest()
        assert (folder / f"{name}.checksum").read_bytes() == b64encode(digest)
    summary = json.loads((folder / "manifest-summary.json").read_text())
    assert set(summary) == {
        *("version", "exportArn", "startTime", "endTime", "tableArn", "tableId", "exportTime"),
        *("s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId", "manifestFilesS3Key"),
        *("billedSizeBytes", "itemCount", "outputFormat", "exportType"),
    }
    assert (summary["version"], summary["exportType"]) == ("2020-06-30", "FULL_EXPORT")
    for line in (folder / "manifest-files.json").read_text().splitlines():
        file = json.loads(line)
        assert set(file) == {"itemCount", "md5Checksum", "etag", "dataFileS3Key"}
        place = file["dataFileS3Key"]
        prefix = f"some/prefix/AWSDynamoDB/{export_id}/data/"
        assert re.fullmatch(r"[a-z0-9]{26}\.json\.gz", place.removeprefix(prefix))
        data = (objects / "exports" / place).read_bytes()
        assert file["md5Checksum"] == b64encode(md5(data).digest()).decode()


def test_an_incremental_export_tells_what_changed_between_two_times(
    client: Any, objects: Path, table: dict[str, Any], wire: Wire
) -> None:
    def advance(seconds: float) -> float:
        answer = wire.call("Headwater_20261123.AdvanceClock", {"Seconds": seconds})
        return float(answer.content["Now"])

    first, second = scan(client, table["TableName"])[:2]
    begun = advance(2)
    client.put_item(TableName=table["TableName"], Item={**first, "new": {"S": "x"}})
    client.delete_item(TableName=table["TableName"], Key=without(second, "all"))
    ended = advance(16 * 60)
    specification = {"ExportFromTime": begun, "ExportToTime": ended}
    asked = {"TableArn": table["TableArn"], "ExportType": "INCREMENTAL_EXPORT"}

    exported = export(client, IncrementalExportSpecification=specification, **asked)

    bucket = objects / "exports"
    summary = json.loads((bucket / exported["ExportManifest"]).read_text())
    assert (summary["version"], summary["outputView"]) == ("2023-08-01", "NEW_AND_OLD_IMAGES")
    lines = []
    for line in (bucket / summary["manifestFilesS3Key"]).read_text().splitlines():
        place = json.loads(line)["dataFileS3Key"]
        assert place.startswith("AWSDynamoDB/data/")
        lines += gzip.decompress((bucket / place).read_bytes()).splitlines()
    changes = sorted((json.loads(line) for line in lines), key=lambda each: "NewImage" not in each)
    assert [set(change) for change in changes] == [
        {"Metadata", "Keys", "OldImage", "NewImage"},
        {"Metadata", "Keys", "OldImage"},
    ]
    assert changes[0]["NewImage"]["new"] == {"S": "x"}
    assert changes[1]["Keys"] == without(second, "all")
    for change in changes:
        written = int(change["Metadata"]["WriteTimestampMicros"]["N"])
        assert begun * 1e6 <= written <= ended * 1e6


@pytest.mark.parametrize("minutes", [14, 24 * 60 + 1])
def test_a_window_of_an_incremental_export_has_bounds(
    client: Any, table: dict[str, Any], minutes: int
) -> None:
    begun = SystemClock().now()

    with pytest.raises(ClientError) as caught:
        client.export_table_to_point_in_time(
            TableArn=table["TableArn"],
            S3Bucket="exports",
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={
                "ExportFromTime": begun,
                "ExportToTime": begun + 60 * minutes,
            },
        )

    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_only_what_the_filter_lets_pass_is_exported(
    client: Any, objects: Path, table: dict[str, Any]
) -> None:
    exported = export(
        client,
        TableArn=table["TableArn"],
        FilterSpecification={
            "KeyConditionExpression": "pk = :p AND sk BETWEEN :low AND :high",
            "FilterExpression": "size(#all.b) > :size",
            "ProjectionExpression": "sk",
            "ExpressionAttributeNames": {"#all": "all"},
            "ExpressionAttributeValues": {
                ":p": {"S": 'key 3\n"é'},
                ":low": {"N": "4"},
                ":high": {"N": "31"},
                ":size": {"N": "10"},
            },
        },
    )

    bucket = objects / "exports"
    summary = json.loads((bucket / exported["ExportManifest"]).read_text())
    (file,) = (bucket / summary["manifestFilesS3Key"]).read_text().splitlines()
    data = gzip.decompress((bucket / json.loads(file)["dataFileS3Key"]).read_bytes())
    found = sorted(int(json.loads(line)["Item"]["sk"]["N"]) for line in data.splitlines())
    assert found == [17, 24, 31]
    assert exported["ItemCount"] == 3


def test_exports_and_imports_of_a_table_are_listed(client: Any, table: dict[str, Any]) -> None:
    arns = {export(client, TableArn=table["TableArn"])["ExportArn"] for _ in range(2)}

    pages = [
        client.list_exports(TableArn=table["TableArn"], MaxResults=1),
        client.list_imports(TableArn=table["TableArn"]),
    ]
    pages.append(client.list_exports(MaxResults=1, NextToken=pages[0]["NextToken"]))

    shown = [each["ExportArn"] for page in (pages[0], pages[2]) for each in page["ExportSummaries"]]
    assert set(shown) == arns
    assert shown == sorted(shown, reverse=True)
    assert pages[1]["ImportSummaryList"] == []


def test_csv_is_imported(client: Any, objects: Path, unique_name: Callable[[str], str]) -> None:
    name = unique_name("csv")
    (objects / name).mkdir()
    (objects / name / "part.csv").write_text('pk,sk,title\na,1,"one, two"\nb,x,bad\n')

    ended = import_table(
        client,
        S3BucketSource={"S3Bucket": name},
        InputFormat="CSV",
        TableCreationParameters={"TableName": name, **TABLE},
    )

    assert (ended["ImportedItemCount"], ended["ErrorCount"]) == (1, 1)
    assert ended["FailureCode"] == "ItemValidationError"
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}, "title": {"S": "one, two"}}
    assert scan(client, name) == [item]


def test_zstandard_is_unpacked(
    client: Any, objects: Path, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("zstd")
    (objects / name).mkdir()
    lines = b"".join(b'{"Item":{"pk":{"S":"a"},"sk":{"N":"%d"}}}\n' % n for n in range(500))
    (objects / name / "items.zst").write_bytes(zstandard.compress(lines))

    ended = import_table(
        client,
        S3BucketSource={"S3Bucket": name},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="ZSTD",
        TableCreationParameters={"TableName": name, **TABLE},
    )

    assert (ended["ImportedItemCount"], ended["ErrorCount"]) == (500, 0)
    assert len(scan(client, name)) == 500


def test_an_import_shows_nothing_in_a_stream(
    client: Any, objects: Path, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("silent")
    (objects / name).mkdir()
    (objects / name / "items").write_text('{"Item":{"pk":{"S":"a"},"sk":{"N":"1"}}}')

    import_table(
        client,
        S3BucketSource={"S3Bucket": name},
        InputFormat="DYNAMODB_JSON",
        TableCreationParameters={"TableName": name, **TABLE},
    )

    assert "LatestStreamArn" not in client.describe_table(TableName=name)["Table"]


@pytest.mark.parametrize(
    ("request_members", "code"),
    [
        ({"S3Prefix": "../outside"}, "ValidationException"),
        ({"S3Prefix": "/etc"}, "ValidationException"),
        ({"S3SseAlgorithm": "AES256"}, "ValidationException"),
        ({"ExportTime": 0}, "InvalidExportTimeException"),
        (
            {"TableArn": f"arn:aws:dynamodb:{REGION}:000000000000:table/none"},
            "TableNotFoundException",
        ),
    ],
)
def test_an_export_that_cannot_be_is_refused(
    client: Any, table: dict[str, Any], request_members: dict[str, Any], code: str
) -> None:
    request = {"TableArn": table["TableArn"], "S3Bucket": "exports", **request_members}

    with pytest.raises(ClientError) as caught:
        client.export_table_to_point_in_time(**request)

    assert caught.value.response["Error"]["Code"] == code


def test_a_table_without_recovery_is_not_exported(
    client: Any, unique_name: Callable[[str], str]
) -> None:
    made = Tables(client, unique_name, poll_seconds=0.02).make()

    with pytest.raises(client.exceptions.PointInTimeRecoveryUnavailableException):
        client.export_table_to_point_in_time(TableArn=made["TableArn"], S3Bucket="exports")


def test_missing_exports_and_imports_are_told(client: Any) -> None:
    table = f"arn:aws:dynamodb:{REGION}:000000000000:table/none"

    with pytest.raises(client.exceptions.ExportNotFoundException):
        client.describe_export(ExportArn=f"{table}/export/01700000000000-00000000")
    with pytest.raises(client.exceptions.ImportNotFoundException):
        client.describe_import(ImportArn=f"{table}/import/01700000000000-00000000")
