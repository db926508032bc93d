"""What the writer of every kind of sink keeps to: one suite over all of them.

A subject says what its destination holds for each item. Some hold every change and leave it to the
reader to take the latest (a lake); others hold the items as they are.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from headwater.sinks import parquet
from headwater.sinks import schema as schemas
from headwater.sinks.change import Change, Event, plain
from headwater.sinks.kind import BACKFILL
from headwater.sinks.schema import Schema
from headwater.values.item import Item
from tests.mail_server import mail_server
from tests.nats_server import nats_server
from tests.sink_store import MemoryNotes
from tests.sink_writing import OTHER, Subject, batch, change, run, write
from tests.topic_server import TOPIC, topic_server
from tests.warehouse_places import WarehousePlace
from tests.webhook_receiver import SECRET, receiver


def lines_of(files: Path) -> list[dict[str, Any]]:
    """Every line of a lake's files."""
    found = []
    for path in sorted(files.rglob("*.jsonl*")):
        body = path.read_bytes()
        lines = gzip.decompress(body) if path.suffix == ".gz" else body
        found += [json.loads(line) for line in lines.splitlines()]
    return found


def rows_of(subject: Subject) -> list[dict[str, Any]]:
    """Every row of a lake's files of Parquet, as a line would tell of it."""
    schema = schemas.decode(subject.notes.values.get("schema", schemas.encode(Schema())))
    found = []
    for path in sorted(subject.files.rglob("*.parquet")):
        for told, document in parquet.decode(schema, path.read_bytes()):
            line = {name.removeprefix("_hw_"): value for name, value in told.items()}
            new = document if line["held"] else None
            found.append({**line, "keys": orjson.loads(line["keys"]), "new": new})
    return found


