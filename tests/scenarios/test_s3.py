"""Buckets of a real S3 server, S3Proxy, which takes signed requests alone."""

from __future__ import annotations

import inspect
import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from operator import itemgetter
from typing import Any

import pytest
from pyarrow import parquet

from headwater.storage.objects import ObjectsFailed, ObjectStore, Place
from headwater.storage.s3 import S3Objects
from tests.contract import test_object_stores as contract
from tests.scenarios import sink_place
from tests.scenarios.commands import STREAM, TABLE, clients
from tests.scenarios.java_program import BUILD_SECONDS_MAX, built_or_skipped, serving
from tests.scenarios.sink_place import WAIT_SECONDS_MAX, create, items_of, until_active

SCENARIO_SECONDS_MAX = 600
ID, SECRET = "someone", "a secret"
BUCKETS = ("bucket", "other", "lakes", "exports")
PROMISES = {
    name: value
    for name, value in vars(contract).items()
    if name.startswith("test_") and list(inspect.signature(value).parameters) == ["make"]
}
WRITES = 60
KILLED_AT = (25, 45)
# Where the sinks must have written something since they began, so that kills meet them at work.
WRITING_AT = (20, 40)
CONFIGURATION = """
[[sink]]
name = "lines"
table = "music"
kind = "lake"
start = "TRIM_HORIZON"
batch_window_seconds = 0
batch_size = 10
[sink.settings]
location = "s3://lakes/lines"
partition_by = "attribute"
partition_attribute = "g"

[[sink]]
name = "parquet"
table = "music"
kind = "lake"
start = "TRIM_HORIZON"
batch_window_seconds = 0
batch_size = 10
settings = { location = "s3://lakes/parquet", format = "parquet" }
"""

# What has become of an item, change by change.
Change = tuple[str, dict[str, Any] | None]
Story = list[Change]
# A sequence number, the key and the change.
Told = tuple[str, str, Change]

pytestmark = pytest.mark.timeout(BUILD_SECONDS_MAX + SCENARIO_SECONDS_MAX)


@dataclass(frozen=True)
class Buckets:
    """The server, and a client of it."""

    endpoint: str
    client: Any

    def tags(self, bucket: str, prefix: str = "") -> dict[str, str]:
        """The entity tags of all objects below a prefix, by their keys.

        One that is being put may be listed already, without a tag.
        """
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        listed = [found for page in pages for found in page.get("Contents", ())]
        return {found["Key"]: found["ETag"] for found in listed if "ETag" in found}

    def body(self, bucket: str, key: str) -> bytes:
        with self.client.get_object(Bucket=bucket, Key=key)["Body"] as body:
            return bytes(body.read())

    def bodies(self, bucket: str, prefix: str) -> list[bytes]:
        return [self.body(bucket, key) for key in self.tags(bucket, prefix)]

    def until_other(self, bucket: str, than: dict[str, str]) -> None:
        """Wait until its objects are not those any more."""
        for _ in range(WAIT_SECONDS_MAX * 20):
            if self.tags(bucket) != than:
                return
            threading.Event().wait(0.05)
        raise AssertionError(than)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    program = [*built_or_skipped("s3", is_archived=False), "headwater.ObjectServer"]
    output = tmp_path_factory.mktemp("s3") / "output"
    with serving([*program, ID, SECRET], output) as endpoint:
        client = clients(endpoint, "s3", aws_access_key_id=ID, aws_secret_access_key=SECRET)
        for name in BUCKETS:
            client.create_bucket(Bucket=name)
        yield Buckets(endpoint, client)


