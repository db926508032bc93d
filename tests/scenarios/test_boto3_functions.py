"""boto3 deploys a function, invokes it, and sees a stream invoke it."""

import base64
import json

import pytest

from tests.scenarios.mirroring import ROLE, RUNTIME, wait_for_item, zipped


@pytest.fixture
def function(aws_lambda, make_table, unique_name):
    """The function `mirror`: its name and the table it fills."""
    mirror = make_table()["TableName"]
    name = unique_name("mirror")
    aws_lambda.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": zipped()},
        Environment={"Variables": {"MIRROR_TABLE": mirror}},
    )
    aws_lambda.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.05}
    )
    yield {"name": name, "mirror": mirror}
    aws_lambda.delete_function(FunctionName=name)


def test_function_is_invoked_directly(aws_lambda, function):
    answer = aws_lambda.invoke(
        FunctionName=function["name"], Payload=json.dumps({}).encode(), LogType="Tail"
    )

    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"mirrored": 0}
    assert b"REPORT RequestId:" in base64.b64decode(answer["LogResult"])


def test_stream_invokes_the_function(dynamodb, aws_lambda, make_table, function):
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    mapping = aws_lambda.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"],
        FunctionName=function["name"],
        StartingPosition="TRIM_HORIZON",
    )
    item = {"pk": {"S": "a"}, "n": {"N": "1"}}

    dynamodb.put_item(TableName=table["TableName"], Item=item)

    assert wait_for_item(dynamodb, function["mirror"], {"pk": {"S": "a"}}) == item
    aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])