def latest(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What a reader of a lake takes for the items."""
    by_key: dict[str, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda each: str(each["sequence_number"])):
        by_key[line["keys"]["k"]] = line
    return {key: line["new"] for key, line in by_key.items() if line["new"] is not None}


def lake(**more: Any) -> Callable[[Path], Subject]:
    def make(files: Path) -> Subject:
        async def held() -> dict[str, Any]:
            return latest(lines_of(files) + rows_of(made))

        asked = {"location": "file:lake/music", **more}
        made = Subject("lake", asked, held, files, MemoryNotes())
        return made

    return make


def webhook(files: Path) -> Subject:
    """Held is what a receiver has that does nothing twice."""
    stack = ExitStack()
    server = stack.enter_context(receiver())

    async def held() -> dict[str, Any]:
        return latest([each for posted in server.taken().values() for each in posted.changes])

    settings = {"url": server.url, "secret": SECRET}
    return Subject("webhook", settings, held, files, MemoryNotes(), stack.close)


def email(files: Path) -> Subject:
    """Held is what somebody knows who has read each mail once."""
    stack = ExitStack()
    mailbox = stack.enter_context(mail_server())

    async def held() -> dict[str, Any]:
        mails = {mail["Message-ID"]: mail.get_content() for mail in mailbox.read()}
        return latest([json.loads(line) for text in mails.values() for line in text.splitlines()])

    settings = {
        "host": "127.0.0.1",
        "port": mailbox.port,
        "security": "none",
        "hello": "localhost",
        "sender": "a@example.com",
        "recipients": "b@example.com",
        "text": "{% for change in changes %}{{ change | json }}\n{% endfor %}",
    }
    return Subject("email", settings, held, files, MemoryNotes(), stack.close)


def sns(files: Path) -> Subject:
    """Held is what a subscriber knows."""
    stack = ExitStack()
    topic = stack.enter_context(topic_server())

    async def held() -> dict[str, Any]:
        return latest([json.loads(text) for text in topic.published])

    settings = {"topic": TOPIC, "endpoint": topic.endpoint}
    return Subject("sns", settings, held, files, MemoryNotes(), stack.close)


def nats(files: Path) -> Subject:
    """Held is what a reader of the stream knows."""
    stack = ExitStack()
    server = stack.enter_context(nats_server(files / "nats"))
    asyncio.run(server.add_stream())

    async def held() -> dict[str, Any]:
        return latest([json.loads(body) for _, body in await server.messages()])

    settings = {"servers": server.address, "subject": "changes.{table}.{event}"}
    return Subject("nats", settings, held, files, MemoryNotes(), stack.close)


MAKES = {
    "email": email,
    "lake": lake(),
    "lake-packed": lake(compression="gzip", partition_by="hour"),
    "lake-of-parquet": lake(format="parquet"),
    "lake-by-attribute": lake(partition_by="attribute", partition_attribute="v"),
    "nats": nats,
    "sns": sns,
    "webhook": webhook,
}
FIXTURES = ("duckdb_warehouse", "postgres_warehouse")


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any will do: what boto3 calls here does not look at them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.fixture(params=sorted([*MAKES, *FIXTURES]))
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, aws_credentials: None
) -> Iterator[Subject]:
    if request.param in FIXTURES:
        place: WarehousePlace = request.getfixturevalue(request.param)
        made = place.subject()
    else:
        made = MAKES[request.param](tmp_path)
    yield made
    made.close()


def test_latest_change_of_an_item_is_held(subject: Subject) -> None:
    async def body() -> None:
        await write(
            subject,
            batch(change("a", 1, "x"), change("b", 2, "x"), change("a", 3, "y")),
            batch(change("b", 4, None), change("c", 5, "z")),
        )

        assert await subject.held() == {"a": {"k": "a", "v": "y"}, "c": {"k": "c", "v": "z"}}

    run(body())


def test_a_batch_that_comes_again_changes_nothing(subject: Subject) -> None:
    async def body() -> None:
        first = batch(change("a", 1, "x"), change("b", 2, "x"), change("b", 3, None))
        await write(subject, first, first)
        once = await subject.held()
        await write(subject, first)

        assert await subject.held() == once == {"a": {"k": "a", "v": "x"}}

    run(body())


def test_an_older_image_never_takes_the_place_of_a_newer(subject: Subject) -> None:
    async def body() -> None:
        await write(
            subject,
            batch(change("a", 9, "new", Event.SNAPSHOT), origin=BACKFILL),
            batch(change("a", 4, "old"), change("a", 5, None)),
        )

        assert await subject.held() == {"a": {"k": "a", "v": "new"}}

    run(body())


def test_shards_are_written_at_the_same_time(subject: Subject) -> None:
    async def body() -> None:
        writer = await subject.open()
        await asyncio.gather(
            writer.write(batch(*(change(f"a{n}", n, "x") for n in range(1, 20)))),
            writer.write(batch(*(change(f"b{n}", n, "x") for n in range(1, 20)), origin=OTHER)),
        )
        await writer.close()

        assert len(await subject.held()) == 38

    run(body())


def test_every_type_of_value_is_held(subject: Subject) -> None:
    async def body() -> None:
        item: Item = {
            "k": {"S": "a"},
            "v": {"S": "x"},
            "whole": {"N": "12345678901234567890123456789012345678"},
            "part": {"N": "-0.001"},
            "bytes": {"B": "AAE="},
            "truth": {"BOOL": True},
            "nothing": {"NULL": True},
            "texts": {"SS": ["a", "b"]},
            "numbers": {"NS": ["1", "2.5"]},
            "list": {"L": [{"N": "1"}, {"M": {"deep": {"S": "ä"}}}]},
        }
        one = change("a", 1, "x")
        whole = Change(
            one.event,
            one.id,
            one.version,
            one.time_us,
            one.keys,
            item,
            None,
            is_by_service=False,
            document=plain(item),
        )
        await write(subject, batch(whole))

        held = (await subject.held())["a"]
        assert held["part"] == -0.001
        assert held["list"] == [1, {"deep": "ä"}]
        assert held["texts"] == ["a", "b"]
        assert (held["bytes"], held["truth"], held.get("nothing")) == ("AAE=", True, None)
        assert str(held["whole"]) == item["whole"]["N"]

    run(body())


@pytest.mark.parametrize("partitioning", ["none", "date", "attribute"])
@pytest.mark.parametrize("again", [1, 2, 3, 4])
def test_a_lake_has_each_change_once_however_long_a_batch_is_when_it_comes_again(
    partitioning: str, again: int, tmp_path: Path
) -> None:
    """The process was killed after the batch was written and before its position was stored."""

    async def body() -> None:
        attribute = {"partition_attribute": "v"} if partitioning == "attribute" else {}
        subject = lake(partition_by=partitioning, **attribute)(tmp_path)
        changes = [change("k", number, f"v{number % 2}") for number in range(1, 5)]
        await write(subject, batch(*changes[:3]))

        await write(subject, batch(*changes[:again]))
        if again < len(changes):
            await write(subject, batch(*changes[again:]))

        ids = [line["id"] for line in lines_of(tmp_path)]
        assert sorted(ids) == [f"k-{number}" for number in range(1, 5)]

    run(body())


def test_partitions_have_names_that_can_be_folders(tmp_path: Path) -> None:
    async def body() -> None:
        subject = lake(partition_by="attribute", partition_attribute="v")(tmp_path)
        values = ["a/b", "..", "", "ä ö", "=%"]
        await write(
            subject,
            batch(*(change(f"k{n}", n, value) for n, value in enumerate(values, 1))),
            batch(change("gone", 9, None)),
        )

        folders = sorted(path.name for path in (tmp_path / "lake" / "music").iterdir())
        assert folders == [
            "v=%2E%2E",
            "v=%3D%25",
            "v=%C3%A4 %C3%B6",
            "v=__HIVE_DEFAULT_PARTITION__",
            "v=a%2Fb",
        ]

    run(body())
