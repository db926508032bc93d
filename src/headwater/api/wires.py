"""The protocols by which operations are called at the root path, told by their content types.

DynamoDB, its streams, SQS and our own speak JSON 1.0; Kinesis JSON 1.1, or CBOR. They differ in
the form of bodies, in the headers of answers, and in how an error is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from headwater.api import cbor
from headwater.api.message import Response
from headwater.api.reply import Reply, json_error, json_response
from headwater.errors import (
    InternalFailureException,
    InternalServerError,
    RequestEntityTooLargeException,
    SerializationException,
    ServiceError,
)
from headwater.limits import request_body_bytes_max

KINESIS: Final = "Kinesis_20131202."
_JSON_TYPES: Final = frozenset({"application/x-amz-json-1.0", "application/json"})
_JSON_1_1_TYPES: Final = frozenset({"application/x-amz-json-1.1", "application/json"})
_CBOR_TYPE: Final = "application/x-amz-cbor-1.1"

Input = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol. parse: a request's body; raises ServiceError if it is none.

    respond: an answer, with the request's id and what encodings the client accepts.
    """

    parse: Callable[[bytes], Input]
    error: Callable[[ServiceError], Reply]
    respond: Callable[[Reply, str, str | None], Response]


def wire_of(content_type: str, target: str) -> Wire | None:
    """The protocol of a request; None if it is none that the target's service speaks."""
    if content_type in _JSON_TYPES and not target.startswith(KINESIS):
        return JSON
    plain = content_type.partition(";")[0].strip().lower()
    if not target.startswith(KINESIS):
        return JSON if plain in _JSON_TYPES else None
    if plain == _CBOR_TYPE:
        return CBOR
    return JSON_1_1 if plain in _JSON_1_1_TYPES else None


def _parsed(body: bytes) -> Input:
    """The body's JSON object. AWS gives no text for a body that is none."""
    if len(body) > request_body_bytes_max:
        raise RequestEntityTooLargeException
    try:
        content: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SerializationException from None
    if type(content) is not dict:
        raise SerializationException
    return content


def _parsed_cbor(body: bytes) -> Input:
    if len(body) > request_body_bytes_max:
        raise RequestEntityTooLargeException
    try:
        content = cbor.loads(body)
    except cbor.NotCbor:
        raise SerializationException from None
    if type(content) is not dict:
        raise SerializationException
    return content


def _plain_error(error: ServiceError) -> Reply:
    """An error under its code alone."""
    code = error.code
    if isinstance(error, InternalServerError):
        code = InternalFailureException.__name__
    body = {"__type": code}
    if error.message is not None:
        body["message"] = error.message
    return Reply.json(body, error.status)


def _json_1_1_response(reply: Reply, request_id: str, _accepted: str | None) -> Response:
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", request_id)]
    return Response(reply.status or 200, headers, reply.body)


def _cbor_response(reply: Reply, request_id: str, _accepted: str | None) -> Response:
    headers = [("Content-Type", _CBOR_TYPE), ("x-amzn-RequestId", request_id)]
    body = cbor.dumps(orjson.loads(reply.body)) if reply.body else b""
    return Response(reply.status or 200, headers, body)


JSON: Final = Wire(_parsed, json_error, json_response)
JSON_1_1: Final = Wire(_parsed, _plain_error, _json_1_1_response)
CBOR: Final = Wire(_parsed_cbor, _plain_error, _cbor_response)
