"""Signatures: botocore's signer is the reference for right ones; wrong ones get AWS's texts."""

import calendar
import time
from dataclasses import replace
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from headwater.api.message import Request
from headwater.auth.credentials import Credential
from headwater.auth.signature import Identity, Verifier
from headwater.clock import ManualClock
from headwater.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    ServiceError,
    UnrecognizedClientException,
)

SECRET = "hush/+"
CREDENTIALS = {"AKID": Credential("AKID", SECRET, "orders")}
MISMATCH = "The request signature we calculated does not match the signature you provided."


def signed(method="POST", path="/", query="", headers=(), body=b"{}", service="dynamodb"):
    """A request as botocore signs it and as the edge would hand it on; and when that was."""
    url = f"http://127.0.0.1:8000{path}" + (f"?{query}" if query else "")
    sent = AWSRequest(method, url, data=body)
    for name, value in headers:
        sent.headers.add_header(name, value)
    credentials = BotocoreCredentials("AKID", SECRET, "token")
    botocore.auth.SigV4Auth(credentials, service, "eu-west-1").add_auth(sent)
    received = {"host": "127.0.0.1:8000"}
    for name, value in sent.headers.items():
        key, text = name.lower(), value.strip(" \t")
        received[key] = f"{received[key]},{text}" if key in received else text
    parts = urlsplit(url)
    request = Request(method, parts.path, parts.query, received, body)
    return request, seconds_of(sent.context["timestamp"])


def seconds_of(stamp):
    return float(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")))


def verifier(now, credentials=CREDENTIALS):
    return Verifier(credentials, ManualClock(now), "us-east-1")


def refusal(request, now, service="dynamodb", credentials=CREDENTIALS):
    with pytest.raises(ServiceError) as refused:
        verifier(now, credentials).authenticate(request, service)
    return refused.value


def with_header(request, name, value):
    return replace(request, headers={**request.headers, name: value})


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).map(lambda name: f"X-Z{name}")
encoded = st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "replace"), safe="-_.~"))
dots = st.sampled_from([".", "..", ""])


def requests(segments=encoded):
    parts = {
        "method": st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        "path": st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts)),
        "query": st.lists(st.tuples(encoded, encoded), max_size=3).map(
            lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
        ),
        "headers": st.lists(st.tuples(names, printable), max_size=3),
        "body": st.binary(max_size=100),
        "service": st.sampled_from(["dynamodb", "lambda"]),
    }
    return st.fixed_dictionaries(parts)


@given(requests(encoded | dots))
def test_what_botocore_signs_is_accepted(parts):
    request, now = signed(**parts)

    identity = verifier(now).authenticate(request, parts["service"])

    assert identity == Identity("eu-west-1", "AKID", "orders")


@given(requests(encoded | dots))
def test_what_botocore_signs_is_accepted_again(parts):
    request, now = signed(**parts)
    subject = verifier(now)

    first = subject.authenticate(request, parts["service"])

    assert subject.authenticate(request, parts["service"]) == first


def changed(text, position):
    """The text with one character another."""
    letter = "Q" if text[position] != "Q" else "Z"
    return text[:position] + letter + text[position + 1 :]


@given(requests(), st.data())
def test_any_change_of_one_character_is_refused(parts, data):
    request, now = signed(**parts)
    subject = verifier(now)
    subject.authenticate(request, parts["service"])
    listed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    places = [("method", ""), ("path", ""), ("query", "")]
    places += [("header", name) for name in [*listed, "authorization"]]
    place, name = data.draw(st.sampled_from(places))
    text = request.headers[name] if name else getattr(request, place)
    # Blanks in headers are folded before they are signed, and every path starts with a slash.
    positions = [index for index, letter in enumerate(text) if not letter.isspace()]
    positions = positions[1:] if place == "path" else positions
    if name == "authorization":
        # Blanks, and the words of the header's grammar, carry nothing that could be forged.
        positions = positions[-64:]
    if positions:
        text = changed(text, data.draw(st.sampled_from(positions)))
        forged = with_header(request, name, text) if name else replace(request, **{place: text})

        with pytest.raises(ServiceError):
            subject.authenticate(forged, parts["service"])


