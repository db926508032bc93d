"""The AWS CLI: one call of every operation of functions, mappings and queues, as a user goes along.

The function's second code is packaged as SAM does it: `aws cloudformation package` zips a folder
with what it needs and uploads it to a bucket, here of an S3 endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.aws_cli import PROGRAM, aws
from tests.conformance.definition import keys
from tests.conformance.function_making import ECHO, zipped
from tests.conformance.mapping_making import Mappings
from tests.s3_server import s3_server
from tests.scenarios.aws_cli_walk import Walk, implemented
from tests.scenarios.commands import STREAM, clients
from tests.scenarios.mirroring import ROLE, RUNTIME
from tests.server_process import ServerProcess

pytestmark = [
    pytest.mark.skipif(not PROGRAM.exists(), reason="the AWS CLI is not installed"),
    pytest.mark.timeout(300),
]

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.12}
"""
GREETER = """
from greeting import word
def handler(event, context):
    if "poison" in str(event):
        raise ValueError("poison")
    return word
"""
FUNCTION = {"function_name": "greeter"}
ALIAS = {**FUNCTION, "name": "live"}
TRUST = {**FUNCTION, "statement_id": "s3"}


@pytest.fixture
def server(unset: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    """A server whose buckets are an S3 endpoint's; the environment names both."""
    with ExitStack() as stack:
        buckets = stack.enter_context(s3_server())
        options = ("--memory", "--s3-endpoint", buckets.endpoint)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": buckets.endpoint,
        }.items():
            unset.setenv(name, value)
        yield stack.enter_context(ServerProcess.serve(*options))


@pytest.fixture
def walk(server: ServerProcess) -> Walk:
    return Walk(endpoint_url=server.endpoint)


@pytest.fixture
def mappings(server: ServerProcess) -> Iterator[Mappings]:
    client = clients(server.endpoint, "lambda")
    yield Mappings(client)
    client.close()


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def packaged(folder: Path) -> dict[str, str]:
    """Where SAM's way of packaging has put the code of a folder."""
    written(folder, "code/app.py", GREETER)
    written(folder, "code/greeting/__init__.py", "word = 'hello'")
    template = written(folder, "template.yaml", TEMPLATE)
    package = {"template_file": str(template), "s3_bucket": "sam", "use_json": True}
    made = aws("cloudformation", "package", **package)
    place = made["Resources"]["Greeter"]["Properties"]["CodeUri"]
    bucket, key = place.removeprefix("s3://").split("/", 1)
    return {"s3_bucket": bucket, "s3_key": key}


def begin(walk: Walk, folder: Path) -> str:
    """Make the function and a layer; returns the ARN of the layer's version."""
    code = written(folder, "function.zip", zipped(app=ECHO))
    layer = written(folder, "layer.zip", zipped(shared="x = 1"))
    made = walk.all_of(
        "lambda",
        create_function={
            **FUNCTION,
            "runtime": RUNTIME,
            "role": ROLE,
            "handler": "app.handler",
            "zip_file": f"fileb://{code}",
            "logging_config": {"LogFormat": "JSON"},
        },
        publish_layer_version={"layer_name": "words", "zip_file": f"fileb://{layer}"},
        get_account_settings={},
    )
    return str(made["publish_layer_version"]["LayerVersionArn"])


def wait(walk: Walk, waiter: str) -> None:
    aws("lambda", "wait", waiter, **FUNCTION, **walk.always)


def settle(walk: Walk, arn: str) -> None:
    """Give the function all that belongs to one, and ask for it."""
    walk.all_of(
        "lambda",
        put_function_concurrency={**FUNCTION, "reserved_concurrent_executions": "5"},
        put_function_event_invoke_config={**FUNCTION, "maximum_retry_attempts": "1"},
        add_permission={
            **TRUST,
            "action": "lambda:InvokeFunction",
            "principal": "s3.amazonaws.com",
        },
        tag_resource={"resource": arn, "tags": {"team": "a"}},
    )
    walk.all_of(
        "lambda",
        get_function=FUNCTION,
        get_function_configuration=FUNCTION,
        get_function_code_signing_config=FUNCTION,
        get_function_concurrency=FUNCTION,
        get_function_event_invoke_config=FUNCTION,
        list_function_event_invoke_configs=FUNCTION,
        update_function_event_invoke_config={**FUNCTION, "maximum_retry_attempts": "0"},
        get_policy=FUNCTION,
        list_tags={"resource": arn},
        list_functions={},
    )


