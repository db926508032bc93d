"""Responses as bytes, and compressed bodies."""

import gzip

import pytest

from headwater.api.message import (
    CLOSE,
    UNSAID,
    BadEncoding,
    Request,
    Response,
    decoded_body,
    response_head,
)


def test_head_has_status_headers_and_length_in_order():
    head = response_head(Response(200, [("content-type", "a/b"), ("x-c", "d")], b"body"), CLOSE)

    assert head == (
        b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\nx-c: d\r\ncontent-length: 4\r\n"
        b"connection: close\r\n\r\n"
    )


def test_empty_body_has_a_length():
    assert response_head(Response(200, [], b""), UNSAID).endswith(b"content-length: 0\r\n\r\n")


def test_no_content_has_no_length():
    assert response_head(Response(204, [], b""), UNSAID) == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_status_without_a_name_is_written():
    assert response_head(Response(299, [], b""), UNSAID).startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "\u20ac"])
def test_header_that_no_line_can_carry_is_refused(value):
    with pytest.raises(ValueError, match=r"line break|encode"):
        response_head(Response(200, [("x", value)], b""), UNSAID)


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize("name", ["gzip", "GZIP", " x-gzip "])
def test_gzip_is_unpacked(name):
    assert decoded_body(packed(b"body"), name, 4) == b"body"


def test_identity_is_left_alone():
    assert decoded_body(b"body", "identity", 4) == b"body"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"body", "br", 415),
        (b"body", "gzip, gzip", 415),
        (b"body", "gzip", 400),
        (packed(b"body")[:-1], "gzip", 400),
        (packed(b"body") + b"more", "gzip", 400),
        (packed(b"body!"), "gzip", 413),
        (packed(b"bod") + packed(b"y!"), "gzip", 413),
    ],
)
def test_body_that_cannot_be_unpacked_is_refused(body, encoding, status):
    with pytest.raises(BadEncoding) as refused:
        decoded_body(body, encoding, 4)

    assert refused.value.status == status


def test_signature_covers_what_was_sent():
    plain = Request("POST", "/", "", {}, b"body")
    packed = Request("POST", "/", "", {}, b"body", b"sent")

    assert (plain.signed_body, packed.signed_body) == (b"body", b"sent")
