from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from headwater.sinks.http import retry_after
from headwater.sinks.kind import ChangeBatch, InvalidSettings, Rejected, SinkBroken, SinkUnavailable
from headwater.sinks.webhook import WebhookSettings, secrets
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject, batch, change, run
from tests.webhook_receiver import SECRET, receiver

OTHER_SECRET = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
ONE = batch(change("a", 1, "x"))


async def posted(given: ChangeBatch, **asked: Any) -> Sequence[Rejected]:
    """Have a batch posted; asked: the settings."""

    async def held() -> dict[str, Any]:
        raise AssertionError("nobody asks")

    subject = Subject("webhook", asked, held, Path("/nowhere"), MemoryNotes())
    writer = await subject.open()
    try:
        return await writer.write(given)
    finally:
        await writer.close()


def test_a_batch_is_posted_as_one_body_that_each_secret_has_signed() -> None:
    with receiver() as server:
        given = batch(change("a", 1, "x"), change("b", 2, None))
        run(posted(given, url=server.url, secret=f"{SECRET} {OTHER_SECRET}", authorization="Me"))

        (each,) = server.posted
        body = orjson.loads(each.body)
        assert (body["sink"], body["region"], body["table"]) == ("s", "us-east-1", "music")
        assert [told["event"] for told in body["changes"]] == ["MODIFY", "REMOVE"]
        assert [told["new"] for told in body["changes"]] == [{"k": "a", "v": "x"}, None]
        assert each.is_signed_with(SECRET)
        assert each.is_signed_with(OTHER_SECRET)
        assert each.headers["idempotency-key"] == each.key
        assert each.headers["authorization"] == "Me"
        assert each.headers["content-type"] == "application/json"


def test_nothing_is_signed_without_a_secret() -> None:
    with receiver() as server:
        run(posted(ONE, url=server.url))

        assert secrets(WebhookSettings(server.url)) == []
        assert "webhook-signature" not in server.posted[0].headers


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_an_address_that_cannot_take_it_is_left_alone_as_long_as_it_asks(status: int) -> None:
    with receiver() as server:
        server.answers = [(status, {"retry-after": "600"})]

        with pytest.raises(SinkUnavailable, match=f"status {status}") as raised:
            run(posted(ONE, url=server.url))
        assert raised.value.retry_seconds == 600


@pytest.mark.parametrize("status", [301, 307, 410])
def test_an_address_that_is_gone_stops_the_sink(status: int) -> None:
    with receiver() as server:
        server.answers = [(status, {"location": f"{server.url}/other"})]

        with pytest.raises(SinkBroken, match=f"status {status}"):
            run(posted(ONE, url=server.url))
        assert len(server.posted) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://127.0.0.1:9/"])
def test_an_address_that_cannot_be_reached_is_told(url: str) -> None:
    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        run(posted(ONE, url=url))


def test_what_an_address_refuses_is_rejected_change_by_change() -> None:
    with receiver() as server:
        given = batch(change("a", 1, "fine"), change("b", 2, "poison"), change("c", 3, "good"))
        rejected = run(posted(given, url=server.url))

        assert rejected == [Rejected(1, "The address answers with the status 422.")]
        taken = [each["new"]["v"] for one in server.taken().values() for each in one.changes]
        assert taken == ["fine", "good"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("120", 120),
        ("99999999999", 3600),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float) -> None:
    assert retry_after(text, 100.0) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "ftp://host/"},
        {"url": "http://"},
        {"url": "http://host:port/"},
        {"url": "http://user:word@host/"},
        {"url": "http://host/a b"},
        {"url": "http://host/", "secret": "word"},
        {"url": "http://host/", "secret": "whsec_c2hvcnQ="},
        {"url": "http://host/", "secret": f"{SECRET} word"},
        {"url": "http://host/", "ca": "/etc/ca.pem"},
        {"url": "http://host/", "timeout_seconds": 0.0},
        {"url": "http://host/", "timeout_seconds": 301.0},
        {"url": "http://host/", "authorization": "Bearer\nmore"},
    ],
)
def test_settings_that_cannot_be_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        WebhookSettings(**asked)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_refused(content: str | None, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_text(content)

    with pytest.raises(InvalidSettings, match="ca: "):
        run(posted(ONE, url="https://127.0.0.1:9/", ca=str(ca)))
