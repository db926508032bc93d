"""Invoke: results, faults, logs, and what a function finds around it."""

import json
import re

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, RUNTIME, Functions, shipped, wait_until, zipped

MB = 1024 * 1024
REQUEST_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def functions(aws_lambda, unique_name):
    made = Functions(aws_lambda, unique_name)
    yield made
    made.delete_all()


@pytest.fixture(scope="module")
def probe(functions):
    """The configuration of a function that does what its event asks for."""
    return functions.make(shipped("probe"), "probe.handler", Timeout=20, MemorySize=256)


@pytest.fixture
def ask(functions, probe):
    """Invoke that function."""

    def call(event=None, **parameters):
        return functions.invoke(probe["FunctionName"], event, **parameters)

    return call


@pytest.mark.parametrize("event", [None, {}, [], "text", 1.5, True, {"a": ["ü", {"b": None}]}])
def test_result_is_what_the_function_returns(ask, event):
    result = ask(event)

    assert (result.payload, result.error) == (event, None)
    assert result.answer["StatusCode"] == 200
    assert result.answer["ExecutedVersion"] == "$LATEST"


def test_no_payload_is_an_empty_object(aws_lambda, probe):
    answer = aws_lambda.invoke(FunctionName=probe["FunctionName"])

    assert json.loads(answer["Payload"].read()) == {}
    assert "LogResult" not in answer


