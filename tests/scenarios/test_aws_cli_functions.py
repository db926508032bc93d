"""The AWS CLI deploys a function, invokes it, and has a stream invoke it."""

import json

import pytest

from tests.conformance.aws_cli import PROGRAM, aws
from tests.scenarios.mirroring import ROLE, RUNTIME, wait_for_item, zipped

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="the AWS CLI is not installed")


@pytest.fixture
def function(aws_lambda, make_table, unique_name, tmp_path):
    """The function `mirror`, deployed by the CLI: its name and the table it fills."""
    mirror = make_table()["TableName"]
    name = unique_name("mirror")
    code = tmp_path / "function.zip"
    code.write_bytes(zipped())
    aws(
        "lambda",
        "create-function",
        function_name=name,
        runtime=RUNTIME,
        role=ROLE,
        handler="app.handler",
        timeout="30",
        zip_file=f"fileb://{code}",
        environment={"Variables": {"MIRROR_TABLE": mirror}},
    )
    aws("lambda", "wait", "function-active-v2", function_name=name)
    yield {"name": name, "mirror": mirror}
    aws_lambda.delete_function(FunctionName=name)


def test_function_is_invoked_directly(function, tmp_path):
    result = tmp_path / "result.json"

    answer = aws("lambda", "invoke", result, function_name=function["name"])

    assert answer["StatusCode"] == 200
    assert json.loads(result.read_text()) == {"mirrored": 0}


def test_stream_invokes_the_function(dynamodb, make_table, function):
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    mapping = aws(
        "lambda",
        "create-event-source-mapping",
        event_source_arn=table["LatestStreamArn"],
        function_name=function["name"],
        starting_position="TRIM_HORIZON",
    )
    item = {"pk": {"S": "a"}, "n": {"N": "1"}}

    dynamodb.put_item(TableName=table["TableName"], Item=item)

    assert wait_for_item(dynamodb, function["mirror"], {"pk": {"S": "a"}}) == item
    aws("lambda", "delete-event-source-mapping", uuid=mapping["UUID"])
