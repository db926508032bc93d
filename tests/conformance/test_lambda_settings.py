"""What belongs to a whole function: concurrency, asynchronous settings, permissions, tags, code."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, Functions, wait_for_error, zipped

MISSING = "ResourceNotFoundException"
INVALID = "InvalidParameterValueException"
READING = """
import json, pathlib
def handler(event, context):
    path = pathlib.Path(event)
    return json.loads(path.read_text()) if path.exists() and path.read_text() else None
"""
WAITING = """
import pathlib, time
def handler(event, context):
    pathlib.Path(event["begun"]).touch()
    while not pathlib.Path(event["end"]).exists():
        time.sleep(0.01)
"""


@pytest.fixture
def functions(aws_lambda, unique_name):
    functions = Functions(aws_lambda, unique_name)
    yield functions
    functions.delete_all()


@pytest.fixture
def probe(functions):
    return functions.make(zipped(app=ECHO))


@pytest.fixture
def name(probe):
    return probe["FunctionName"]


# reserved concurrency


def test_reserved_concurrency_is_shown_and_taken_back(aws_lambda, name):
    put = aws_lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)

    assert put["ReservedConcurrentExecutions"] == 3
    assert (
        aws_lambda.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    )
    assert aws_lambda.get_function(FunctionName=name)["Concurrency"] == {
        "ReservedConcurrentExecutions": 3
    }
    aws_lambda.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in aws_lambda.get_function_concurrency(
        FunctionName=name
    )


def test_function_without_concurrency_is_throttled(aws_lambda, functions, name):
    aws_lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    with refused("TooManyRequestsException", "Rate Exceeded.") as refusal:
        aws_lambda.invoke(FunctionName=name)

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert refusal.body["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    aws_lambda.delete_function_concurrency(FunctionName=name)
    assert functions.invoke(name, 1).payload == 1


@pytest.mark.local_only
def test_more_than_is_reserved_at_once_is_throttled(aws_lambda, functions, tmp_path):
    name = functions.make(zipped(app=WAITING), Timeout=30)["FunctionName"]
    aws_lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    event = {"begun": str(tmp_path / "begun"), "end": str(tmp_path / "end")}
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(0o755)
    # What is throttled itself is tried again.
    aws_lambda.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())

    wait_for_error(aws_lambda, "invoke", "TooManyRequestsException", FunctionName=name)
    (tmp_path / "end").touch()

    aws_lambda.delete_function_concurrency(FunctionName=name)
    assert functions.invoke(name, event).error is None


def test_others_keep_a_hundred(aws_lambda, name):
    with refused(
        INVALID,
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    ):
        aws_lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=901)


@pytest.mark.local_only  # an account may have other functions with shares
def test_shares_of_all_functions_count_together_until_they_are_gone(aws_lambda, functions, name):
    def unreserved():
        return aws_lambda.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]

    def reserve(name, count):
        aws_lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=count)

    other = functions.make(zipped(app=ECHO))["FunctionName"]
    reserve(name, 500)
    reserve(other, 400)
    assert unreserved() == 100
    with refused(INVALID):
        reserve(other, 401)
    reserve(name, 300)
    aws_lambda.delete_function(FunctionName=other)
    assert unreserved() == 700

    aws_lambda.delete_function_concurrency(FunctionName=name)
    assert unreserved() == 1000


def test_account_settings_tell_limits_and_usage(aws_lambda, name):
    found = aws_lambda.get_account_settings()

    assert found["AccountLimit"]["ConcurrentExecutions"] >= 1000
    assert found["AccountLimit"]["CodeSizeUnzipped"] == 262_144_000
    assert found["AccountUsage"]["FunctionCount"] >= 1


# asynchronous invocations


def test_asynchronous_settings_are_put_updated_listed_and_deleted(aws_lambda, functions, probe):
    name = probe["FunctionName"]
    other = functions.make(zipped(app=ECHO))["FunctionArn"]

    put = aws_lambda.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": other}},
    )
    updated = aws_lambda.update_function_event_invoke_config(
        FunctionName=name, MaximumEventAgeInSeconds=60
    )
    listed = aws_lambda.list_function_event_invoke_configs(FunctionName=name)
    replaced = aws_lambda.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=1
    )

    assert put["FunctionArn"] == f"{probe['FunctionArn']}:$LATEST"
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    assert updated["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": other}}
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    assert "MaximumEventAgeInSeconds" not in replaced
    aws_lambda.delete_function_event_invoke_config(FunctionName=name)
    with refused(MISSING):
        aws_lambda.get_function_event_invoke_config(FunctionName=name)


@pytest.mark.parametrize(
    "settings", [{"MaximumRetryAttempts": 3}, {"MaximumEventAgeInSeconds": 59}]
)
def test_impossible_asynchronous_settings_are_refused(aws_lambda, name, settings):
    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.put_function_event_invoke_config(FunctionName=name, **settings)

    assert caught.value.response["Error"]["Code"] in (INVALID, "ValidationException")


@pytest.mark.local_only
def test_outcome_reaches_the_function_that_is_its_destination(aws_lambda, functions, tmp_path):
    told = tmp_path / "told"
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(0o755)
    noting = (
        "import json, pathlib\n"
        f"def handler(event, context): pathlib.Path({str(told)!r}).write_text(json.dumps(event))\n"
    )
    destination = functions.make(zipped(app=noting))["FunctionArn"]
    failing = zipped(app="def handler(event, context):\n    raise ValueError('boom')\n")
    source = functions.make(failing)
    aws_lambda.put_function_event_invoke_config(
        FunctionName=source["FunctionName"],
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )

    aws_lambda.invoke(
        FunctionName=source["FunctionName"], InvocationType="Event", Payload=b'{"n": 1}'
    )
    looking = functions.make(zipped(app=READING))["FunctionName"]
    while (record := functions.invoke(looking, str(told)).payload) is None:
        pass

    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"]["errorMessage"] == "boom"


# permissions


def test_permissions_are_stored_as_iam_writes_them(aws_lambda, probe):
    name, arn = probe["FunctionName"], probe["FunctionArn"]

    added = aws_lambda.add_permission(
        FunctionName=name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket",
        SourceAccount="000000000000",
    )

    statement = {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    assert json.loads(added["Statement"]) == statement
    policy = json.loads(aws_lambda.get_policy(FunctionName=name)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}


def test_permission_is_taken_back_once(aws_lambda, name):
    wanted = {"Action": "lambda:InvokeFunction", "Principal": "123456789012"}
    aws_lambda.add_permission(FunctionName=name, StatementId="a", **wanted)

    with refused("ResourceConflictException"):
        aws_lambda.add_permission(FunctionName=name, StatementId="a", **wanted)
    with refused("PreconditionFailedException"):
        aws_lambda.remove_permission(FunctionName=name, StatementId="a", RevisionId="other")
    aws_lambda.remove_permission(FunctionName=name, StatementId="a")

    with refused(MISSING):
        aws_lambda.remove_permission(FunctionName=name, StatementId="a")
    with refused(MISSING, "The resource you requested does not exist."):
        aws_lambda.get_policy(FunctionName=name)


# tags


def test_tags_come_and_go(aws_lambda, probe):
    arn = probe["FunctionArn"]
    aws_lambda.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    aws_lambda.untag_resource(Resource=arn, TagKeys=["a", "c"])

    assert aws_lambda.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert aws_lambda.get_function(FunctionName=arn)["Tags"] == {"b": "2"}
    with refused(MISSING):
        aws_lambda.list_tags(Resource=f"{arn}-other")


# code


def test_code_can_be_downloaded(aws_lambda, probe):
    location = aws_lambda.get_function(FunctionName=probe["FunctionName"])["Code"]["Location"]

    with urllib.request.urlopen(location) as answer:
        content = answer.read()

    assert base64.b64encode(hashlib.sha256(content).digest()).decode() == probe["CodeSha256"]


@pytest.mark.local_only
@pytest.mark.parametrize("spoil", ["signature=", "expires=", "/code/"])
def test_spoiled_locations_are_refused(aws_lambda, name, spoil):
    location = aws_lambda.get_function(FunctionName=name)["Code"]["Location"]

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(location.replace(spoil, f"{spoil}0"))

    assert caught.value.code == 403
    caught.value.close()


def test_dry_run_changes_nothing(aws_lambda, probe):
    name = probe["FunctionName"]

    told = aws_lambda.update_function_code(
        FunctionName=name, ZipFile=zipped(app="x = 1"), DryRun=True
    )

    found = aws_lambda.get_function_configuration(FunctionName=name)
    assert told["CodeSha256"] != found["CodeSha256"] == probe["CodeSha256"]


def test_client_context_reaches_the_function(functions):
    source = "def handler(event, context): return context.client_context.custom"
    name = functions.make(zipped(app=source))["FunctionName"]
    context = base64.b64encode(json.dumps({"custom": {"a": "grün"}}).encode()).decode()

    assert functions.invoke(name, ClientContext=context).payload == {"a": "grün"}


@pytest.mark.parametrize(
    "context", ["no base64!", "bm8ganNvbg==", base64.b64encode(b'{"a": "%b"}' % (b"x" * 2700))]
)
def test_damaged_client_context_is_refused(aws_lambda, name, context):
    with refused("InvalidRequestContentException"):
        aws_lambda.invoke(FunctionName=name, ClientContext=context)
