"""Answers and errors as both protocols put them on the wire."""

from __future__ import annotations

import gzip
import zlib

import orjson
import pytest

from headwater.api import shapes
from headwater.api.reply import (
    Reply,
    RequestIds,
    accepts_gzip,
    json_error,
    json_response,
    rest_error,
    rest_response,
)
from headwater.clock import SeededChance
from headwater.errors import (
    ConditionalCheckFailedException,
    InternalServerError,
    InvalidParameterValueException,
    ResourceNotFoundException,
    SerializationException,
    ServiceError,
    ServiceException,
    TooManyRequestsException,
    TransactionCanceledException,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationException,
)
from headwater.limits import response_gzip_bytes_min

LAMBDA = shapes.load("lambda").error_status
LARGE = b'"' + b"a" * response_gzip_bytes_min + b'"'


def told(error: ServiceError) -> tuple[int | None, object]:
    reply = json_error(error)
    return reply.status, orjson.loads(reply.body)


def told_by_lambda(error: ServiceError) -> tuple[int | None, object]:
    reply = rest_error(error, LAMBDA)
    assert reply.headers == (("x-amzn-ErrorType", error.code),)
    return reply.status, orjson.loads(reply.body)


def test_request_ids_have_the_form_of_dynamodbs():
    ids = RequestIds(SeededChance(1))

    drawn = [ids.draw() for _ in range(1000)]

    assert len(set(drawn)) == 1000
    assert all(len(each) == 52 and each.isalnum() and each.upper() == each for each in drawn)


def test_json_answer_has_id_checksum_and_type():
    response = json_response(Reply.json({"a": 1}), "ID", None)

    assert response.status == 200
    assert response.body == b'{"a":1}'
    assert response.headers == [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-RequestId", "ID"),
        ("x-amz-crc32", str(zlib.crc32(b'{"a":1}'))),
    ]


def test_large_answer_is_compressed_and_the_checksum_is_of_what_is_sent():
    response = json_response(Reply(LARGE), "ID", "gzip, deflate")
    headers = dict(response.headers)

    assert gzip.decompress(response.body) == LARGE
    assert headers["Content-Encoding"] == "gzip"
    assert headers["x-amz-crc32"] == str(zlib.crc32(response.body))


@pytest.mark.parametrize(
    ("body", "accepted"), [(LARGE, None), (LARGE, "identity"), (LARGE[:1000], "gzip")]
)
def test_answer_is_sent_plain_when_small_or_not_accepted(body, accepted):
    response = json_response(Reply(body), "ID", accepted)

    assert response.body == body
    assert "Content-Encoding" not in dict(response.headers)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("", False),
        (None, False),
    ],
)
def test_accept_encoding_is_understood(header, accepted):
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            ValidationException("bad"),
            400,
            {"__type": "com.amazon.coral.validate#ValidationException", "message": "bad"},
        ),
        (
            SerializationException("NUMBER_VALUE cannot be converted to String"),
            400,
            {
                "__type": "com.amazon.coral.service#SerializationException",
                "Message": "NUMBER_VALUE cannot be converted to String",
            },
        ),
        (
            SerializationException(),
            400,
            {"__type": "com.amazon.coral.service#SerializationException"},
        ),
        (
            UnknownOperationException(),
            400,
            {"__type": "com.amazon.coral.service#UnknownOperationException"},
        ),
        (
            ConditionalCheckFailedException(members={"Item": {"pk": {"S": "a"}}}),
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": {"pk": {"S": "a"}},
            },
        ),
        (
            TransactionCanceledException("no", {"CancellationReasons": [{"Code": "None"}]}),
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "no",
                "CancellationReasons": [{"Code": "None"}],
            },
        ),
        (
            InternalServerError("oh"),
            500,
            {"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "oh"},
        ),
    ],
)
def test_error_in_dynamodbs_form(error, status, body):
    assert told(error) == (status, body)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (InvalidParameterValueException("no"), 400, {"Type": "User", "message": "no"}),
        (ResourceNotFoundException("gone"), 404, {"Type": "User", "message": "gone"}),
        (
            TooManyRequestsException(members={"Reason": "CallerRateLimitExceeded"}),
            429,
            {"Type": "User", "message": "Rate Exceeded.", "Reason": "CallerRateLimitExceeded"},
        ),
        (ServiceException("oh"), 500, {"Type": "Service", "message": "oh"}),
        (ValidationException("bad"), 400, {"message": "bad"}),
        (
            UnrecognizedClientException(),
            403,
            {"message": "The security token included in the request is invalid."},
        ),
    ],
)
def test_error_in_lambdas_form(error, status, body):
    assert told_by_lambda(error) == (status, body)


def test_rest_answer_takes_the_operations_status():
    response = rest_response(Reply.json({}), "ID", 202)

    assert response.status == 202
    assert ("Content-Type", "application/json") in response.headers


def test_rest_answer_keeps_the_handlers_status_and_headers():
    reply = Reply.json({}, 207, (("content-type", "text/x"), ("X-Amz-Executed-Version", "1")))

    response = rest_response(reply, "ID", 200)

    assert response.status == 207
    assert response.headers == [
        ("x-amzn-RequestId", "ID"),
        ("content-type", "text/x"),
        ("X-Amz-Executed-Version", "1"),
    ]


def test_rest_answer_without_content_has_neither_body_nor_type():
    response = rest_response(Reply.json({}), "ID", 204)

    assert response.body == b""
    assert response.headers == [("x-amzn-RequestId", "ID")]
