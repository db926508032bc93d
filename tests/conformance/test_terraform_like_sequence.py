"""A stack as an infrastructure tool brings it about: made, waited for, changed, and deleted.

What a tool reads after each step is what it has asked for, so that its next plan is empty.
"""

from __future__ import annotations

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, ROLE, RUNTIME, wait_for_error, zipped
from tests.conformance.mapping_making import numbers

pytest_plugins = ("tests.conformance.mapping_fixtures",)

MISSING = "ResourceNotFoundException"
SETTINGS = {
    "BatchSize": 10,
    "MaximumRetryAttempts": 3,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]},
}


@pytest.fixture
def wait(aws_lambda):
    """Waits for a function by one of boto3's waiters."""

    def until(waiter, **which):
        config = {"Delay": 0.01, "MaxAttempts": 5000}
        aws_lambda.get_waiter(waiter).wait(**which, WaiterConfig=config)

    return until


@pytest.fixture
def layer(aws_lambda, unique_name):
    made = aws_lambda.publish_layer_version(
        LayerName=unique_name("layer"), Content={"ZipFile": zipped(shared="word = 1")}
    )
    yield made
    aws_lambda.delete_layer_version(LayerName=made["LayerArn"], VersionNumber=made["Version"])


def test_function_is_made_changed_published_and_deleted(aws_lambda, unique_name, layer, wait):
    which = {"FunctionName": unique_name("stack")}
    code = {"ZipFile": zipped(app=ECHO)}
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}
    given = {
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "app.handler",
        "Timeout": 7,
        "MemorySize": 256,
        "Environment": {"Variables": {"STAGE": "one"}},
        "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": logging,
    }
    aws_lambda.create_function(
        **which,
        **given,
        Code=code,
        Layers=[layer["LayerVersionArn"]],
        Tags={"a": "b"},
        Publish=True,
    )
    for waiter in ("function_exists", "function_active", "function_active_v2"):
        wait(waiter, **which)
    wait("published_version_active", **which, Qualifier="1")
    found = aws_lambda.get_function(**which)
    signing = aws_lambda.get_function_code_signing_config(**which)
    alias = {**which, "Name": "live"}
    made = aws_lambda.create_alias(**alias, FunctionVersion="1")

    aws_lambda.update_function_configuration(
        **which, **given | {"MemorySize": 512, "LoggingConfig": {"LogFormat": "Text"}}, Layers=[]
    )
    for waiter in ("function_updated", "function_updated_v2"):
        wait(waiter, **which)
    aws_lambda.update_function_code(**which, ZipFile=zipped(app="x = 1\n" + ECHO))
    wait("function_updated_v2", **which)
    published = aws_lambda.publish_version(**which)
    wait("published_version_active", **which, Qualifier=published["Version"])
    moved = aws_lambda.update_alias(**alias, FunctionVersion=published["Version"])
    aws_lambda.delete_alias(**alias)
    aws_lambda.delete_function(**which)

    del given["LoggingConfig"]
    assert given.items() <= found["Configuration"].items()
    assert logging.items() <= found["Configuration"]["LoggingConfig"].items()
    assert [each["Arn"] for each in found["Configuration"]["Layers"]] == [layer["LayerVersionArn"]]
    assert found["Tags"] == {"a": "b"}
    assert "CodeSigningConfigArn" not in signing
    assert (published["Version"], published["MemorySize"]) == ("2", 512)
    assert "Layers" not in published
    assert [each["FunctionVersion"] for each in (made, moved)] == ["1", "2"]
    wait_for_error(aws_lambda, "get_function", MISSING, **which)
    with refused(MISSING):
        aws_lambda.get_alias(**alias)


def test_mapping_of_an_alias_is_made_changed_and_deleted(
    aws_lambda, mappings, source, notebook, make_note_taker, wait
):
    """An alias moves to a new version, and its mapping with it, without loss or repeat."""
    name = make_note_taker(Publish=True)
    aws_lambda.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    uuid = mappings.make(source.arn, f"{name}:live", **SETTINGS)["UUID"]
    found = mappings.wait(uuid, "Enabled")
    source.put(1, key="a")
    notebook.wait_for(source.arn, 1)

    aws_lambda.update_function_configuration(FunctionName=name, Timeout=20)
    wait("function_updated_v2", FunctionName=name)
    second = aws_lambda.publish_version(FunctionName=name)["Version"]
    aws_lambda.update_alias(FunctionName=name, Name="live", FunctionVersion=second)
    changed = mappings.change(uuid, **SETTINGS | {"BatchSize": 20})
    source.put(2, key="b")
    events = notebook.wait_for(source.arn, 2)
    aws_lambda.delete_event_source_mapping(UUID=uuid)
    mappings.wait_gone(uuid)

    assert SETTINGS.items() <= found.items()
    assert found["FunctionArn"].endswith(f"{name}:live")
    assert (SETTINGS | {"BatchSize": 20}).items() <= changed.items()
    assert numbers(events) == [[1], [2]]
