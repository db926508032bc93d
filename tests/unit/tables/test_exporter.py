"""Exports from the request to the files, restarts and failures included."""

import asyncio
import gzip
import re
from base64 import b64encode
from hashlib import md5
from pathlib import Path

import orjson
import pytest

from headwater.clock import ManualClock
from headwater.errors import (
    ExportConflictException,
    ExportNotFoundException,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
    ValidationException,
)
from headwater.limits import job_sweep_seconds, job_token_seconds, jobs_kept_seconds
from headwater.storage import keyspace
from headwater.storage.memory import MemoryEngine
from headwater.storage.objects import ObjectsFailed, Place
from headwater.tables import exporter, past
from tests.stored_objects import MemoryObjects
from tests.unit.tables.exporting import ARN, Exporting, exporting, run
from tests.unit.tables.running import idle

GOLDEN = Path(__file__).parent / "golden"
HOUR = 3600
INCREMENTAL = "INCREMENTAL_EXPORT"


def test_a_full_export_holds_the_table_as_it_was_when_asked_for():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for number in range(20):
            await here.put(table, f"k{number}", number)
        expected = await here.items(table)

        asked = {"TableArn": ARN, "S3Bucket": "bucket"}
        begun = await here.call("ExportTableToPointInTime", **asked)
        here.clock.advance(0.1)
        await here.put(table, "late", 1)
        await here.delete(table, "k3")
        ended = await here.exported(begun["ExportDescription"])

        assert begun["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
        assert ended["ExportStatus"] == "COMPLETED"
        assert ended["ItemCount"] == 20
        assert here.exported_items() == expected

    run(body)


def test_a_full_export_of_an_earlier_time_holds_the_table_as_it_was_then():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        await here.put(table, "a", 1)
        await here.put(table, "b", 1)
        here.clock.advance(HOUR)
        moment, expected = here.clock.now(), await here.items(table)
        here.clock.advance(HOUR)
        await here.put(table, "a", 2)
        await here.delete(table, "b")
        await here.put(table, "c", 1)

        ended = await here.export(ExportTime=moment)

        assert ended["ExportTime"] == moment
        assert here.exported_items() == expected

    run(body)


def test_the_files_are_where_the_manifests_say_with_their_checksums():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        await here.put(table, "a", 1)

        ended = await here.export(S3Prefix="pre/fix")

        top = f"pre/fix/AWSDynamoDB/{ended['ExportArn'].rpartition('/')[2]}"
        summary = here.objects.ending("manifest-summary.json")
        manifest = here.objects.ending("manifest-files.json")
        listed = [orjson.loads(line) for line in manifest.splitlines()]
        assert ended["ExportManifest"] == f"{top}/manifest-summary.json"
        assert orjson.loads(summary)["manifestFilesS3Key"] == f"{top}/manifest-files.json"
        assert here.objects.ending("summary.checksum") == b64encode(md5(summary).digest())
        assert here.objects.ending("files.checksum") == b64encode(md5(manifest).digest())
        assert here.objects.ending("_started") == b""
        assert len(listed) == len(table.partitions)
        for file in listed:
            body = here.objects.bodies[Place("bucket", file["dataFileS3Key"])]
            assert re.fullmatch(top + "/data/[a-z2-7]{26}.json.gz", file["dataFileS3Key"])
            assert file["md5Checksum"] == b64encode(md5(body).digest()).decode()
            assert file["etag"] == md5(body).hexdigest()
            assert file["itemCount"] == len(gzip.decompress(body).splitlines())

    run(body)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_what_an_export_writes_is_what_it_has_always_written(kind):
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        start = here.clock.now()
        await here.put(table, "a", 1)
        here.clock.advance(HOUR)
        await here.put(table, "a", 2)
        await here.put(table, "b", 1)
        here.clock.advance(HOUR)
        period = {"ExportFromTime": start + 1800, "ExportToTime": start + 5400}
        changes = {"ExportType": INCREMENTAL, "IncrementalExportSpecification": period}

        await here.export(S3Prefix="prefix", **(changes if kind == "incremental" else {}))

        found = "".join(
            f"{place.key}\n{_text(place, body)}\n"
            for place, body in sorted(here.objects.bodies.items(), key=lambda each: each[0].key)
        )
        assert found == (GOLDEN / f"{kind}_export.txt").read_text()

    run(body)


def _text(place: Place, body: bytes) -> str:
    """A body without what depends on the machine's way to pack: sums over data files."""
    if place.key.endswith("manifest-files.checksum"):
        return "<checksum>"
    text = (gzip.decompress(body) if place.key.endswith(".gz") else body).decode()
    return re.sub('"(md5Checksum|etag)":"[^"]+"', r'"\1":"<checksum>"', text)


@pytest.mark.parametrize("view", [None, "NEW_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_an_incremental_export_tells_what_changed_between_two_times(view):
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for pk in ("changed", "gone", "untouched"):
            await here.put(table, pk, 1)
        here.clock.advance(HOUR)
        start = here.clock.now()
        await here.put(table, "changed", 2)
        await here.delete(table, "gone")
        await here.put(table, "new", 1)
        here.clock.advance(HOUR)
        end = here.clock.now()
        await here.put(table, "untouched", 2)
        period = {"ExportFromTime": start, "ExportToTime": end}
        if view is not None:
            period["ExportViewType"] = view

        ended = await here.export(ExportType=INCREMENTAL, IncrementalExportSpecification=period)

        lines = {line["Keys"]["pk"]["S"]: line for line in here.lines()}
        shown = {pk: sorted(line) for pk, line in lines.items()}
        old = [] if view == "NEW_IMAGE" else ["OldImage"]
        assert shown == {
            "changed": ["Keys", "Metadata", "NewImage", *old],
            "gone": ["Keys", "Metadata", *old],
            "new": ["Keys", "Metadata", "NewImage"],
        }
        stamp = {"WriteTimestampMicros": {"N": str(round(start * 1e6))}}
        assert lines["changed"]["Metadata"] == stamp
        assert lines["changed"]["NewImage"]["n"] == {"N": "2"}
        assert ended["ItemCount"] == 3
        (data,) = [key for key in here.objects.names() if key.endswith(".gz")]
        assert re.fullmatch("AWSDynamoDB/data/[a-z2-7]{26}.json.gz", data)

    run(body)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_lines_of_ion(kind):
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        here.clock.advance(HOUR)
        start = here.clock.now()
        await here.put(table, "a", 1)
        here.clock.advance(HOUR)
        period = {"ExportFromTime": start}
        changes = {"ExportType": INCREMENTAL, "IncrementalExportSpecification": period}

        ended = await here.export(ExportFormat="ION", **(changes if kind == "incremental" else {}))

        found = b"".join(
            gzip.decompress(body)
            for place, body in here.objects.bodies.items()
            if place.key.endswith(".ion.gz")
        )
        item = b'{n:1.,pk:"a"}'
        digits = b"%d" % round(start * 1e6)
        stamp = b"%bd%d" % (digits.rstrip(b"0"), len(digits) - len(digits.rstrip(b"0")))
        assert ended["ExportFormat"] == "ION"
        assert found == (
            b"$ion_1_0 {Item:%b}\n" % item
            if kind == "full"
            else b'$ion_1_0 {Metadata:{WriteTimestampMicros:%b},Keys:{pk:"a"},NewImage:%b}\n'
            % (stamp, item)
        )

    run(body)


def test_an_export_needs_recovery():
    async def body(here: Exporting) -> None:
        await here.here.active()

        with pytest.raises(PointInTimeRecoveryUnavailableException) as caught:
            await here.export()

        assert str(caught.value) == "Point in time recovery is not enabled for table 'music'"

    run(body)


@pytest.mark.parametrize("seconds", [-1, 3 * HOUR])
def test_a_time_outside_of_the_recovery_window_is_refused(seconds):
    async def body(here: Exporting) -> None:
        await here.recoverable()
        since = here.clock.now()
        here.clock.advance(HOUR)

        with pytest.raises(InvalidExportTimeException):
            await here.export(ExportTime=since + seconds)

    run(body)


@pytest.mark.parametrize(
    "request_members",
    [
        {"ExportType": INCREMENTAL},
        {"ExportType": INCREMENTAL, "IncrementalExportSpecification": {}},
        {"IncrementalExportSpecification": {"ExportFromTime": 0}},
        {"S3BucketOwner": "999999999999"},
        {"S3SseKmsKeyId": "key"},
        {"TableArn": "music"},
        {
            "ExportType": INCREMENTAL,
            "IncrementalExportSpecification": {"ExportFromTime": 0, "ExportToTime": 899},
        },
        {
            "ExportType": INCREMENTAL,
            "IncrementalExportSpecification": {"ExportFromTime": 0, "ExportToTime": 86401},
        },
        {
            "ExportType": INCREMENTAL,
            "ExportTime": 5,
            "IncrementalExportSpecification": {"ExportFromTime": 0, "ExportToTime": 900},
        },
    ],
)
def test_what_cannot_be_is_refused(request_members):
    async def body(here: Exporting) -> None:
        await here.recoverable()

        with pytest.raises(ValidationException):
            await here.export(**request_members)

        assert (await here.call("ListExports"))["ExportSummaries"] == []

    run(body)


def test_missing_tables_and_exports_are_told():
    async def body(here: Exporting) -> None:
        for arn in (f"{ARN}/export/01700000000000-00000000", f"{ARN}/import/x", "x" * 40):
            with pytest.raises(ExportNotFoundException):
                await here.call("DescribeExport", ExportArn=arn)
        with pytest.raises(TableNotFoundException):
            await here.export()

    run(body)


def test_a_token_begins_one_export_and_refuses_another_request():
    async def body(here: Exporting) -> None:
        await here.recoverable()

        first = await here.export(ClientToken="token")
        again = await here.export(ClientToken="token")
        with pytest.raises(ExportConflictException):
            await here.export(ClientToken="token", S3Prefix="other")
        here.clock.advance(job_token_seconds)
        later = await here.export(ClientToken="token", S3Prefix="other")

        assert again == first
        assert later["ExportArn"] != first["ExportArn"]

    run(body)


def test_exports_are_listed_in_pages_last_one_first_for_90_days():
    async def body(here: Exporting) -> None:
        await here.recoverable()
        arns = [(await here.export())["ExportArn"] for _ in range(5)]

        first = await here.call("ListExports", TableArn=ARN, MaxResults=3)
        second = await here.call("ListExports", MaxResults=3, NextToken=first["NextToken"])
        other = await here.call("ListExports", TableArn=f"{ARN}-other")
        here.clock.advance(jobs_kept_seconds)

        shown = first["ExportSummaries"] + second["ExportSummaries"]
        assert [each["ExportArn"] for each in shown] == arns[::-1]
        assert shown[0] == {
            "ExportArn": arns[-1],
            "ExportStatus": "COMPLETED",
            "ExportType": "FULL_EXPORT",
        }
        assert "NextToken" not in second
        assert other == {"ExportSummaries": []}
        assert await here.call("ListExports") == {"ExportSummaries": []}

    run(body)


@pytest.mark.parametrize("token", ["", "x", "00" * 56, "ffff" * 28])
def test_a_token_that_is_none_of_the_list_is_refused(token):
    async def body(here: Exporting) -> None:
        with pytest.raises(ValidationException) as caught:
            await here.call("ListExports", NextToken=token)

        assert str(caught.value) == "Invalid NextToken"

    run(body)


def test_an_export_that_a_restart_cut_short_is_made_to_the_same_files():
    engine, objects, clock = MemoryEngine(), MemoryObjects(), ManualClock()

    async def main() -> None:
        async with exporting(engine, objects, clock) as before:
            table = await before.recoverable()
            for number in range(20):
                await before.put(table, f"k{number}", number)
            expected = await before.items(table)
            never = asyncio.Event()
            taken: list[str] = []

            def hang(place: Place) -> None:
                taken.append(place.key)
                if len(taken) == 3:  # the mark and a data file are there
                    never.set()
                    raise asyncio.CancelledError

            objects.before_put = hang
            asked = {"TableArn": ARN, "S3Bucket": "bucket"}
            begun = (await before.call("ExportTableToPointInTime", **asked))["ExportDescription"]
            await before.here.advance(1)
            assert never.is_set()
            present = await before.call("DescribeExport", ExportArn=begun["ExportArn"])
            assert present["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
        objects.before_put = lambda _: None
        async with exporting(engine, objects, clock, seed=4) as after:
            await after.put(table, "late", 1)

            ended = await after.exported(begun)

            assert ended["ExportStatus"] == "COMPLETED"
            assert after.exported_items() == expected
            assert len([key for key in objects.names() if key.endswith(".gz")]) == 2

    asyncio.run(main())


def test_an_export_whose_bucket_cannot_be_written_fails_and_says_so():
    async def body(here: Exporting) -> None:
        await here.recoverable()

        def refuse(_place: Place) -> None:
            raise ObjectsFailed("S3NoSuchBucket", "There is no such bucket.")

        here.objects.before_put = refuse
        ended = await here.export()

        assert ended["ExportStatus"] == "FAILED"
        assert ended["FailureCode"] == "S3NoSuchBucket"
        assert ended["FailureMessage"] == "There is no such bucket."
        assert "ExportManifest" not in ended

    run(body)


def test_an_export_fails_if_its_table_goes_before_it_is_made():
    async def body(here: Exporting) -> None:
        await here.recoverable()

        asked = {"TableArn": ARN, "S3Bucket": "bucket"}
        begun = (await here.call("ExportTableToPointInTime", **asked))["ExportDescription"]
        await here.here.catalog.delete("eu-west-1", "music")
        ended = await here.exported(begun)

        assert ended["ExportStatus"] == "FAILED"
        assert ended["FailureCode"] == "PointInTimeRecoveryUnavailable"
        assert not any("manifest" in key for key in here.objects.names())

    run(body)


def test_a_large_partition_becomes_several_files(monkeypatch):
    monkeypatch.setattr(exporter, "export_file_bytes_max", 1)

    async def body(here: Exporting) -> None:
        monkeypatch.setattr(past, "export_step_items_max", 4)
        table = await here.recoverable()
        for number in range(40):
            await here.put(table, f"k{number}", number)

        await here.export()
        await idle()

        assert len([key for key in here.objects.names() if key.endswith(".gz")]) > 2
        assert here.exported_items() == await here.items(table)

    run(body)


def test_exports_that_are_no_longer_listed_are_removed_with_their_tokens():
    async def body(here: Exporting) -> None:
        await here.recoverable()
        await here.export(ClientToken="token")
        jobs = keyspace.every_job_span(b"e")
        tokens = keyspace.every_job_span(b"te")
        kept = len(await here.here.stored(jobs)), len(await here.here.stored(tokens))

        await here.here.advance(jobs_kept_seconds + 1)
        await here.here.advance(job_sweep_seconds)

        assert kept == (1, 1)
        assert await here.here.stored(jobs) == await here.here.stored(tokens) == {}

    run(body)