def change(walk: Walk, folder: Path, layer: str) -> None:
    """Publish the function, then give it a layer and code that is packaged as SAM does it."""
    name, _, number = layer.rpartition(":")
    version = {"layer_name": name, "version_number": number}
    place = packaged(folder)
    walk.all_of(
        "lambda",
        publish_version=FUNCTION,
        list_layers={},
        list_layer_versions={"layer_name": name},
        get_layer_version=version,
        get_layer_version_by_arn={"arn": layer},
    )
    walk.all_of("lambda", update_function_configuration={**FUNCTION, "layers": [layer]})
    wait(walk, "function-updated-v2")
    walk.all_of("lambda", delete_layer_version=version, update_function_code={**FUNCTION, **place})
    wait(walk, "function-updated-v2")


def use_alias(walk: Walk, folder: Path) -> list[Any]:
    """Have an alias run the first version, then the latest code; the two answers."""
    walk.all_of("lambda", create_alias={**ALIAS, "function_version": "1"})
    before = invoke(walk, folder)
    aws("lambda", "publish-version", **FUNCTION, **walk.always)
    walk.all_of(
        "lambda",
        get_alias=ALIAS,
        list_aliases=FUNCTION,
        list_versions_by_function=FUNCTION,
        update_alias={**ALIAS, "function_version": "2"},
    )
    return [before, invoke(walk, folder)]


def invoke(walk: Walk, folder: Path) -> Any:
    """What the alias returns."""
    walk.called.add("invoke")
    result = folder / "result.json"
    options = {**FUNCTION, "qualifier": "live", "payload": '{"a": 1}', **walk.always}
    assert aws("lambda", "invoke", result, **options)["StatusCode"] == 200
    return json.loads(result.read_text())


def feed(walk: Walk, mappings: Mappings) -> dict[str, Any]:
    """Have a stream invoke the alias with a record that fails; the letter that tells of it."""
    queue = walk.all_of("sqs", create_queue={"queue_name": "letters"})["create_queue"]
    table = aws(
        "dynamodb",
        "create-table",
        table_name="fed",
        attribute_definitions=keys(("pk", "S"))["AttributeDefinitions"],
        key_schema=keys(("pk", "S"))["KeySchema"],
        billing_mode="PAY_PER_REQUEST",
        stream_specification=STREAM,
        **walk.always,
    )["TableDescription"]
    url = {"queue_url": queue["QueueUrl"]}
    asked = walk.all_of(
        "sqs",
        get_queue_url={"queue_name": "letters"},
        get_queue_attributes={**url, "attribute_names": ["All"]},
    )
    destination = {
        "OnFailure": {"Destination": asked["get_queue_attributes"]["Attributes"]["QueueArn"]}
    }
    mapping = walk.all_of(
        "lambda",
        create_event_source_mapping={
            "event_source_arn": table["LatestStreamArn"],
            "function_name": "greeter:live",
            "starting_position": "TRIM_HORIZON",
            "maximum_retry_attempts": "0",
            "destination_config": destination,
        },
    )["create_event_source_mapping"]
    aws("dynamodb", "put-item", table_name="fed", item={"pk": {"S": "poison"}}, **walk.always)
    told = walk.all_of("sqs", receive_message={**url, "wait_time_seconds": "20"})["receive_message"]
    (letter,) = told["Messages"]
    walk.all_of(
        "sqs",
        delete_message={**url, "receipt_handle": letter["ReceiptHandle"]},
        send_message={**url, "message_body": "by hand"},
        send_message_batch={**url, "entries": [{"Id": "1", "MessageBody": "in a batch"}]},
    )
    uuid = {"uuid": mapping["UUID"]}
    mappings.wait(mapping["UUID"], "Enabled")
    walk.all_of("lambda", update_event_source_mapping={**uuid, "batch_size": "7"})
    mappings.wait(mapping["UUID"], "Enabled")
    walk.all_of("lambda", get_event_source_mapping=uuid, list_event_source_mappings=FUNCTION)
    walk.all_of("lambda", delete_event_source_mapping=uuid)
    body: dict[str, Any] = json.loads(letter["Body"])
    return body


def end(walk: Walk, arn: str) -> None:
    walk.all_of(
        "lambda",
        delete_alias=ALIAS,
        remove_permission=TRUST,
        untag_resource={"resource": arn, "tag_keys": ["team"]},
        delete_function_concurrency=FUNCTION,
        delete_function_event_invoke_config=FUNCTION,
    )
    walk.all_of("lambda", delete_function=FUNCTION)


def test_every_operation_is_called(walk, mappings, tmp_path):
    layer = begin(walk, tmp_path)
    wait(walk, "function-active-v2")
    arn = f"{layer.partition(':layer:')[0]}:function:greeter"
    settle(walk, arn)
    change(walk, tmp_path, layer)
    answers = use_alias(walk, tmp_path)
    letter = feed(walk, mappings)
    end(walk, arn)

    assert answers == [{"a": 1}, "hello"]
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["functionArn"] == f"{arn}:live"
    assert walk.called == implemented("Lambda", "SQS")
