"""From a request to the one handler that answers it.

`Dispatcher` finds the operation (by target, or by path for Lambda), has the caller authenticated
and the body checked, calls the handler, and puts what it returns or raises into the protocol's
form. AWS's order of checks: method and content type, JSON, target, authentication, types,
constraints; only then the handler. It knows neither sockets nor what any operation does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import structlog

from headwater.api import shapes
from headwater.api.message import Request, Response
from headwater.api.reply import (
    Reply,
    RequestIds,
    json_error,
    json_response,
    page,
    rest_error,
    rest_response,
)
from headwater.api.routes import Router, gathered
from headwater.api.shapes import Input, Operation
from headwater.clock import Chance
from headwater.errors import (
    InternalServerError,
    RequestEntityTooLargeException,
    SerializationException,
    ServiceError,
    ServiceException,
    UnknownOperationException,
)
from headwater.limits import request_body_bytes_max

_TARGETS: Final = {
    "dynamodb": "DynamoDB_20120810.",
    "dynamodbstreams": "DynamoDBStreams_20120810.",
    "headwater": "Headwater_20261123.",
}
_JSON_TYPES: Final = frozenset({"application/x-amz-json-1.0", "application/json"})
_UNKNOWN: Final = "<UnknownOperationException/>\n"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is asked.

    service: dynamodb, dynamodbstreams, lambda or headwater.
    caller: the access key, or None for one who signed nothing.
    input: checked; for Lambda with the path's, the query's and the headers' members.
    raw: the request's body.
    """

    service: str
    operation: str
    region: str
    caller: str | None
    input: Input
    request_id: str
    raw: bytes


Handler = Callable[[Call], Awaitable[Reply]]


class Identity(Protocol):
    """Who asks, and for which region; None where the request does not say."""

    @property
    def region(self) -> str | None: ...

    @property
    def access_key(self) -> str | None: ...


class Authenticate(Protocol):
    """Says who signed a request for a service (`dynamodb` or `lambda`), or raises ServiceError."""

    def __call__(self, request: Request, service: str, /) -> Identity: ...


@dataclass(frozen=True, slots=True)
class OwnOperation:
    """An operation of ours, which no model of AWS knows: it brings its own check.

    check: returns the input, or raises ServiceError.
    """

    check: Callable[[Input], Input]
    handler: Handler


@dataclass(frozen=True, slots=True)
class _Route:
    service: str
    operation: str
    check: Callable[[Input], Input]
    handler: Handler


class Dispatcher:
    """Answers requests by the handlers it is given.

    handlers: by service and AWS's name of the operation; for what is missing the answer is that
        Headwater does not support it.
    own: operations of target Headwater_20261123, by name.
    region: of requests which name none.
    """

    def __init__(
        self,
        handlers: Mapping[tuple[str, str], Handler],
        own: Mapping[str, OwnOperation],
        authenticate: Authenticate,
        chance: Chance,
        region: str,
    ) -> None:
        self._authenticate = authenticate
        self._chance = chance
        self._region = region
        self._ids = RequestIds(chance)
        self._handlers = handlers
        self._lambda = shapes.load("lambda")
        self._router = Router(self._lambda.operations.values())
        self._routes = _routes(handlers, own)

    async def dispatch(self, request: Request) -> Response:
        """Answer one request. Whatever goes wrong is an answer too; nothing is raised."""
        if request.path != "/":
            return await self._rest(request)
        headers = request.headers
        if request.method != "POST" or not _is_json(headers.get("content-type", "")):
            return self._front_page(request)
        request_id = self._ids.draw()
        target = headers.get("x-amz-target", "")
        try:
            body = _parsed(request.body)
            route = self._routes.get(target)
            if route is None:
                raise UnknownOperationException  # noqa: TRY301 - one place makes errors replies
            identity = self._authenticate(request, "dynamodb")
            reply = await route.handler(
                Call(
                    route.service,
                    route.operation,
                    identity.region or self._region,
                    identity.access_key,
                    route.check(body),
                    request_id,
                    request.body,
                )
            )
        except ServiceError as error:
            reply = json_error(error)
        except Exception as error:  # noqa: BLE001 - the boundary: a fault is logged and told as one
            reply = json_error(InternalServerError(_logged(error, target, request_id)))
        return json_response(reply, request_id, headers.get("accept-encoding"))

    async def _rest(self, request: Request) -> Response:
        """Answer one of Lambda's requests."""
        request_id = self._chance.uuid()
        found = self._router.match(request.method, request.path, request.query)
        if found is None:
            return page(404, _UNKNOWN, request_id)
        operation, parameters = found
        try:
            handler = self._handlers.get(("lambda", operation.name))
            if handler is None:
                raise _not_supported(operation.name)  # noqa: TRY301 - as above
            identity = self._authenticate(request, "lambda")
            reply = await handler(
                Call(
                    "lambda",
                    operation.name,
                    identity.region or self._region,
                    identity.access_key,
                    operation.check(gathered(operation, parameters, request)),
                    request_id,
                    request.body,
                )
            )
        except ServiceError as error:
            reply = rest_error(error, self._lambda.error_status)
        except Exception as error:  # noqa: BLE001 - the boundary, as above
            told = ServiceException(_logged(error, operation.name, request_id))
            reply = rest_error(told, self._lambda.error_status)
        return rest_response(reply, request_id, operation.status)

    def _front_page(self, request: Request) -> Response:
        """What DynamoDB's front end says to what is no call of an operation."""
        if request.method == "GET":
            return page(200, f"healthy: dynamodb.{self._region}.amazonaws.com ", self._ids.draw())
        return page(404, _UNKNOWN, self._ids.draw())


def _routes(
    handlers: Mapping[tuple[str, str], Handler], own: Mapping[str, OwnOperation]
) -> dict[str, _Route]:
    """Every target of the JSON protocol, by its whole name."""
    routes = {}
    for service in ("dynamodb", "dynamodbstreams"):
        for operation in shapes.load(service).operations.values():
            routes[_TARGETS[service] + operation.name] = _route(operation, handlers)
    for name, each in own.items():
        routes[_TARGETS["headwater"] + name] = _Route("headwater", name, each.check, each.handler)
    for service, name in handlers:
        assert name in shapes.load(service).operations, f"no operation {service} {name}"
    return routes


def _route(operation: Operation, handlers: Mapping[tuple[str, str], Handler]) -> _Route:
    handler = handlers.get((operation.service, operation.name))
    if handler is None:  # its body is not worth checking
        return _Route(operation.service, operation.name, lambda body: body, _unsupported)
    return _Route(operation.service, operation.name, operation.check, handler)


async def _unsupported(call: Call) -> Reply:
    raise _not_supported(call.operation)


def _not_supported(operation: str) -> UnknownOperationException:
    return UnknownOperationException(f"The operation {operation} is not supported by Headwater")


def _is_json(content_type: str) -> bool:
    return (
        content_type in _JSON_TYPES or content_type.partition(";")[0].strip().lower() in _JSON_TYPES
    )


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


def _logged(error: Exception, operation: str, request_id: str) -> str:
    """Log a fault of ours; what the client is told names only where to look."""
    _log.error("operation failed", operation=operation, request_id=request_id, exc_info=error)
    return f"Internal server error; the server's log has it under request id {request_id}"
