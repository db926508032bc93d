from __future__ import annotations

import orjson
import pytest

from headwater.api import cbor
from headwater.api.reply import Reply
from headwater.api.wires import CBOR, JSON, JSON_1_1, Wire, wire_of
from headwater.errors import InternalServerError, ResourceNotFoundException, SerializationException

PUT = "DynamoDB_20120810.PutItem"
PUT_RECORD = "Kinesis_20131202.PutRecord"


@pytest.mark.parametrize(
    ("content_type", "target", "wire"),
    [
        ("application/x-amz-json-1.0", PUT, JSON),
        ("application/x-amz-json-1.0; charset=UTF-8", PUT, JSON),
        ("application/x-amz-json-1.1", PUT, None),
        ("application/x-amz-cbor-1.1", PUT, None),
        ("application/x-amz-json-1.1", PUT_RECORD, JSON_1_1),
        ("application/json", PUT_RECORD, JSON_1_1),
        ("application/x-amz-cbor-1.1", PUT_RECORD, CBOR),
        ("application/x-amz-json-1.0", PUT_RECORD, None),
        ("", PUT_RECORD, None),
    ],
)
def test_content_type_and_service_tell_the_protocol(
    content_type: str, target: str, wire: Wire | None
) -> None:
    assert wire_of(content_type, target) is wire


def test_error_of_kinesis_has_its_code_alone() -> None:
    reply = JSON_1_1.error(ResourceNotFoundException("gone"))

    assert orjson.loads(reply.body) == {"__type": "ResourceNotFoundException", "message": "gone"}


def test_fault_of_ours_has_kinesis_name_for_it() -> None:
    reply = CBOR.error(InternalServerError())

    assert (reply.status, orjson.loads(reply.body)["__type"]) == (500, "InternalFailureException")


def test_answer_in_cbor_is_the_one_in_json() -> None:
    response = CBOR.respond(Reply.json({"a": [1]}), "ID", None)

    assert cbor.loads(response.body) == {"a": [1]}
    assert ("Content-Type", "application/x-amz-cbor-1.1") in response.headers


@pytest.mark.parametrize("body", [b"", b"\x01", b"\xff"])
def test_body_that_is_no_map_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException):
        CBOR.parse(body)