def test_request_id_is_the_functions(ask):
    result = ask({"do": "describe"})

    request_id = result.answer["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(REQUEST_ID, request_id)
    assert result.payload["context"]["aws_request_id"] == request_id


def test_context_tells_of_the_function(ask, probe):
    told = ask({"do": "describe"}).payload

    context = told["context"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", context["log_stream_name"])
    assert (
        context.items()
        >= {
            "function_name": probe["FunctionName"],
            "function_version": "$LATEST",
            "invoked_function_arn": probe["FunctionArn"],
            "memory_limit_in_mb": "256",
            "log_group_name": f"/aws/lambda/{probe['FunctionName']}",
        }.items()
    )
    assert 10_000 < told["remaining_ms"] <= 20_000
    assert "python{}.{}".format(*told["python"]) == RUNTIME


def test_environment_has_what_lambda_gives(functions):
    name = functions.make(
        shipped("probe"), "probe.handler", Environment={"Variables": {"COLOUR": "blue"}}
    )["FunctionName"]

    found = functions.invoke(name, {"do": "describe"}).payload["environment"]

    assert (
        found.items()
        >= {
            "COLOUR": "blue",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
            "_HANDLER": "probe.handler",
            "TZ": ":UTC",
        }.items()
    )
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == functions.client.meta.region_name
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LAMBDA_TASK_ROOT"} <= found.keys()


def test_module_is_loaded_once_for_many_invocations(functions):
    name = functions.make(shipped("probe"), "probe.handler")["FunctionName"]

    arrivals = [functions.invoke(name, {"do": "describe"}).payload["arrivals"] for _ in range(3)]

    assert arrivals == [1, 2, 3]


def test_function_reaches_tables_with_boto3(ask, dynamodb, simple, key):
    event = {"do": "put", "table": simple, "key": {"pk": {"S": key}}}

    result = ask(event)

    found = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    assert found["Item"] == result.payload


@pytest.mark.parametrize("form", ["arn", "partial", "qualified", "parameter"])
def test_function_has_several_names(functions, probe, form):
    arn, name = probe["FunctionArn"], probe["FunctionName"]
    forms = {
        "arn": {"name": arn},
        "partial": {"name": f"{arn.split(':')[4]}:function:{name}"},
        "qualified": {"name": f"{arn}:$LATEST"},
        "parameter": {"name": name, "Qualifier": "$LATEST"},
    }

    assert functions.invoke(**forms[form], event=form).payload == form


def test_exception_is_a_payload(ask):
    result = ask({"do": "raise", "text": "no, ünwilling"})

    assert (result.error, result.answer["StatusCode"]) == ("Unhandled", 200)
    account = result.payload
    assert account["errorMessage"] == "no, ünwilling"
    assert account["errorType"] == "Unwilling"
    assert account["requestId"] == result.answer["ResponseMetadata"]["RequestId"]
    assert any("raise_error" in frame for frame in account["stackTrace"])
    assert "[ERROR] Unwilling: no, ünwilling" in result.log


def test_function_goes_on_after_an_exception(ask):
    ask({"do": "raise", "text": "x"})

    assert ask("still here").payload == "still here"


def test_result_that_is_no_json_is_a_fault(ask):
    result = ask({"do": "return no json"})

    assert result.error == "Unhandled"
    assert result.payload["errorType"] == "Runtime.MarshalError"
    assert result.payload["errorMessage"].startswith("Unable to marshal response: ")


def test_exit_is_a_fault(ask):
    result = ask({"do": "leave", "status": 3})

    request_id = result.answer["ResponseMetadata"]["RequestId"]
    assert result.error == "Unhandled"
    assert result.payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 3",
    }
    assert ask("a new worker").payload == "a new worker"


def test_time_out_is_a_fault(functions):
    name = functions.make(shipped("probe"), "probe.handler", Timeout=1)["FunctionName"]

    result = functions.invoke(name, {"do": "stay", "seconds": 60})

    request_id = result.answer["ResponseMetadata"]["RequestId"]
    assert result.error == "Unhandled"
    assert result.payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    assert functions.invoke(name, "again").payload == "again"


@pytest.mark.parametrize(
    ("code", "handler", "kind", "text"),
    [
        ("import absent", "app.handler", "Runtime.ImportModuleError", "Unable to import module"),
        (ECHO, "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other'"),
        (ECHO, "app.other", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'app'"),
        (ECHO, "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_code_that_cannot_be_loaded_is_a_fault(functions, code, handler, kind, text):
    name = functions.make(zipped(app=code), handler)["FunctionName"]

    result = functions.invoke(name)

    assert result.error == "Unhandled"
    assert result.payload["errorType"] == kind
    assert result.payload["errorMessage"].startswith(text)


def test_largest_result_is_given(ask):
    result = ask({"do": "return much", "size": 6 * MB - 2})

    assert result.error is None
    assert len(result.payload) == 6 * MB - 2


def test_larger_result_is_a_fault(ask):
    result = ask({"do": "return much", "size": 6 * MB + 200})

    assert result.error == "Unhandled"
    assert result.payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert result.payload["errorMessage"].startswith(
        "Response payload size exceeded maximum allowed payload size ("
    )


def test_log_has_what_was_printed_between_its_lines(ask):
    result = ask({"do": "speak", "text": "hällo"})

    request_id = result.answer["ResponseMetadata"]["RequestId"]
    lines = result.log.splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1] == "hällo"
    assert re.fullmatch(rf"\[WARNING\]\t\S+Z\t{request_id}\thällo, as a warning", lines[2])
    assert lines[-2] == f"END RequestId: {request_id}"
    assert re.match(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: \d+ MB\t",
        lines[-1],
    )


def test_log_is_the_last_four_kilobytes(ask):
    result = ask({"do": "speak", "text": "x" * 10_000})

    assert len(result.log.encode()) <= 4096
    assert "REPORT RequestId" in result.log


def test_event_is_answered_at_once_and_done_later(aws_lambda, dynamodb, probe, simple, key):
    event = {"do": "put", "table": simple, "key": {"pk": {"S": key}}}

    answer = aws_lambda.invoke(
        FunctionName=probe["FunctionName"],
        InvocationType="Event",
        Payload=json.dumps(event).encode(),
    )

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    wait_until(dynamodb, "GetItem", "Item != null", TableName=simple, Key=event["key"])
    found = dynamodb.get_item(TableName=simple, Key=event["key"])["Item"]
    assert found["request"]["S"] == answer["ResponseMetadata"]["RequestId"]


def test_dry_run_does_nothing(aws_lambda, dynamodb, probe, ask, simple, key):
    event = {"do": "put", "table": simple, "key": {"pk": {"S": key}}}

    answer = aws_lambda.invoke(
        FunctionName=probe["FunctionName"],
        InvocationType="DryRun",
        Payload=json.dumps(event).encode(),
    )

    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    ask("this one is done")
    assert "Item" not in dynamodb.get_item(TableName=simple, Key=event["key"])


@pytest.mark.parametrize("payload", [b"{", b"plain", b'{"a": }'])
def test_payload_that_is_no_json_is_refused(aws_lambda, probe, payload):
    with refused("InvalidRequestContentException") as refusal:
        aws_lambda.invoke(FunctionName=probe["FunctionName"], Payload=payload)

    assert refusal.message.startswith("Could not parse request body into json: ")
    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_largest_payload_is_taken(functions):
    name = functions.make(zipped(app="def handler(event, _): return len(event)"))["FunctionName"]

    assert functions.invoke(name, "x" * (6 * MB - 2)).payload == 6 * MB - 2


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6 * MB), ("Event", MB)])
def test_larger_payload_is_refused(aws_lambda, probe, kind, limit):
    size = limit + 1
    text = f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"

    with refused("RequestTooLargeException", text) as refusal:
        aws_lambda.invoke(
            FunctionName=probe["FunctionName"],
            InvocationType=kind,
            Payload=b'"' + b"x" * (size - 2) + b'"',
        )

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.parametrize("member", ["InvocationType", "LogType"])
def test_unknown_kinds_are_refused(aws_lambda, probe, member):
    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.invoke(FunctionName=probe["FunctionName"], **{member: "Other"})

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("member", "value"),
    [("DurableExecutionName", "once"), ("TenantId", "tenant")],
)
def test_what_is_not_supported_is_refused_by_name(aws_lambda, probe, member, value):
    with refused("InvalidParameterValueException", f"{member} is not supported by Headwater."):
        aws_lambda.invoke(FunctionName=probe["FunctionName"], **{member: value})


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("invoke_with_response_stream", {})],
)
@pytest.mark.local_only
def test_other_operations_are_refused_by_name(aws_lambda, probe, operation, parameters):
    name = "".join(word.title() for word in operation.split("_"))

    with refused(
        "UnknownOperationException", f"The operation {name} is not supported by Headwater"
    ):
        getattr(aws_lambda, operation)(FunctionName=probe["FunctionName"], **parameters)