@pytest.fixture(scope="module")
def place(buckets: Buckets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sink_place.Place]:
    environment = {
        "AWS_ENDPOINT_URL_S3": buckets.endpoint,
        "AWS_ACCESS_KEY_ID": ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    made = sink_place.Place(tmp_path_factory.mktemp("server"), CONFIGURATION, environment)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_buckets_keep_what_every_store_promises(
    promise: Callable[[Callable[[], ObjectStore]], None],
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)

    promise(lambda: S3Objects(buckets.endpoint, "us-east-1"))


def test_wrong_secret_is_refused_by_its_name(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    store = S3Objects(buckets.endpoint, "us-east-1")

    async def body() -> None:
        with pytest.raises(ObjectsFailed) as caught:
            await store.put(Place("bucket", "key"), b"body")
        assert caught.value.code == "S3SignatureDoesNotMatch"

    contract.run(body())


def test_lakes_tell_every_change_once_whatever_was_killed(
    place: sink_place.Place, buckets: Buckets
) -> None:
    chance = random.Random(1)
    dynamodb = place.dynamodb
    create(dynamodb, "music", StreamSpecification=STREAM)
    stories: dict[str, Story] = {}
    before: dict[str, str] = {}
    for turn in range(WRITES):
        key = f"s{chance.randrange(20)}"
        story = stories.setdefault(key, [])
        is_held = bool(story) and story[-1][1] is not None
        if is_held and chance.random() < 0.3:
            dynamodb.delete_item(TableName="music", Key={"pk": {"S": key}})
            story.append(("REMOVE", None))
        else:
            song = {"pk": key, "g": chance.choice("abc"), "n": turn}
            item = {"pk": {"S": key}, "g": {"S": song["g"]}, "n": {"N": str(turn)}}
            dynamodb.put_item(TableName="music", Item=item)
            story.append(("MODIFY" if is_held else "INSERT", song))
        if turn in WRITING_AT:
            buckets.until_other("lakes", before)
        if turn in KILLED_AT:
            place.kill()
            before = buckets.tags("lakes")
            place.start_again()
    place.caught_up()

    held = {key: story[-1][1] for key, story in stories.items() if story[-1][1] is not None}
    assert items_of(dynamodb, "music") == held
    assert stories_of(told_by_lines(buckets)) == stories
    assert stories_of(told_by_rows(buckets)) == stories
    for name in place.sinks:
        told = place.ask("CheckSink", Name=name)
        assert (told["Items"], told["FaultCount"], told["Faults"]) == (len(held), 0, [])


def told_by_lines(buckets: Buckets) -> Iterator[Told]:
    for body in buckets.bodies("lakes", "lines/"):
        for line in map(json.loads, body.splitlines()):
            yield line["sequence_number"], line["keys"]["pk"], (line["event"], line["new"])


def told_by_rows(buckets: Buckets) -> Iterator[Told]:
    for body in buckets.bodies("lakes", "parquet/"):
        for row in parquet.read_table(BytesIO(body)).to_pylist():
            song = {name: row[name] for name in ("pk", "g", "n")} if row["_hw_held"] else None
            key = json.loads(row["_hw_keys"])["pk"]
            yield row["_hw_sequence_number"], key, (row["_hw_event"], song)


def stories_of(told: Iterable[Told]) -> dict[str, Story]:
    stories: dict[str, Story] = {}
    for _, key, change in sorted(told, key=itemgetter(0)):
        stories.setdefault(key, []).append(change)
    return stories


def test_table_exported_to_a_bucket_and_imported_from_it_is_equal(
    place: sink_place.Place, buckets: Buckets
) -> None:
    dynamodb = place.dynamodb
    create(dynamodb, "books")
    dynamodb.update_continuous_backups(
        TableName="books", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for number in range(30):
        item = {"pk": {"S": f"b{number} \u00e9"}, "l": {"L": [{"N": str(number)}, {"NULL": True}]}}
        dynamodb.put_item(TableName="books", Item=item)
    arn = dynamodb.describe_table(TableName="books")["Table"]["TableArn"]

    begun = dynamodb.export_table_to_point_in_time(
        TableArn=arn, S3Bucket="exports", S3Prefix="some/prefix"
    )["ExportDescription"]
    exported = ended(
        lambda: dynamodb.describe_export(ExportArn=begun["ExportArn"])["ExportDescription"],
        "ExportStatus",
    )
    assert exported["ExportStatus"] == "COMPLETED", exported
    folder = exported["ExportManifest"].removesuffix("manifest-summary.json")
    begun = dynamodb.import_table(
        S3BucketSource={"S3Bucket": "exports", "S3KeyPrefix": f"{folder}data/"},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters=TABLE | {"TableName": "copies"},
    )["ImportTableDescription"]
    imported = ended(
        lambda: dynamodb.describe_import(ImportArn=begun["ImportArn"])["ImportTableDescription"],
        "ImportStatus",
    )
    assert imported["ImportStatus"] == "COMPLETED", imported
    until_active(dynamodb, "copies")

    assert items_of(dynamodb, "copies") == items_of(dynamodb, "books")
    assert exported["ItemCount"] == imported["ImportedItemCount"] == 30
    manifest = buckets.body("exports", f"{folder}manifest-files.json")
    files = map(json.loads, manifest.splitlines())
    assert {file["dataFileS3Key"]: f'"{file["etag"]}"' for file in files} == buckets.tags(
        "exports", f"{folder}data/"
    )


def ended(describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    for _ in range(WAIT_SECONDS_MAX * 50):
        if (description := describe())[status] != "IN_PROGRESS":
            return description
        threading.Event().wait(0.02)
    raise AssertionError(describe())