@given(st.binary(min_size=1, max_size=50), st.data())
def test_any_change_of_the_body_is_refused(body, data):
    request, now = signed(body=body)
    index = data.draw(st.integers(0, len(body) - 1))
    forged = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]

    error = refusal(replace(request, body=forged), now)

    assert isinstance(error, InvalidSignatureException)


def test_signature_covers_a_compressed_body_as_it_was_sent():
    request, now = signed(body=b"compressed")
    received = replace(request, body=b"plain", encoded_body=b"compressed")

    assert verifier(now).authenticate(received, "dynamodb").access_key == "AKID"


def test_another_secret_is_refused():
    request, now = signed()

    error = refusal(request, now, credentials={"AKID": Credential("AKID", "other", "n")})

    assert isinstance(error, InvalidSignatureException)
    assert error.message is not None
    assert error.message.startswith(MISMATCH)


def test_unknown_access_key_is_refused():
    request, now = signed()

    error = refusal(request, now, credentials={"OTHER": Credential("OTHER", SECRET, "n")})

    assert isinstance(error, UnrecognizedClientException)
    assert error.message == "The security token included in the request is invalid."


def test_unsigned_payload_is_accepted_when_that_is_signed():
    request, now = signed(headers=[("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")])

    identity = verifier(now).authenticate(replace(request, body=b"other"), "dynamodb")

    assert identity.access_key == "AKID"


def test_unsigned_payload_that_is_not_signed_is_refused():
    request, now = signed()
    forged = with_header(request, "x-amz-content-sha256", "UNSIGNED-PAYLOAD")

    error = refusal(replace(forged, body=b"other"), now)

    assert isinstance(error, InvalidSignatureException)


def test_signed_hash_of_another_body_is_refused():
    request, now = signed(headers=[("X-Amz-Content-SHA256", "0" * 64)])

    assert isinstance(refusal(request, now), InvalidSignatureException)


def test_date_header_serves_where_the_amazon_one_is_absent():
    request, now = signed(headers=[("Date", "botocore puts the right one")])

    identity = verifier(now).authenticate(request, "dynamodb")

    assert "x-amz-date" not in request.headers
    assert identity.access_key == "AKID"


@pytest.mark.parametrize("skew", [-900, 0, 900])
def test_clocks_may_differ_by_a_quarter_of_an_hour(skew):
    request, now = signed()

    assert verifier(now + skew).authenticate(request, "dynamodb").access_key == "AKID"


