"""Spoiled requests of every operation against a real server.

Whatever is asked, the answer is one: no fault of the server, an error in the protocol's form where
it is refused, and nothing changed by what was refused. `make fuzz` asks many more.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mutations import spoiled, spoiled_bytes
from tests.server_process import ServerProcess
from tests.valid_requests import (
    FUNCTION,
    FUNCTIONS,
    MAPPINGS,
    TABLE,
    Asked,
    Place,
    function_definition,
    mapping_definition,
    table_definition,
    valid_requests,
)

TABLES: Final = "DynamoDB_20120810."
STREAMS: Final = "DynamoDBStreams_20120810."
REFUSED: Final = 400
FAULT: Final = 500
ODD_HEADERS: Final[tuple[dict[str, str], ...]] = (
    {"X-Amz-Target": TABLES},
    {"X-Amz-Target": ""},
    {"Content-Type": "text/plain"},
    {"Content-Encoding": "gzip"},
    {"Accept-Encoding": "gzip;q=x"},
    {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=, Signature="},
    {"Authorization": "Basic YTpi"},
)
ODD_ENDS: Final = (
    "/",
    "?Qualifier=1",
    "?Qualifier=%ff",
    "%00",
    "%2f..",
    "?MaxItems=-1",
    "?Marker=\u00e9",
)

# How many there are is known only once a server runs; an index beyond the end wraps around.
choices = st.integers(0, 1000)


class Caller:
    """Sends requests on one connection, and knows what the table held after the last."""

    def __init__(self, endpoint: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=20)
        self.requests: list[Asked] = []
        self._content = b""

    def prepare(self) -> None:
        """Make what the requests are about."""
        definition = {**table_definition(TABLE), "DeletionProtectionEnabled": True}
        table = self._made(TABLES + "CreateTable", definition)["TableDescription"]
        stream = table["LatestStreamArn"]
        while (
            self._made(TABLES + "DescribeTable", {"TableName": TABLE})["Table"]["TableStatus"]
            != "ACTIVE"
        ):
            pass
        described = self._made(STREAMS + "DescribeStream", {"StreamArn": stream})
        shard = described["StreamDescription"]["Shards"][0]["ShardId"]
        iterator = self._made(
            STREAMS + "GetShardIterator",
            {"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"},
        )
        self._made(f"POST {FUNCTIONS}", function_definition(FUNCTION))
        mapping = self._made(f"POST {MAPPINGS}", mapping_definition(stream))
        place = Place(stream, shard, iterator["ShardIterator"], mapping["UUID"])
        self.requests = valid_requests(place)
        self._content = self._table_content()

    def check(self, asked: Asked, data: bytes) -> None:
        """Send a request and hold what the module promises."""
        status, answer = self.send(asked, data)

        assert status < FAULT, (asked.to, answer)
        if status >= REFUSED:
            _check_form(asked, status, answer)
            assert self._table_content() == self._content, "a refused request changed the table"
        else:
            self._content = self._table_content()

    def send(self, asked: Asked, data: bytes) -> tuple[int, bytes]:
        method, _, path = asked.to.partition(" ")
        is_rest = bool(path)
        service = "lambda" if is_rest else "dynamodb"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/{service}/"
            "aws4_request, SignedHeaders=host, Signature=0",
            **({} if is_rest else {"X-Amz-Target": asked.to}),
            "Content-Type": "application/x-amz-json-1.0",
            **asked.headers,
        }
        try:
            self._connection.request(method if is_rest else "POST", path or "/", data, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except Exception:
            self.close()
            raise
        return response.status, answer

    def close(self) -> None:
        self._connection.close()

    def _made(self, to: str, body: Any) -> Any:
        status, answer = self.send(Asked(to), json.dumps(body).encode())
        assert status < REFUSED, (to, answer)
        return json.loads(answer)

    def _table_content(self) -> bytes:
        status, answer = self.send(Asked(TABLES + "Scan"), b'{"TableName":"%b"}' % TABLE.encode())
        assert status < REFUSED, answer
        return answer


def _check_form(asked: Asked, status: int, answer: bytes) -> None:
    if status == http.HTTPStatus.NOT_FOUND and answer.startswith(b"<"):
        return  # no operation at all
    if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not answer.startswith(b"{"):
        return  # the edge reads no such body, so that nobody knows its protocol
    if "Content-Encoding" in asked.headers:
        return  # what cannot be unpacked is refused before its protocol is known
    error = json.loads(answer)
    assert isinstance(error, dict)
    if " " not in asked.to and "Content-Type" not in asked.headers:
        assert "#" in error["__type"], answer


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with ServerProcess.serve("--memory", "--lab", "--transition-seconds", "0") as server:
        caller = Caller(server.endpoint)
        caller.prepare()
        yield caller
        caller.close()
    assert "Traceback" not in server.output.text


def chosen(caller: Caller, choice: int) -> Asked:
    return caller.requests[choice % len(caller.requests)]


slowly = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@slowly
@given(choice=choices, data=st.data())
def test_spoiled_body_is_answered(caller: Caller, choice: int, data: st.DataObject) -> None:
    asked = chosen(caller, choice)
    body = data.draw(spoiled(asked.body))

    caller.check(asked, json.dumps(body).encode())


@slowly
@given(choice=choices, data=st.data())
def test_spoiled_bytes_are_answered(caller: Caller, choice: int, data: st.DataObject) -> None:
    asked = chosen(caller, choice)

    caller.check(asked, data.draw(spoiled_bytes(asked.body)))


@slowly
@given(choice=choices, headers=st.sampled_from(ODD_HEADERS))
def test_odd_headers_are_answered(caller: Caller, choice: int, headers: dict[str, str]) -> None:
    asked = chosen(caller, choice)

    caller.check(
        Asked(asked.to, asked.body, {**asked.headers, **headers}), json.dumps(asked.body).encode()
    )


@given(choice=choices, end=st.sampled_from(ODD_ENDS))
def test_odd_paths_are_answered(caller: Caller, choice: int, end: str) -> None:
    asked = chosen(caller, choice)
    method, _, path = asked.to.partition(" ")
    odd = quote(path + end if path else f"/{end}", safe="/?=&%$")

    caller.check(
        Asked(f"{method if path else 'POST'} {odd}", asked.body, asked.headers),
        json.dumps(asked.body).encode(),
    )
