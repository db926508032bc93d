"""A request finds its operation, is checked in AWS's order, and is answered in its protocol."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import orjson
import pytest
from structlog.testing import capture_logs

from headwater.api.message import Request, Response
from headwater.api.operation import Call, Dispatcher, Frame, OwnOperation
from headwater.api.reply import Reply
from headwater.auth.policy import Policy
from headwater.clock import ManualClock, SeededChance
from headwater.errors import (
    ConditionalCheckFailedException,
    MissingAuthenticationTokenException,
    ResourceConflictException,
    ValidationException,
)
from headwater.limits import request_body_bytes_max
from headwater.storage.engine import Unavailable

GET_ITEM = "DynamoDB_20120810.GetItem"
GOOD = {"TableName": "music", "Key": {"pk": {"S": "a"}}}


@dataclass(frozen=True, slots=True)
class Signer:
    region: str | None = "eu-west-1"
    access_key: str | None = "AKID"
    name: str = "orders"
    policy: Policy | None = None


@dataclass(slots=True)
class Recorder:
    """A handler that keeps the calls it gets and answers, or raises, what it was told."""

    calls: list[Call]
    answer: Reply | Exception

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Gate:
    """Authentication that lets all pass as one signer, or raises; it keeps what it was asked."""

    def __init__(self, outcome: Signer | Exception) -> None:
        self.outcome = outcome
        self.services: list[str] = []

    def __call__(self, request: Request, service: str, /) -> Signer:
        self.services.append(service)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def frame(notes: list[tuple[str, str, float]] | None = None) -> Frame:
    kept = [] if notes is None else notes
    return Frame("us-east-1", SeededChance(1), ManualClock(), lambda *note: kept.append(note))


def dispatcher(handler: Recorder, gate: Gate | None = None) -> Dispatcher:
    handlers = {
        ("dynamodb", "GetItem"): handler,
        ("dynamodbstreams", "GetRecords"): handler,
        ("lambda", "ListFunctions"): handler,
        ("lambda", "CreateEventSourceMapping"): handler,
        ("lambda", "DeleteAlias"): handler,
        ("lambda", "Invoke"): handler,
    }
    own = {"SplitShard": OwnOperation(lambda body: body | {"checked": True}, handler)}
    return Dispatcher(handlers, own, gate or Gate(Signer()), frame())


def recorder(answer: Reply | Exception | None = None) -> Recorder:
    return Recorder([], answer or Reply.json({"fine": True}))


def posted(target: str, body: object, content_type: str = "application/x-amz-json-1.0") -> Request:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Request("POST", "/", "", {"content-type": content_type, "x-amz-target": target}, raw)


def answer(to: Dispatcher, request: Request) -> Response:
    """Run a dispatch that waits for nothing, as the edge does: without a task or an event loop."""
    try:
        to.dispatch(request).send(None)
    except StopIteration as stop:
        response: Response = stop.value
        return response
    raise RuntimeError("the dispatch waited")


def json_of(response: Response) -> object:
    return orjson.loads(response.body)


def test_handler_gets_the_call_and_its_reply_is_answered():
    handler = recorder()

    response = answer(dispatcher(handler), posted(GET_ITEM, GOOD))

    (call,) = handler.calls
    assert (call.service, call.operation, call.input) == ("dynamodb", "GetItem", GOOD)
    assert (call.region, call.caller, call.raw) == ("eu-west-1", "AKID", orjson.dumps(GOOD))
    assert (response.status, json_of(response)) == (200, {"fine": True})
    assert dict(response.headers)["x-amzn-RequestId"] == call.request_id
    assert dict(response.headers)["x-amz-crc32"] == str(zlib.crc32(response.body))


def test_handler_gets_the_input_without_nulls_and_unknown_members():
    handler = recorder()

    answer(dispatcher(handler), posted(GET_ITEM, GOOD | {"ConsistentRead": None, "Other": 1}))

    assert handler.calls[0].input == GOOD


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-amz-json-1.0; charset=UTF-8"]
)
def test_json_content_types_are_accepted(content_type):
    response = answer(dispatcher(recorder()), posted(GET_ITEM, GOOD, content_type))

    assert response.status == 200


def test_region_without_one_in_the_signature_is_the_configured_one():
    handler = recorder()

    answer(dispatcher(handler, Gate(Signer(None, None))), posted(GET_ITEM, GOOD))

    assert (handler.calls[0].region, handler.calls[0].caller) == ("us-east-1", None)


def test_streams_target_is_signed_as_dynamodb():
    handler, gate = recorder(), Gate(Signer())
    body = {"ShardIterator": "x"}

    answer(dispatcher(handler, gate), posted("DynamoDBStreams_20120810.GetRecords", body))

    assert (handler.calls[0].service, handler.calls[0].operation) == (
        "dynamodbstreams",
        "GetRecords",
    )
    assert gate.services == ["dynamodb"]


def test_own_operation_brings_its_own_check():
    handler = recorder()

    answer(dispatcher(handler), posted("Headwater_20261123.SplitShard", {"Shard": "s"}))

    assert handler.calls[0].service == "headwater"
    assert handler.calls[0].input == {"Shard": "s", "checked": True}


def test_get_of_the_root_tells_health():
    response = answer(dispatcher(recorder()), Request("GET", "/", "", {}, b""))

    assert response.status == 200
    assert response.body == b"healthy: dynamodb.us-east-1.amazonaws.com "
    assert ("Content-Type", "text/plain") in response.headers


@pytest.mark.parametrize(
    "request_",
    [
        Request("PUT", "/", "", {"content-type": "application/x-amz-json-1.0"}, b"{}"),
        Request("POST", "/", "", {"content-type": "text/plain"}, b"{}"),
        Request("POST", "/", "", {}, b"{}"),
        Request("GET", "/nowhere", "", {}, b""),
    ],
)
def test_what_is_no_call_is_an_unknown_operation(request_):
    response = answer(dispatcher(recorder()), request_)

    assert (response.status, response.body) == (404, b"<UnknownOperationException/>\n")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"NaN"])
def test_body_that_is_no_json_object_is_a_serialization_error_without_text(body):
    response = answer(dispatcher(recorder()), posted(GET_ITEM, body))

    assert response.status == 400
    assert json_of(response) == {"__type": "com.amazon.coral.service#SerializationException"}


def test_body_over_16_mb_is_too_large():
    response = answer(dispatcher(recorder()), posted(GET_ITEM, b" " * (request_body_bytes_max + 1)))

    assert response.status == 413


@pytest.mark.parametrize(
    "target", ["", "GetItem", "DynamoDB_20120810.", "DynamoDB_20111205.GetItem"]
)
def test_unknown_target_is_an_unknown_operation(target):
    response = answer(dispatcher(recorder()), posted(target, {}))

    assert response.status == 400
    assert json_of(response) == {"__type": "com.amazon.coral.service#UnknownOperationException"}


def test_operation_without_a_handler_is_told_as_not_supported():
    response = answer(dispatcher(recorder()), posted("DynamoDB_20120810.DescribeLimits", {}))

    assert response.status == 400
    assert json_of(response) == {
        "__type": "com.amazon.coral.service#UnknownOperationException",
        "message": "The operation DescribeLimits is not supported by Headwater",
    }


def test_json_is_looked_at_before_the_target():
    response = answer(dispatcher(recorder()), posted("nothing", b"{"))

    assert json_of(response) == {"__type": "com.amazon.coral.service#SerializationException"}


def test_target_is_looked_at_before_the_signature():
    gate = Gate(MissingAuthenticationTokenException())

    response = answer(dispatcher(recorder(), gate), posted("nothing", {}))

    assert json_of(response) == {"__type": "com.amazon.coral.service#UnknownOperationException"}


def test_signature_is_looked_at_before_the_body_is_checked():
    gate = Gate(MissingAuthenticationTokenException())

    response = answer(dispatcher(recorder(), gate), posted(GET_ITEM, {"TableName": 1}))

    assert json_of(response) == {
        "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
        "message": "Request is missing Authentication Token",
    }


def test_body_is_checked_before_the_handler_is_called():
    handler = recorder()

    response = answer(dispatcher(handler), posted(GET_ITEM, {"TableName": "music"}))

    assert handler.calls == []
    assert json_of(response) == {
        "__type": "com.amazon.coral.validate#ValidationException",
        "message": "1 validation error detected: Value null at 'key' failed to satisfy "
        "constraint: Member must not be null",
    }


def test_service_error_of_a_handler_is_answered():
    handler = recorder(ConditionalCheckFailedException(members={"Item": {"pk": {"S": "a"}}}))

    response = answer(dispatcher(handler), posted(GET_ITEM, GOOD))

    assert response.status == 400
    assert json_of(response) == {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": {"pk": {"S": "a"}},
    }


def test_fault_is_logged_and_told_by_its_id_alone():
    handler = recorder(RuntimeError("a secret of ours"))

    with capture_logs() as logs:
        response = answer(dispatcher(handler), posted(GET_ITEM, GOOD))

    request_id = handler.calls[0].request_id
    assert response.status == 500
    assert json_of(response) == {
        "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "message": f"Internal server error; the server's log has it under request id {request_id}",
    }
    assert [entry["request_id"] for entry in logs] == [request_id]
    assert b"secret" not in response.body


def test_fault_of_a_lambda_handler_is_a_service_exception():
    handler = recorder(RuntimeError("a secret of ours"))

    with capture_logs() as logs:
        response = answer(dispatcher(handler), Request("GET", "/2015-03-31/functions", "", {}, b""))

    assert response.status == 500
    assert ("x-amzn-ErrorType", "ServiceException") in response.headers
    assert b"secret" not in response.body
    assert len(logs) == 1


def test_rest_call_gets_one_input_from_path_query_headers_and_body():
    handler, gate = recorder(), Gate(Signer())
    request = Request(
        "POST",
        "/2015-03-31/functions/resize/invocations",
        "Qualifier=live",
        {"x-amz-invocation-type": "Event"},
        b'{"n": 1}',
    )

    response = answer(dispatcher(handler, gate), request)

    (call,) = handler.calls
    assert gate.services == ["lambda"]
    assert (call.service, call.operation) == ("lambda", "Invoke")
    assert call.input == {
        "FunctionName": "resize",
        "Qualifier": "live",
        "InvocationType": "Event",
        "Payload": b'{"n": 1}',
    }
    assert ("x-amzn-RequestId", call.request_id) in response.headers
    assert len(call.request_id) == 36


def test_rest_answer_has_the_models_status():
    body = b'{"FunctionName": "resize", "BatchSize": 10}'
    request = Request("POST", "/2015-03-31/event-source-mappings/", "", {}, body)

    response = answer(dispatcher(recorder()), request)

    assert response.status == 202


def test_rest_constraint_error_is_a_validation_exception():
    request = Request("GET", "/2015-03-31/functions", "MaxItems=0", {}, b"")

    response = answer(dispatcher(recorder()), request)

    assert response.status == 400
    assert ("x-amzn-ErrorType", "ValidationException") in response.headers
    assert json_of(response) == {
        "message": "1 validation error detected: Value '0' at 'maxItems' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1"
    }


def test_rest_error_of_a_handler_is_answered_in_lambdas_form():
    handler = recorder(ResourceConflictException("Function already exist: f"))

    response = answer(dispatcher(handler), Request("GET", "/2015-03-31/functions", "", {}, b""))

    assert response.status == 409
    assert ("x-amzn-ErrorType", "ResourceConflictException") in response.headers
    assert json_of(response) == {"Type": "User", "message": "Function already exist: f"}


def test_rest_operation_without_a_handler_is_told_as_not_supported():
    response = answer(dispatcher(recorder()), Request("GET", "/2018-10-31/layers", "", {}, b""))

    assert response.status == 400
    assert json_of(response) == {
        "message": "The operation ListLayers is not supported by Headwater"
    }


def test_own_check_may_refuse():
    def refuse(body: dict[str, object]) -> dict[str, object]:
        raise ValidationException("no such shard")

    handler = recorder()
    own = {"SplitShard": OwnOperation(refuse, handler)}
    ours = Dispatcher({}, own, Gate(Signer()), frame())

    response = answer(ours, posted("Headwater_20261123.SplitShard", {}))

    assert handler.calls == []
    assert json_of(response) == {
        "__type": "com.amazon.coral.validate#ValidationException",
        "message": "no such shard",
    }


def test_handler_of_an_operation_aws_does_not_have_is_our_mistake():
    with pytest.raises(AssertionError):
        Dispatcher({("dynamodb", "PutItems"): recorder()}, {}, Gate(Signer()), frame())


def test_every_request_of_an_operation_is_noted_with_its_outcome():
    notes: list[tuple[str, str, float]] = []
    handlers = {
        ("dynamodb", "GetItem"): recorder(),
        ("dynamodb", "PutItem"): recorder(ConditionalCheckFailedException()),
        ("lambda", "ListFunctions"): recorder(KeyError("a fault of ours")),
    }
    ours = Dispatcher(handlers, {}, Gate(Signer()), frame(notes))

    answer(ours, posted(GET_ITEM, GOOD))
    answer(ours, posted("DynamoDB_20120810.PutItem", {"TableName": "music", "Item": {}}))
    answer(ours, posted("DynamoDB_20120810.Nothing", {}))
    with capture_logs():
        answer(ours, Request("GET", "/2015-03-31/functions", "", {}, b""))

    assert [note[:2] for note in notes] == [
        ("GetItem", "OK"),
        ("PutItem", "ConditionalCheckFailedException"),
        ("ListFunctions", "ServiceException"),
    ]


def test_store_that_cannot_serve_is_told_as_unavailable():
    ours = dispatcher(recorder(Unavailable("the disk is full")))

    with capture_logs():
        response = answer(ours, posted(GET_ITEM, GOOD))

    assert response.status == 503
    assert json_of(response) == {
        "__type": "com.amazon.coral.service#ServiceUnavailable",
        "message": "The server cannot serve this now: the disk is full",
    }