def stamped(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def test_old_signature_is_refused():
    request, now = signed()

    error = refusal(request, now + 901)

    assert isinstance(error, InvalidSignatureException)
    assert error.message == (
        f"Signature expired: {stamped(now)} is now earlier than {stamped(now + 1)} "
        f"({stamped(now + 901)} - 15 min.)"
    )


def test_signature_of_the_future_is_refused():
    request, now = signed()

    error = refusal(request, now - 901)

    assert isinstance(error, InvalidSignatureException)
    assert error.message == (
        f"Signature not yet current: {stamped(now)} is still later than {stamped(now - 1)} "
        f"({stamped(now - 901)} + 15 min.)"
    )


def test_signature_is_checked_for_age_also_when_its_client_is_known():
    request, now = signed()
    clock = ManualClock(now)
    subject = Verifier(CREDENTIALS, clock, "us-east-1")
    subject.authenticate(request, "dynamodb")

    clock.advance(901)

    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        subject.authenticate(request, "dynamodb")


def test_request_without_signature_is_refused():
    error = refusal(Request("POST", "/", "", {"host": "h"}, b""), 0.0)

    assert isinstance(error, MissingAuthenticationTokenException)
    assert error.message == "Request is missing Authentication Token"


def test_other_kind_of_authorization_is_refused():
    headers = {"host": "h", "authorization": "Basic abc"}

    error = refusal(Request("POST", "/", "", headers, b""), 0.0)

    assert isinstance(error, MissingAuthenticationTokenException)


def test_incomplete_header_is_told_all_that_it_lacks():
    headers = {"host": "h", "authorization": "AWS4-HMAC-SHA256 x"}

    error = refusal(Request("POST", "/", "", headers, b""), 0.0)

    assert isinstance(error, IncompleteSignatureException)
    assert error.message == (
        "Authorization header requires 'Credential' parameter. "
        "Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "Authorization=AWS4-HMAC-SHA256 x"
    )


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("/dynamodb/", "/lambda/", "InvalidSignatureException", "Credential should be scoped to c"),
        ("/eu-west-1/", "/EU_west/", "InvalidSignatureException", "Credential should be scoped to"),
        ("aws4_request", "aws3", "InvalidSignatureException", "Credential should be scoped with a"),
        ("AKID/", "AK/ID/", "IncompleteSignatureException", "Credential must have exactly 5 slash"),
        ("AKID/2", "AKID/1", "InvalidSignatureException", "Date in Credential scope does not mat"),
        ("host;", "hosts;", "InvalidSignatureException", "'Host' or ':authority' must be a 'Signe"),
        ("HMAC-SHA256", "ECDSA", "IncompleteSignatureException", "Unsupported AWS 'algorithm': 'A"),
        ("host;", "host;absent;", "InvalidSignatureException", MISMATCH),
        ("Signature=", "Signature=é", "InvalidSignatureException", MISMATCH),
        ("Signature=", "Signature=A", "InvalidSignatureException", MISMATCH),
    ],
)
def test_wrong_part_of_the_header_is_named(old, new, code, message):
    request, now = signed()
    forged = request.headers["authorization"].replace(old, new)

    error = refusal(with_header(request, "authorization", forged), now)

    assert error.code == code
    assert error.message is not None
    assert error.message.startswith(message)


@pytest.mark.parametrize("date", ["", "yesterday", "2026-01-01T00:00:00Z", "20261301T000000Z"])
def test_date_that_cannot_be_read_is_refused(date):
    request, now = signed()

    error = refusal(with_header(request, "x-amz-date", date), now)

    assert isinstance(error, IncompleteSignatureException)


def test_target_that_is_not_signed_is_refused():
    request, now = signed()
    forged = with_header(request, "x-amz-target", "DynamoDB_20120810.DeleteTable")

    error = refusal(forged, now)

    assert isinstance(error, InvalidSignatureException)


def test_signature_before_the_list_of_headers_is_accepted():
    request, now = signed()
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    turned = f"{algorithm} {','.join(reversed(rest.split(', ')))}"

    identity = verifier(now).authenticate(with_header(request, "authorization", turned), "dynamodb")

    assert identity.access_key == "AKID"


@pytest.mark.parametrize("credentials", [None, CREDENTIALS])
def test_signature_in_the_query_is_refused(credentials):
    request = Request("GET", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", {}, b"")

    error = refusal(request, 0.0, credentials=credentials)

    assert isinstance(error, IncompleteSignatureException)
    assert error.message is not None
    assert "query string" in error.message


def test_two_signatures_are_refused():
    request, now = signed(query="X-Amz-Algorithm=x")

    error = refusal(request, now)

    assert isinstance(error, InvalidSignatureException)


def test_open_server_takes_any_signature_and_reads_its_region():
    request, now = signed()
    forged = replace(request, body=b"other")

    identity = verifier(now + 9999, None).authenticate(forged, "lambda")

    assert identity == Identity("eu-west-1", "AKID", "AKID")


@pytest.mark.parametrize("text", ["", "x", "AWS4-HMAC-SHA256 Credential=A/d/R_1/s/t, Signature="])
def test_open_server_takes_its_own_region_where_none_can_be_read(text):
    request = Request("POST", "/", "", {"authorization": text}, b"")

    identity = verifier(0.0, None).authenticate(request, "dynamodb")

    assert identity == Identity("us-east-1", None, "")


def test_many_strangers_do_not_grow_the_memory():
    subject = verifier(0.0, None)
    for number in range(3000):
        text = f"AWS4-HMAC-SHA256 Credential=A{number}/d/eu-west-1/s/t, Signature="
        subject.authenticate(Request("POST", "/", "", {"authorization": text}, b""), "dynamodb")

    assert len(subject._identities) <= 1024
