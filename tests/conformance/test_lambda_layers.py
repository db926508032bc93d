"""Layers, and code that lies in a bucket."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.request
import zipfile

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import Functions, zipped

INVALID = "InvalidParameterValueException"
MISSING = "ResourceNotFoundException"
ASKING = "import told\ndef handler(event, context): return told.TEXT\n"


def layer(text, module="told"):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"python/{module}.py", f"TEXT = {text!r}\n")
    return content.getvalue()


@pytest.fixture
def functions(aws_lambda, unique_name):
    functions = Functions(aws_lambda, unique_name)
    yield functions
    functions.delete_all()


@pytest.fixture
def publish(aws_lambda, unique_name):
    """Publishes versions of layers, and deletes them in the end."""
    made = []

    def publish(content, name=None, **parameters):
        published = aws_lambda.publish_layer_version(
            LayerName=name or unique_name("layer"), Content={"ZipFile": content}, **parameters
        )
        made.append(published["LayerVersionArn"].split(":")[-2:])
        return published

    yield publish
    for name, number in made:
        aws_lambda.delete_layer_version(LayerName=name, VersionNumber=int(number))


def test_layer_is_numbered_described_and_downloaded(aws_lambda, publish, unique_name):
    name = unique_name("layer")
    content = layer("one")
    first = publish(content, name, Description="d", CompatibleRuntimes=["python3.12"])
    second = publish(layer("two"), name)

    found = aws_lambda.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = aws_lambda.get_layer_version_by_arn(Arn=second["LayerVersionArn"])

    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert (first["Version"], by_arn["Version"]) == (1, 2)
    assert found["Content"]["CodeSha256"] == digest
    assert (found["Description"], found["CompatibleRuntimes"]) == ("d", ["python3.12"])
    with urllib.request.urlopen(found["Content"]["Location"]) as answer:
        assert answer.read() == content


def test_layers_are_listed_with_their_newest_version(aws_lambda, publish, unique_name):
    name = unique_name("layer")
    for text in ("one", "two"):
        publish(layer(text), name, CompatibleRuntimes=["python3.12"] if text == "one" else [])

    every = {each["LayerName"]: each for each in aws_lambda.list_layers()["Layers"]}
    fitting = aws_lambda.list_layers(CompatibleRuntime="python3.12")["Layers"]
    versions = aws_lambda.list_layer_versions(LayerName=name)["LayerVersions"]
    page = aws_lambda.list_layer_versions(LayerName=name, MaxItems=1)
    rest = aws_lambda.list_layer_versions(LayerName=name, Marker=page["NextMarker"])

    assert every[name]["LatestMatchingVersion"]["Version"] == 2
    assert {each["LayerName"]: each for each in fitting}[name]["LatestMatchingVersion"][
        "Version"
    ] == 1
    assert [each["Version"] for each in versions] == [2, 1]
    assert [each["Version"] for each in page["LayerVersions"] + rest["LayerVersions"]] == [2, 1]


def test_function_finds_its_layers_of_which_later_ones_win(functions, publish):
    arns = [publish(layer(text))["LayerVersionArn"] for text in ("first", "second")]

    made = functions.make(zipped(app=ASKING), Layers=arns)

    assert [each["Arn"] for each in made["Layers"]] == arns
    assert functions.invoke(made["FunctionName"]).payload == "second"
    functions.client.update_function_configuration(
        FunctionName=made["FunctionName"], Layers=arns[:1]
    )
    assert functions.invoke(made["FunctionName"]).payload == "first"


def test_deleted_layer_stays_with_those_who_have_it(aws_lambda, functions, publish):
    published = publish(layer("kept"))
    arn = published["LayerVersionArn"]
    name = functions.make(zipped(app=ASKING), Layers=[arn])["FunctionName"]
    where = {"LayerName": published["LayerArn"], "VersionNumber": published["Version"]}

    aws_lambda.delete_layer_version(**where)
    aws_lambda.update_function_configuration(FunctionName=name, Timeout=9)

    assert functions.invoke(name).payload == "kept"
    with refused(MISSING):
        aws_lambda.get_layer_version(**where)
    with refused(INVALID, f"Layer version {arn} does not exist."):
        functions.make(zipped(app=ASKING), Layers=[arn])


def test_number_of_a_deleted_layer_is_not_given_again(aws_lambda, publish, unique_name):
    name = unique_name("layer")
    publish(layer("one"), name)
    aws_lambda.delete_layer_version(LayerName=name, VersionNumber=1)

    assert publish(layer("one"), name)["Version"] == 2


def test_more_than_five_layers_or_two_versions_of_one_are_refused(functions, publish, unique_name):
    name = unique_name("layer")
    two = [publish(layer(str(number)), name)["LayerVersionArn"] for number in range(2)]
    six = [publish(layer(str(number)))["LayerVersionArn"] for number in range(6)]

    for arns in (two, six):
        with pytest.raises(functions.client.exceptions.ClientError) as caught:
            functions.make(zipped(app=ASKING), Layers=arns)
        assert caught.value.response["Error"]["Code"] in (INVALID, "ValidationException")


def test_bad_zip_is_no_layer(publish):
    with refused(INVALID):
        publish(b"no zip")
