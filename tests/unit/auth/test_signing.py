from __future__ import annotations

from dataclasses import dataclass

import pytest

from headwater.auth.credentials import Credential
from headwater.auth.signature import Verifier
from headwater.auth.signing import Key, signed_headers
from headwater.clock import ManualClock
from headwater.errors import InvalidSignatureException

KEY = Key("PAIR", "secret-of-two-servers", "eu-west-1")
TARGET = "Headwater_20261123.TakeReplicaItems"


@dataclass
class Arrived:
    """A request as the server it was sent to has it."""

    headers: dict[str, str]
    signed_body: bytes
    method: str = "POST"
    path: str = "/"
    query: str = ""


def arrived(clock: ManualClock, body: bytes = b"{}") -> Arrived:
    return Arrived(signed_headers(KEY, "eu.example.com:8000", TARGET, body, clock.now()), body)


def verifier(clock: ManualClock) -> Verifier:
    credential = Credential(KEY.access_key_id, KEY.secret_access_key, "peer")
    return Verifier({KEY.access_key_id: credential}, clock, "us-east-1")


def test_what_is_signed_is_verified() -> None:
    clock = ManualClock()

    identity = verifier(clock).authenticate(arrived(clock), "dynamodb")

    assert (identity.access_key, identity.region) == ("PAIR", "eu-west-1")


@pytest.mark.parametrize("spoiled", ["body", "x-amz-target", "host"])
def test_what_is_changed_on_the_way_is_not(spoiled: str) -> None:
    clock = ManualClock()
    request = arrived(clock)
    if spoiled == "body":
        request.signed_body = b"[]"
    else:
        request.headers[spoiled] += "x"

    with pytest.raises(InvalidSignatureException):
        verifier(clock).authenticate(request, "dynamodb")


def test_a_secret_is_not_shown() -> None:
    assert KEY.secret_access_key not in repr(KEY)
