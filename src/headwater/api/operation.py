"""From a request to the one handler that answers it.

`Dispatcher` finds the operation (by target, or by path for Lambda), has the caller authenticated
and the body checked, calls the handler, and puts what it returns or raises into the protocol's
form. AWS's order of checks: method and content type, JSON, target, authentication, types,
constraints; only then the handler. It knows neither sockets nor what any operation does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import structlog

from headwater.api import shapes
from headwater.api.message import Request, Response
from headwater.api.reply import (
    Reply,
    RequestIds,
    page,
    rest_error,
    rest_response,
)
from headwater.api.routes import Router, gathered
from headwater.api.shapes import Input, Operation
from headwater.api.wires import KINESIS, wire_of
from headwater.auth.policy import Policy
from headwater.clock import Chance, Clock
from headwater.errors import (
    InternalServerError,
    ServiceError,
    ServiceException,
    ServiceUnavailable,
    UnknownOperationException,
)
from headwater.storage.engine import Unavailable

_TARGETS: Final = {
    "dynamodb": "DynamoDB_20120810.",
    "dynamodbstreams": "DynamoDBStreams_20120810.",
    "sqs": "AmazonSQS.",
    "kinesis": KINESIS,
    "headwater": "Headwater_20261123.",
}
# The service in the scope of a signature, where it is not DynamoDB.
_SIGNED_FOR: Final = {"sqs": "sqs", "kinesis": "kinesis"}
_UNKNOWN: Final = "<UnknownOperationException/>\n"
_OK: Final = "OK"
_log = structlog.get_logger(__name__)


class Call(NamedTuple):
    """What a handler is asked. A tuple, as every request makes one.

    service: dynamodb, dynamodbstreams, lambda, sqs, kinesis or headwater.
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

    @property
    def name(self) -> str: ...

    @property
    def policy(self) -> Policy | None: ...


class Authenticate(Protocol):
    """Says who signed a request for a service (as the scope names it), or raises ServiceError."""

    def __call__(self, request: Request, service: str, /) -> Identity: ...


class Permit(Protocol):
    """Lets a request through (None), or gives what is to be awaited: it may raise ServiceError."""

    def __call__(
        self, call: Call, identity: Identity, request: Request, /
    ) -> Awaitable[None] | None: ...


