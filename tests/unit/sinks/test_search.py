"""Search sinks and what servers, and what stands before them, answer beside what a node would."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator
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
from tests.scripted_server import Answer, ScriptedServer, scripted_server
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject, batch, change, run

THERE = Answer(body={"i": {"settings": {"index.gc_deletes": "1h"}}})
ABSENT = Answer(404, {"error": {"type": "index_not_found_exception"}, "status": 404})
BATCH = batch(change("a", 1, "x"), change("b", 2, "x"), change("c", 3, None))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as started:
        yield started


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where nobody listens, and nobody else begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def subject(server: ScriptedServer, files: Path, **more: Any) -> Subject:
    async def held() -> dict[str, Any]:
        raise NotImplementedError

    asked = {"endpoint": server.endpoint, "index": "i", **more}
    return Subject("search", asked, held, files, MemoryNotes())


def items(*statuses: int, kind: str = "some_exception") -> Answer:
    told = [
        {"index": {"status": each, **({"error": {"type": kind}} if each >= 400 else {})}}
        for each in statuses
    ]
    return Answer(body={"errors": True, "items": told})


def written(
    server: ScriptedServer, files: Path, *answers: Answer, what: ChangeBatch = BATCH
) -> Any:
    """What a writer gives for a batch if the server answers so to its requests."""
    server.answers = [THERE, *answers]

    async def body() -> Any:
        writer: Writer = await subject(server, files).open()
        try:
            return await writer.write(what)
        finally:
            await writer.close()

    return run(body())


def ids(body: bytes) -> list[str]:
    """Of the actions of a request."""
    lines = [json.loads(line) for line in body.splitlines()]
    found = [line.get("index") or line.get("delete") for line in lines]
    return [where["_id"] for where in found if where is not None]


def test_what_the_server_is_too_busy_for_is_sent_again_and_nothing_else(
    server: ScriptedServer, tmp_path: Path
) -> None:
    answers = [items(429, 200, 429), items(200, 400)]

    assert written(server, tmp_path, *answers) == [Rejected(2, "some_exception: None")]

    _, first, second = server.asked
    assert (ids(first.body), ids(second.body)) == (["a", "b", "c"], ["a", "c"])


def test_batch_comes_again_when_the_server_takes_nothing(
    server: ScriptedServer, tmp_path: Path
) -> None:
    with pytest.raises(SinkUnavailable, match="Index i: some_exception"):
        written(server, tmp_path, items(200, 429, 503), items(429, 503))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy_server_is_left_alone_for_as_long_as_it_says(
    status: int, server: ScriptedServer, tmp_path: Path
) -> None:
    with pytest.raises(SinkUnavailable) as caught:
        written(server, tmp_path, Answer(status, "<html>", {"Retry-After": "7"}))

    assert caught.value.retry_seconds == 7.0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, {"error": {"type": "security_exception", "reason": "who?"}}),
        Answer(403, {"error": {"type": "security_exception", "reason": "no"}}),
        Answer(400, {"error": {"type": "illegal_argument_exception", "reason": "what?"}}),
        Answer(301, "moved"),
        Answer(404, "<html>"),
        Answer(200, "<html>"),
        Answer(200, {"ok": True}),
        Answer(200, ["ok"]),
        items(200),
        items(200, 403, 200),
    ],
)
def test_answer_that_will_not_change_stops_the_sink(
    answer: Answer, server: ScriptedServer, tmp_path: Path
) -> None:
    with pytest.raises(SinkBroken):
        written(server, tmp_path, answer)


@pytest.mark.parametrize("answer", [Answer(200, {"ok": True}), Answer(200, "<html>")])
def test_what_is_no_search_server_stops_the_sink(
    answer: Answer, server: ScriptedServer, tmp_path: Path
) -> None:
    server.answers = [answer]

    with pytest.raises(SinkBroken, match="no search server"):
        run(subject(server, tmp_path).open())


def test_busy_server_is_told_of_in_its_own_words(server: ScriptedServer, tmp_path: Path) -> None:
    full = {"error": {"type": "rejected", "reason": "the queue is full"}, "status": 429}

    with pytest.raises(SinkUnavailable, match="with 429: rejected: the queue is full"):
        written(server, tmp_path, Answer(429, full))


def test_request_that_is_too_large_is_halved_and_the_next_is_smaller_from_the_start(
    server: ScriptedServer, tmp_path: Path
) -> None:
    many = batch(*(change(f"k{number}", number, "x") for number in range(1, 9)))
    too_large = Answer(413, "<html>")

    written(server, tmp_path, too_large, items(*[200] * 4), items(*[200] * 4), what=many)

    assert [len(ids(each.body)) for each in server.asked[1:]] == [8, 4, 4]


def test_document_that_is_too_large_is_refused(server: ScriptedServer, tmp_path: Path) -> None:
    one = batch(change("a", 1, "x"))

    refused = written(server, tmp_path, Answer(413, "<html>"), what=one)

    assert refused == [Rejected(0, "The document is too large.")]


def test_server_that_cannot_be_reached_is_tried_again(
    server: ScriptedServer, deaf: str, tmp_path: Path
) -> None:
    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        run(subject(server, tmp_path, endpoint=deaf).open())


def test_other_server_is_asked_when_one_cannot_be_reached(
    server: ScriptedServer, deaf: str, tmp_path: Path
) -> None:
    server.answers = [THERE] * 4

    async def body() -> None:
        made = subject(server, tmp_path, endpoint=f"{deaf}, {server.endpoint}")
        for _ in range(4):
            await (await made.open()).close()

    run(body())
    assert len(server.asked) == 4


def test_index_that_another_process_makes_at_the_same_time_is_taken(
    server: ScriptedServer, tmp_path: Path
) -> None:
    exists = {"error": {"type": "resource_already_exists_exception", "reason": "i"}}
    server.answers = [ABSENT, Answer(400, exists)]

    async def body() -> None:
        await (await subject(server, tmp_path).open()).close()

    run(body())


@pytest.mark.parametrize(
    ("asked", "header"),
    [
        ({}, None),
        ({"user": "ü", "password": "p:w"}, "Basic " + base64.b64encode("ü:p:w".encode()).decode()),
        ({"api_key": "abc"}, "ApiKey abc"),
        ({"sigv4": True}, "AWS4-HMAC-SHA256 Credential=any/"),
    ],
)
def test_requests_say_who_writes(
    asked: dict[str, Any],
    header: str | None,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    server.answers = [THERE]

    async def body() -> None:
        await (await subject(server, tmp_path, **asked).open()).close()

    run(body())
    (request,) = server.asked
    told = request.headers.get("authorization")
    assert told == header or (told is not None and header and told.startswith(header))


def test_certificates_are_checked(tmp_path: Path) -> None:
    public, private = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)

    async def body(server: ScriptedServer) -> None:
        await (await subject(server, tmp_path, ca=str(public)).open()).close()
        with pytest.raises(SinkUnavailable, match="certificate"):
            await subject(server, tmp_path).open()

    with scripted_server(context) as server:
        server.answers = [THERE]
        run(body(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"endpoint": "search:9200"}, "is not http"),
        ({"endpoint": "http://me:secret@search"}, "is not http"),
        ({"endpoint": "http://a,,http://b"}, "is not http"),
        ({"endpoint": "http://a?x=1"}, "no query"),
        ({"index": "Music"}, "cannot be the name"),
        ({"index": "_all"}, "cannot be the name"),
        ({"index": "a,b"}, "cannot be the name"),
        ({"index": "ä" * 128}, "cannot be the name"),
        ({"mappings": "{"}, "mappings: "),
        ({"mappings": "[]"}, "not an object"),
        ({"index_settings": "3"}, "not an object"),
        ({"gc_deletes_seconds": "-1"}, "less than 0"),
        ({"user": "me"}, "given together"),
        ({"api_key": "x", "sigv4": "true"}, "in place of another"),
        ({"region": "eu-west-1"}, "given with sigv4"),
        ({"ca": "/certificates"}, "https"),
    ],
)
def test_settings_that_cannot_be_are_refused(asked: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        settings.parse(kinds.kind("search"), {"endpoint": "http://search", "index": "i", **asked})
