from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from headwater.sinks import kinds, settings
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Writer,
)
from tests.certificate import make_certificate
from tests.nats_server import NatsServer, nats_server
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject, batch, change, run

ONE = batch(change("a", 1, "x"))


async def writer(asked: dict[str, Any]) -> Writer:
    async def held() -> dict[str, Any]:
        raise AssertionError("nobody asks")

    return await Subject("nats", asked, held, Path("/nowhere"), MemoryNotes()).open()


async def published(
    given: ChangeBatch, asked: dict[str, Any], meanwhile: Callable[[], None] | None = None
) -> Sequence[Rejected]:
    """Write a batch, a second time if something is done in between."""
    made = await writer(asked)
    try:
        rejected = await made.write(given)
        if meanwhile is not None:
            meanwhile()
            rejected = await made.write(given)
        return rejected
    finally:
        await made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with nats_server(tmp_path_factory.mktemp("nats") / "server") as made:
        asyncio.run(made.add_stream())
        asyncio.run(made.add_stream("small", max_msg_size=400))
        yield made


def to(server: NatsServer, subject: str, **more: Any) -> dict[str, Any]:
    return {"servers": server.address, "subject": subject, **more}


def test_changes_are_published_in_their_order_and_once(server: NatsServer) -> None:
    given = batch(*(change(f"k{n}", n, "x") for n in range(1, 50)), change("k1", 50, None))

    run(published(given, to(server, "changes.order.{table}"), lambda: None))

    found = [(subject, json.loads(body)) for subject, body in run(server.messages())]
    ours = [told for subject, told in found if subject == "changes.order.music"]
    assert [told["id"] for told in ours] == [each.id for each in given.changes]
    assert ours[-1]["event"] == "REMOVE"


def test_a_subject_tells_the_event(server: NatsServer) -> None:
    run(published(batch(change("e", 1, "x"), change("e", 2, None)), to(server, "changes.{event}")))

    subjects = [subject for subject, body in run(server.messages()) if b'"e-' in body]
    assert subjects == ["changes.MODIFY", "changes.REMOVE"]


def test_what_no_stream_takes_is_published_again_later(server: NatsServer) -> None:
    with pytest.raises(SinkUnavailable, match=r"no stream takes what is published \(other\.x\)"):
        run(published(ONE, to(server, "other.x")))


def test_messages_that_are_too_large_are_rejected(server: NatsServer) -> None:
    changes = [change("a", 1, "x"), change("b", 2, "x" * 1000), change("c", 3, "x" * 1_100_000)]

    rejected = run(published(batch(*changes), to(server, "small.x")))

    assert sorted(rejected, key=lambda each: each.index) == [
        Rejected(1, "The message is larger than the stream takes."),
        Rejected(2, "The message is larger than NATS takes."),
    ]


async def at_last(asked: dict[str, Any], given: ChangeBatch) -> Writer:
    """Write a batch, however often it must be tried; gives the writer."""
    made = await writer(asked)
    while True:
        try:
            await made.write(given)
        except SinkUnavailable:
            continue
        return made


def test_a_server_that_falls_silent_is_told_and_connected_to_anew(tmp_path: Path) -> None:
    async def body(server: NatsServer) -> None:
        await server.add_stream()
        asked = to(server, "changes.x", timeout_seconds=1.0)
        made = await at_last(asked, ONE)
        server.stand_still()
        with pytest.raises(SinkUnavailable, match="does not acknowledge"):
            await made.write(batch(change("a", 2, "x")))
        server.go_on()
        await (await at_last(asked, batch(change("a", 2, "x")))).close()
        server.process.kill()
        server.process.wait()
        with pytest.raises(SinkUnavailable, match="NATS"):
            await made.write(batch(change("a", 3, "x")))
        await made.close()

    with nats_server(tmp_path / "server") as server:
        run(body(server))


def test_a_wrong_password_stops_the_sink(tmp_path: Path) -> None:
    with nats_server(tmp_path / "server", "--user", "me", "--pass", "word") as server:
        wrong = to(server, "changes.x", user="me", password="other")
        right = to(server, "changes.x", user="me", password="word")

        # The server hangs up; if that is quicker than what it says, it is asked once more.
        with pytest.raises(SinkBroken, match="Authorization"):
            run(at_last(wrong, ONE))
        with pytest.raises(SinkUnavailable, match="no stream"):
            run(published(ONE, right))


def test_a_server_over_tls_needs_somebody_who_vouches_for_it(tmp_path: Path) -> None:
    public, private = make_certificate(tmp_path)
    options = ("--tls", "--tlscert", public, "--tlskey", private)
    with nats_server(tmp_path / "server", *options) as server:
        asked = to(server, "changes.x") | {"servers": f"tls://127.0.0.1:{server.port}"}

        with pytest.raises(SinkBroken, match="certificate"):
            run(published(ONE, asked))
        with pytest.raises(SinkUnavailable, match="no stream"):
            run(published(ONE, {**asked, "ca": str(public)}))


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        run(published(ONE, {"servers": "nats://127.0.0.1:9", "subject": "x"}))


@pytest.mark.parametrize(
    "asked",
    [
        {"servers": ""},
        {"servers": "http://127.0.0.1"},
        {"servers": "nats://me:word@127.0.0.1"},
        {"servers": "nats://127.0.0.1:4222, tls://"},
        {"subject": ""},
        {"subject": "a b"},
        {"subject": "a.>"},
        {"subject": "a..b"},
        {"subject": "a.{key}"},
        {"user": "me"},
        {"user": "me", "password": "word", "token": "more"},
        {"ca": "/etc/ca.pem"},
        {"timeout_seconds": 0.0},
    ],
)
def test_settings_that_cannot_be_are_refused(asked: dict[str, Any]) -> None:
    usual = {"servers": "nats://127.0.0.1:4222", "subject": "changes.{table}.{event}"}
    with pytest.raises(InvalidSettings):
        settings.parse(kinds.kind("nats"), {**usual, **asked})
