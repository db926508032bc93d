from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from headwater.sinks import kinds, settings
from headwater.sinks.change import Change
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Rejected,
    SinkBroken,
    SinkUnavailable,
)
from tests.certificate import make_certificate
from tests.mail_server import PASSWORD, USER, Mailbox, mail_server
from tests.sink_store import MemoryNotes
from tests.sink_writing import Subject, batch, change, run

ADDRESSES = {"sender": "Shop <shop@example.com>", "recipients": "a@example.com, B <b@example.org>"}
ONE = batch(change("a", 1, "x"))


def over(mailbox: Mailbox, **asked: Any) -> dict[str, Any]:
    """Settings for a server."""
    place = {"host": "127.0.0.1", "port": mailbox.port, "hello": "localhost"}
    return {**place, "security": "none", **ADDRESSES, **asked}


async def mailed(
    given: ChangeBatch, asked: dict[str, Any], warnings: list[str] | None = None
) -> Sequence[Rejected]:
    async def held() -> dict[str, Any]:
        raise AssertionError("nobody asks")

    subject = Subject("email", asked, held, Path("/nowhere"), MemoryNotes())
    subject.warnings = warnings if warnings is not None else []
    writer = await subject.open()
    try:
        return await writer.write(given)
    finally:
        await writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Its file, and what a server speaks TLS with."""
    public, private = make_certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return public, context


def test_a_mail_tells_of_all_changes_of_a_batch() -> None:
    with mail_server() as mailbox:
        run(mailed(batch(change("a", 1, "ä\n.\n"), change("b", 2, None)), over(mailbox)))

        (mail,) = mailbox.read()
        assert mail["From"] == "Shop <shop@example.com>"
        assert mail["To"] == "a@example.com, B <b@example.org>"
        assert mail["Subject"] == "s: 2 changes of music"
        assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
        assert mail["Message-ID"].endswith("@example.com>")
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_content().splitlines() == [
            '1970-01-02T00:00:00.000000Z MODIFY {"k":"a"}',
            '    {"k":"a","v":"ä\\n.\\n"}',
            '1970-01-03T00:00:00.000000Z REMOVE {"k":"b"}',
        ]
        assert mailbox.recipients == [["a@example.com", "b@example.org"]]


def test_templates_make_subject_text_and_html() -> None:
    with mail_server() as mailbox:
        asked = over(
            mailbox,
            subject="{{ table }}\n{{ changes[0].old.nothing.deeper }}!",
            text="{{ changes | json }}",
            html="<p>{{ changes[0].new.v }}</p>",
        )
        run(mailed(batch(change("a", 1, "<i>")), asked))

        (mail,) = mailbox.read()
        text, html = mail.iter_parts()
        assert mail["Subject"] == "music !"
        assert orjson.loads(text.get_content())[0]["new"] == {"k": "a", "v": "<i>"}
        assert html.get_content().strip() == "<p>&lt;i&gt;</p>"


def test_numbers_in_mails_have_all_their_digits() -> None:
    number = "12345678901234567890123456789012345678"
    with mail_server() as mailbox:
        exact: Change = replace(ONE.changes[0], new={"k": {"S": "a"}, "n": {"N": number}})
        given = batch(replace(exact, document={"n": int(number)}))
        run(mailed(given, over(mailbox, text="{{ changes[0].new.n }}")))

        assert mailbox.read()[0].get_content().strip() == number


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mails_go_over_tls_from_a_user(
    security: str, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    public, context = certificate
    is_tls = security == "tls"
    options = {"auth_require_tls": not is_tls, "require_starttls": not is_tls}
    with mail_server(context, is_tls=is_tls, **options) as mailbox:
        asked = over(mailbox, security=security, ca=str(public), user=USER, password=PASSWORD)
        run(mailed(ONE, asked))

        assert mailbox.users == [USER]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_nobody_vouches_for_stops_the_sink(
    security: str, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    with (
        mail_server(certificate[1], is_tls=security == "tls") as mailbox,
        pytest.raises(SinkBroken, match="certificate verify failed"),
    ):
        run(mailed(ONE, over(mailbox, security=security)))


def test_a_wrong_password_stops_the_sink(certificate: tuple[Path, ssl.SSLContext]) -> None:
    public, context = certificate
    with mail_server(context) as mailbox:
        asked = over(mailbox, security="starttls", ca=str(public), user=USER, password="wrong")
        with pytest.raises(SinkBroken, match="535"):
            run(mailed(ONE, asked))


def test_nothing_is_said_in_the_clear_where_tls_is_asked_for() -> None:
    with mail_server() as mailbox:
        with pytest.raises(SinkBroken, match="STARTTLS"):
            run(mailed(ONE, over(mailbox, security="starttls")))
        assert mailbox.mails == []


def test_a_server_that_takes_nothing_now_is_asked_again() -> None:
    with mail_server() as mailbox:
        mailbox.answers = ["451 later"]

        with pytest.raises(SinkUnavailable, match="451 later"):
            run(mailed(ONE, over(mailbox)))


def test_a_server_that_is_not_there_is_asked_again() -> None:
    with pytest.raises(SinkUnavailable, match="cannot be reached"):
        run(mailed(ONE, over(Mailbox(port=9))))


def test_a_mail_that_is_refused_is_rejected_whole() -> None:
    with mail_server() as mailbox:
        mailbox.answers = ["554 no such words here"]
        given = batch(change("a", 1, "x"), change("b", 2, "x"))
        rejected = run(mailed(given, over(mailbox)))

        reason = "The mail server says 554 no such words here"
        assert rejected == [Rejected(0, reason), Rejected(1, reason)]


def test_a_mail_that_is_too_large_is_rejected() -> None:
    with mail_server(data_size_limit=1000) as mailbox:
        rejected = run(mailed(batch(change("a", 1, "x" * 2000)), over(mailbox)))

        assert [each.reason[:26] for each in rejected] == ["The mail server says 552 E"]


def test_a_recipient_who_is_refused_is_told_and_the_others_have_the_mail() -> None:
    with mail_server() as mailbox:
        mailbox.nobody = {"a@example.com": "550 nobody of that name"}
        warnings: list[str] = []
        run(mailed(ONE, over(mailbox), warnings))

        assert mailbox.recipients == [["b@example.org"]]
        assert warnings == ["a@example.com: The mail server says 550 nobody of that name"]


@pytest.mark.parametrize(("code", "error"), [(550, SinkBroken), (450, SinkUnavailable)])
def test_a_mail_for_nobody_waits_or_stops_the_sink(code: int, error: type[Exception]) -> None:
    with mail_server() as mailbox:
        mailbox.nobody = {"a@example.com": f"{code} no", "b@example.org": "550 no"}

        with pytest.raises(error, match=f"{code} no"):
            run(mailed(ONE, over(mailbox)))


def test_a_template_that_fails_stops_the_sink() -> None:
    with pytest.raises(SinkBroken, match="The template of the text fails: "):
        run(mailed(ONE, over(Mailbox(port=9), text="{{ 1 / 0 }}")))


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "{% for %}"},
        {"subject": "{{ "},
        {"html": "{{ x | nothing }}"},
        {"ca": "/nowhere.pem", "security": "tls"},
    ],
)
def test_what_cannot_work_is_refused_when_it_is_opened(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        run(mailed(ONE, over(Mailbox(port=9), **asked)))


@pytest.mark.parametrize(
    "asked",
    [
        {"sender": ""},
        {"sender": "a@example.com, b@example.com"},
        {"sender": "nobody"},
        {"recipients": "a@example.com, nobody"},
        {"recipients": ""},
        {"recipients": "a@example.com\nBcc: b@example.com"},
        {"sender": "a\nb@example.com"},
        {"user": "me"},
        {"password": "word"},
        {"user": "me", "password": "word", "security": "none"},
        {"port": 0},
        {"port": 70_000},
        {"timeout_seconds": 0.0},
        {"host": "a host"},
        {"hello": ""},
    ],
)
def test_settings_that_cannot_be_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        settings.parse(kinds.kind("email"), {"host": "mail.example.com", **ADDRESSES, **asked})
