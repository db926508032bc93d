"""Who may ask: signatures that are missing, unknown, wrong or old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from tests.conformance.wire import JSON, TABLES, Wire
from tests.server_process import ServerProcess

HEADERS = {"Content-Type": JSON, "X-Amz-Target": TABLES + "ListTables"}
BODY = b"{}"


@pytest.fixture(scope="module")
def guarded(
    against_aws: bool, wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wire]:
    """A server that checks signatures: AWS always does, Headwater with credentials of its own."""
    if against_aws:
        yield wire
        return
    file: Path = tmp_path_factory.mktemp("credentials") / "credentials"
    file.touch(mode=0o600)
    file.write_text("[owner]\naws_access_key_id = OWNER\naws_secret_access_key = secret\n")
    with ServerProcess.serve("--memory", "--credentials", file) as server:
        yield Wire(server.endpoint, wire.region, Credentials("OWNER", "secret"))


def test_right_signature_is_accepted(guarded):
    assert guarded.call(TABLES + "ListTables", BODY).status == 200


@pytest.mark.local_only
def test_session_token_may_be_there(guarded):
    owner = Wire(guarded.url, guarded.region, Credentials("OWNER", "secret", "token"))

    assert owner.call(TABLES + "ListTables", BODY).status == 200


def test_no_signature_is_a_missing_token(guarded):
    answer = guarded.send("POST", "/", HEADERS, BODY)

    assert answer.error == (
        400,
        "MissingAuthenticationTokenException",
        "Request is missing Authentication Token",
    )


def test_unknown_key_is_refused(guarded):
    stranger = Wire(guarded.url, guarded.region, Credentials("STRANGER", "secret"))

    answer = stranger.call(TABLES + "ListTables", BODY)

    assert answer.error == (
        400,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


def test_wrong_secret_is_an_invalid_signature(guarded):
    thief = Wire(
        guarded.url, guarded.region, Credentials(guarded.credentials.access_key, "guessed")
    )

    answer = thief.call(TABLES + "ListTables", BODY)

    assert answer.error[:2] == (400, "InvalidSignatureException")


def test_changed_body_is_an_invalid_signature(guarded):
    headers = guarded.signed(HEADERS, BODY)

    answer = guarded.send("POST", "/", headers, b'{"Limit":1}')

    assert answer.error[:2] == (400, "InvalidSignatureException")


def test_changed_target_is_an_invalid_signature(guarded):
    headers = guarded.signed(HEADERS, BODY) | {"X-Amz-Target": TABLES + "DescribeLimits"}

    answer = guarded.send("POST", "/", headers, BODY)

    assert answer.error[:2] == (400, "InvalidSignatureException")


def test_old_signature_has_expired(guarded):
    headers = guarded.signed(HEADERS, BODY)
    old = {**headers, "X-Amz-Date": "2020" + headers["X-Amz-Date"][4:]}

    answer = guarded.send("POST", "/", old, BODY)

    assert answer.status == 400
    assert answer.error[1] in ("InvalidSignatureException", "IncompleteSignatureException")


@pytest.mark.parametrize(
    "authorization",
    ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=OWNER", "Basic b3duZXI6c2VjcmV0", "x"],
)
def test_signature_that_cannot_be_read_is_refused(guarded, authorization):
    headers = guarded.signed(HEADERS, BODY) | {"Authorization": authorization}

    answer = guarded.send("POST", "/", headers, BODY)

    assert answer.status == 400
    assert re.fullmatch(
        "(IncompleteSignature|MissingAuthenticationToken|InvalidSignature)Exception",
        answer.error[1],
    )
