"""Bytes to requests, however they are cut."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.api.message import Request
from headwater.api.reception import HttpSettings, Reception, Refused

STREAM = (
    b"\r\nPOST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A:  2 \r\n"
    b"Content-Length: 4\r\n\r\nbody"
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\none\r\n4\r\n two\r\n0\r\nX-Trailer: t\r\n\r\n"
    b"POST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 2\r\n\r\nok"
    b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
)
REQUESTS = [
    Request(
        "POST",
        "/a%20b",
        "c=d",
        {"host": "h", "x-a": "1,2", "content-length": "4"},
        b"body",
    ),
    Request("GET", "/", "", {"host": "h"}, b""),
    Request("POST", "/c", "", {"host": "h", "transfer-encoding": "chunked"}, b"one two"),
    Request("POST", "/u", "", {"host": "h", "connection": "Upgrade", "content-length": "2"}, b"ok"),
    Request("GET", "/last", "", {"host": "h", "connection": "close"}, b""),
]


def received(*parts, settings=None):
    """The requests delivered from these reads, and the reception afterwards."""
    requests: list[Request] = []
    kept: list[bool] = []

    def deliver(request, keep_alive):
        requests.append(request)
        kept.append(keep_alive)

    reception = Reception(settings or HttpSettings(), deliver)
    for part in parts:
        reception.feed(part)
    return requests, kept, reception


@given(st.sets(st.integers(1, len(STREAM) - 1), max_size=12))
def test_requests_do_not_depend_on_how_the_bytes_are_cut(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[start:end] for start, end in itertools.pairwise(places)]

    requests, kept, reception = received(*parts)

    assert requests == REQUESTS
    assert kept == [True, True, True, True, False]
    assert not reception.is_open
    assert not reception.is_receiving


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(data):
    with contextlib.suppress(Refused):
        received(b"GET / HTTP/1.1\r\n", data, b"\r\n\r\n")


def test_what_follows_the_last_request_is_not_looked_at():
    requests, _, _ = received(STREAM + b"nonsense\r\n\r\n")

    assert requests == REQUESTS


@given(st.integers(1, 40))
def test_head_over_the_limit_is_refused_however_it_is_cut(size):
    data = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: " + b"b" * 200 + b"\r\n\r\n"
    parts = [data[start : start + size] for start in range(0, len(data), size)]

    with pytest.raises(Refused) as refused:
        received(*parts, settings=HttpSettings(header_bytes_max=100))

    assert refused.value.response.status == 431