@dataclass(frozen=True, slots=True)
class OwnOperation:
    """An operation of ours, which no model of AWS knows: it brings its own check.

    check: returns the input, or raises ServiceError. authenticate: where it is not for clients, who
    it is for.
    """

    check: Callable[[Input], Input]
    handler: Handler
    authenticate: Authenticate | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    service: str
    operation: str
    check: Callable[[Input], Input]
    handler: Handler
    signed_for: str = "dynamodb"
    authenticate: Authenticate | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What a dispatcher stands in.

    region: of requests which name none. note: told the operation, the outcome (`OK` or the code of
    an error) and the seconds of every request that reached an operation. permit: None lets all
    requests through.
    """

    region: str
    chance: Chance
    clock: Clock
    note: Callable[[str, str, float], None]
    permit: Permit | None = None


class Dispatcher:
    """Answers requests by the handlers it is given.

    handlers: by service and AWS's name of the operation; for what is missing the answer is that
        Headwater does not support it.
    own: operations of target Headwater_20261123, by name.
    """

    def __init__(
        self,
        handlers: Mapping[tuple[str, str], Handler],
        own: Mapping[str, OwnOperation],
        authenticate: Authenticate,
        frame: Frame,
    ) -> None:
        self._authenticate = authenticate
        self._chance = frame.chance
        self._region = frame.region
        self._monotonic = frame.clock.monotonic
        self._note = frame.note
        self._permit = frame.permit
        self._ids = RequestIds(frame.chance)
        self._handlers = handlers
        self._lambda = shapes.load("lambda")
        self._router = Router(self._lambda.operations.values())
        self._routes = _routes(handlers, own)

    async def dispatch(self, request: Request) -> Response:
        """Answer one request. Whatever goes wrong is an answer too; nothing is raised."""
        headers = request.headers
        if request.path != "/" and not _is_to_queue(headers):
            return await self._rest(request)
        target = headers.get("x-amz-target", "")
        wire = wire_of(headers.get("content-type", ""), target)
        if request.method != "POST" or wire is None:
            return self._front_page(request)
        began = self._monotonic()
        request_id = self._ids.draw()
        route = self._routes.get(target)
        outcome = _OK
        try:
            body = wire.parse(request.body)
            if route is None:
                raise _unknown(target)  # noqa: TRY301 - one place makes errors replies
            authenticate = route.authenticate or self._authenticate
            identity = authenticate(request, route.signed_for)
            call = Call(
                route.service,
                route.operation,
                identity.region or self._region,
                identity.access_key,
                route.check(body),
                request_id,
                request.body,
            )
            if self._permit is not None:
                leave = self._permit(call, identity, request)
                if leave is not None:
                    await leave
            reply = await route.handler(call)
        except Exception as error:  # noqa: BLE001 - the boundary: a fault is logged and told as one
            told = _told(error, target, request_id)
            outcome = told.code
            reply = wire.error(told)
        if route is not None:
            self._note(route.operation, outcome, self._monotonic() - began)
        return wire.respond(reply, request_id, headers.get("accept-encoding"))

    async def _rest(self, request: Request) -> Response:
        """Answer one of Lambda's requests."""
        began = self._monotonic()
        request_id = self._chance.uuid()
        found = self._router.match(request.method, request.path, request.query)
        if found is None:
            return page(404, _UNKNOWN, request_id)
        operation, parameters = found
        outcome = _OK
        try:
            handler = self._handlers.get(("lambda", operation.name))
            if handler is None:
                raise _not_supported(operation.name)  # noqa: TRY301 - as above
            identity = self._authenticate(request, "lambda")
            call = Call(
                "lambda",
                operation.name,
                identity.region or self._region,
                identity.access_key,
                operation.check(gathered(operation, parameters, request)),
                request_id,
                request.body,
            )
            if self._permit is not None:
                leave = self._permit(call, identity, request)
                if leave is not None:
                    await leave
            reply = await handler(call)
        except Exception as error:  # noqa: BLE001 - the boundary, as above
            told = _told(error, operation.name, request_id)
            if isinstance(told, InternalServerError):
                told = ServiceException(told.message)
            outcome = told.code
            reply = rest_error(told, self._lambda.error_status)
        self._note(operation.name, outcome, self._monotonic() - began)
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
    for service in ("dynamodb", "dynamodbstreams", "sqs", "kinesis"):
        for operation in shapes.load(service).operations.values():
            routes[_TARGETS[service] + operation.name] = _route(operation, handlers)
    for name, each in own.items():
        routes[_TARGETS["headwater"] + name] = _Route(
            "headwater", name, each.check, each.handler, authenticate=each.authenticate
        )
    for service, name in handlers:
        assert name in shapes.load(service).operations, f"no operation {service} {name}"
    return routes


def _route(operation: Operation, handlers: Mapping[tuple[str, str], Handler]) -> _Route:
    handler = handlers.get((operation.service, operation.name))
    if handler is None:  # its body is not worth checking
        return _Route(operation.service, operation.name, lambda body: body, _unsupported)
    signed_for = _SIGNED_FOR.get(operation.service, "dynamodb")
    return _Route(operation.service, operation.name, operation.check, handler, signed_for)


async def _unsupported(call: Call) -> Reply:
    raise _not_supported(call.operation)


def _unknown(target: str) -> UnknownOperationException:
    """AWS gives no text; of SQS and Kinesis there is more than the routes know."""
    for prefix in (_TARGETS["sqs"], _TARGETS["kinesis"]):
        if target.startswith(prefix):
            return _not_supported(target.removeprefix(prefix))
    return UnknownOperationException()


def _is_to_queue(headers: Mapping[str, str]) -> bool:
    """Clients of SQS send to a queue's URL, not to the root."""
    return headers.get("x-amz-target", "").startswith(_TARGETS["sqs"])


def _not_supported(operation: str) -> UnknownOperationException:
    return UnknownOperationException(f"The operation {operation} is not supported by Headwater")


def _told(error: Exception, operation: str, request_id: str) -> ServiceError:
    """What a client is told of an error; what is no answer to the client is logged."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, Unavailable):
        _log.warning("store_unavailable", error=str(error))
        return ServiceUnavailable(f"The server cannot serve this now: {error}")
    _log.error("operation_failed", operation=operation, request_id=request_id, exc_info=error)
    return InternalServerError(
        f"Internal server error; the server's log has it under request id {request_id}"
    )
