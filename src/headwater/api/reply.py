"""Answers and errors, as the two protocols put them on the wire.

A handler's `Reply` becomes a `Response`: request id, checksum and compression for DynamoDB's JSON,
the plainer form of Lambda's REST. A `ServiceError` becomes the body each protocol has for it.

A DynamoDB body of at least 4 KB is gzipped for a client that accepts it: at level 1 a page shrinks
to a fraction, while small answers would only cost time. Lambda's answers are never compressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson
from isal import isal_zlib

from headwater.api.message import Response
from headwater.clock import Chance
from headwater.errors import CORAL, SQS, VALIDATE, ServiceError
from headwater.limits import response_gzip_bytes_min

_JSON_1_0: Final = ("Content-Type", "application/x-amz-json-1.0")
_JSON: Final = ("Content-Type", "application/json")
_TEXT: Final = ("Content-Type", "text/plain")
_GZIP: Final = ("Content-Encoding", "gzip")
_GZIP_WINDOW: Final = 31  # the way to say: a gzip header and trailer, the largest window
_ID_LENGTH: Final = 52
_IDS_AT_ONCE: Final = 256
_ID_ALPHABET: Final = bytes(b"0123456789ABCDEFGHIJKLMNOPQRSTUV"[code & 31] for code in range(256))
# Where Lambda's status differs from DynamoDB's for an error no model lists.
_REST_STATUS: Final = {
    "AccessDeniedException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "ThrottlingException": 429,
}

Headers = tuple[tuple[str, str], ...]


class Reply(NamedTuple):
    """What a handler answers. A tuple, as every request makes one.

    status: None is the operation's own status of success.
    headers: beside those every answer has.
    """

    body: bytes
    status: int | None = None
    headers: Headers = ()

    @staticmethod
    def json(content: Any, status: int | None = None, headers: Headers = ()) -> Reply:
        """An object as JSON."""
        return Reply(orjson.dumps(content), status, headers)


class RequestIds:
    """Ids as DynamoDB gives them: 52 characters, drawn many at a time."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._drawn: list[str] = []

    def draw(self) -> str:
        if not self._drawn:
            token = self._chance.token(_ID_LENGTH * _IDS_AT_ONCE).translate(_ID_ALPHABET).decode()
            self._drawn = [
                token[start : start + _ID_LENGTH] for start in range(0, len(token), _ID_LENGTH)
            ]
        return self._drawn.pop()


def json_response(reply: Reply, request_id: str, accept_encoding: str | None) -> Response:
    """A reply in DynamoDB's protocol; the checksum is of the bytes as sent."""
    body = reply.body
    headers = [_JSON_1_0, *reply.headers]
    if len(body) >= response_gzip_bytes_min and accepts_gzip(accept_encoding):
        body = _gzip(body)
        headers.append(_GZIP)
    headers += (("x-amzn-RequestId", request_id), ("x-amz-crc32", str(isal_zlib.crc32(body))))
    return Response(reply.status or 200, headers, body)


def rest_response(reply: Reply, request_id: str, status: int) -> Response:
    """A reply in Lambda's protocol; status is the operation's own."""
    headers = [("x-amzn-RequestId", request_id), *reply.headers]
    status = reply.status or status
    if status == HTTPStatus.NO_CONTENT:
        return Response(status, headers, b"")
    if not _has_content_type(reply.headers):
        headers.append(_JSON)
    return Response(status, headers, reply.body)


def _has_content_type(headers: Headers) -> bool:
    return any(name.lower() == "content-type" for name, _ in headers)


def page(status: int, text: str, request_id: str) -> Response:
    """What is answered outside both protocols, as DynamoDB's front end does."""
    body = text.encode()
    checksum = ("x-amz-crc32", str(isal_zlib.crc32(body)))
    return Response(status, [_TEXT, ("x-amzn-RequestId", request_id), checksum], body)


def json_error(error: ServiceError) -> Reply:
    """An error in DynamoDB's protocol."""
    body: dict[str, object] = {"__type": f"{error.namespace}#{error.code}"}
    if error.message is not None:
        body[error.message_member] = error.message
    body.update(error.members)
    headers: Headers = ()
    if error.namespace == SQS:  # SDKs go on showing the codes of its older protocol
        headers = (("x-amzn-query-error", f"{error.query_code or error.code};Sender"),)
    return Reply.json(body, error.status, headers)


def rest_error(error: ServiceError, error_status: Mapping[str, int]) -> Reply:
    """An error in Lambda's protocol; error_status is the model's. `Type` says whose fault it is.

    Errors of the front end, which no model lists, have no Type.
    """
    code = error.code
    status = error_status.get(code) or _REST_STATUS.get(code) or error.status
    body: dict[str, object] = {}
    if error.namespace not in (CORAL, VALIDATE):
        body["Type"] = "User" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Service"
    if error.message is not None:
        body[error.message_member] = error.message
    body.update(error.members)
    return Reply.json(body, status, (("x-amzn-ErrorType", code),))


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Does the header name gzip, and not only to refuse it?"""
    if not accept_encoding:
        return False
    for choice in accept_encoding.lower().split(","):
        name, _, weight = choice.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _gzip(body: bytes) -> bytes:
    packer = isal_zlib.compressobj(1, wbits=_GZIP_WINDOW)
    return packer.compress(body) + packer.flush()
