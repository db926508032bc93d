"""Published versions, aliases and qualifiers."""

from __future__ import annotations

import pytest

from tests.conformance.expectation import refused
from tests.conformance.function_making import ECHO, Functions, zipped

MISSING = "ResourceNotFoundException"
INVALID = "InvalidParameterValueException"
VERSION = """
def handler(event, context):
    return [{}, context.function_version, context.invoked_function_arn]
"""


def code(number):
    return zipped(app=VERSION.format(number))


@pytest.fixture
def functions(aws_lambda, unique_name):
    functions = Functions(aws_lambda, unique_name)
    yield functions
    functions.delete_all()


@pytest.fixture
def made(functions):
    """A function with the versions 1 and 2, whose code says which it is; `$LATEST` is as 2."""
    created = functions.make(code(1), Publish=True)
    name = created["FunctionName"]
    functions.client.update_function_code(FunctionName=name, ZipFile=code(2), Publish=True)
    return functions.client.get_function_configuration(FunctionName=name)


def test_publishing_makes_numbered_versions(aws_lambda, made):
    name = made["FunctionName"]

    found = aws_lambda.list_versions_by_function(FunctionName=name)["Versions"]

    assert [each["Version"] for each in found] == ["$LATEST", "1", "2"]
    assert [each["FunctionArn"].rpartition(":")[2] for each in found] == ["$LATEST", "1", "2"]
    assert found[0]["CodeSha256"] == found[2]["CodeSha256"] != found[1]["CodeSha256"]


def test_publishing_what_has_not_changed_gives_the_last_version(aws_lambda, made):
    again = aws_lambda.publish_version(FunctionName=made["FunctionName"])

    assert again["Version"] == "2"


def test_publishing_checks_digest_and_revision(aws_lambda, made):
    name = made["FunctionName"]

    with refused(INVALID):
        aws_lambda.publish_version(FunctionName=name, CodeSha256="A" * 43 + "=")
    with refused("PreconditionFailedException"):
        aws_lambda.publish_version(FunctionName=name, RevisionId="not-this")
    published = aws_lambda.publish_version(
        FunctionName=name, CodeSha256=made["CodeSha256"], RevisionId=made["RevisionId"]
    )

    assert published["Version"] == "2"


def test_version_keeps_its_configuration(aws_lambda, made):
    name = made["FunctionName"]
    aws_lambda.update_function_configuration(FunctionName=name, Timeout=42, Description="new")
    described = aws_lambda.publish_version(FunctionName=name, Description="third")

    old = aws_lambda.get_function_configuration(FunctionName=name, Qualifier="2")

    assert (old["Timeout"], described["Timeout"]) == (made["Timeout"], 42)
    assert (described["Version"], described["Description"]) == ("3", "third")


def test_qualifier_chooses_what_runs(functions, made):
    name, arn = made["FunctionName"], made["FunctionArn"]

    first = functions.invoke(name, Qualifier="1")
    latest = functions.invoke(name)
    by_arn = functions.invoke(f"{arn}:1")

    assert first.payload == [1, "1", f"{arn}:1"]
    assert first.answer["ExecutedVersion"] == "1"
    assert "Version: 1" in first.log
    assert latest.payload == [2, "$LATEST", arn]
    assert by_arn.payload == first.payload


def test_alias_runs_its_version(functions, aws_lambda, made):
    name, arn = made["FunctionName"], made["FunctionArn"]
    alias = aws_lambda.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    before = functions.invoke(name, Qualifier="live")
    aws_lambda.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    after = functions.invoke(f"{name}:live")

    assert alias["AliasArn"] == f"{arn}:live"
    assert before.payload == [1, "1", f"{arn}:live"]
    assert after.payload == [2, "2", f"{arn}:live"]
    assert after.answer["ExecutedVersion"] == "2"


def test_weights_share_an_alias(functions, aws_lambda, made):
    name = made["FunctionName"]
    aws_lambda.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}},
    )

    routed = {functions.invoke(name, Qualifier="live").payload[0] for _ in range(5)}
    aws_lambda.update_alias(FunctionName=name, Name="live", RoutingConfig={})
    alone = {functions.invoke(name, Qualifier="live").payload[0] for _ in range(5)}

    assert (routed, alone) == ({2}, {1})


def test_alias_is_found_listed_and_deleted(aws_lambda, made):
    name = made["FunctionName"]
    for alias, version in (("a", "1"), ("b", "2"), ("c", "2")):
        aws_lambda.create_alias(FunctionName=name, Name=alias, FunctionVersion=version)

    page = aws_lambda.list_aliases(FunctionName=name, MaxItems=2)
    rest = aws_lambda.list_aliases(FunctionName=name, Marker=page["NextMarker"])
    of_two = aws_lambda.list_aliases(FunctionName=name, FunctionVersion="2")
    aws_lambda.delete_alias(FunctionName=name, Name="b")
    aws_lambda.delete_alias(FunctionName=name, Name="b")

    assert [each["Name"] for each in page["Aliases"] + rest["Aliases"]] == ["a", "b", "c"]
    assert [each["Name"] for each in of_two["Aliases"]] == ["b", "c"]
    with refused(MISSING, f"Cannot find alias arn: {made['FunctionArn']}:b"):
        aws_lambda.get_alias(FunctionName=name, Name="b")


def test_alias_has_a_revision_of_its_own(aws_lambda, made):
    name = made["FunctionName"]
    created = aws_lambda.create_alias(FunctionName=name, Name="a", FunctionVersion="1")
    changed = aws_lambda.update_alias(
        FunctionName=name, Name="a", Description="x", RevisionId=created["RevisionId"]
    )

    assert changed["RevisionId"] != created["RevisionId"]
    assert changed["FunctionVersion"] == "1"
    with refused("PreconditionFailedException"):
        aws_lambda.update_alias(
            FunctionName=name, Name="a", Description="y", RevisionId=created["RevisionId"]
        )


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"Name": "a", "FunctionVersion": "9"}, MISSING),
        ({"Name": "7", "FunctionVersion": "1"}, None),
        ({"Name": "taken", "FunctionVersion": "1"}, "ResourceConflictException"),
        (
            {
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}},
            },
            INVALID,
        ),
        (
            {
                "Name": "a",
                "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}},
            },
            INVALID,
        ),
    ],
)
def test_impossible_aliases_are_refused(aws_lambda, made, parameters, error):
    name = made["FunctionName"]
    aws_lambda.create_alias(FunctionName=name, Name="taken", FunctionVersion="1")

    with pytest.raises(aws_lambda.exceptions.ClientError) as caught:
        aws_lambda.create_alias(FunctionName=name, **parameters)

    code = caught.value.response["Error"]["Code"]
    assert code == error or (error is None and code in (INVALID, "ValidationException"))


def test_version_in_use_is_not_deleted(functions, aws_lambda, made):
    name = made["FunctionName"]
    aws_lambda.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    with refused("ResourceConflictException"):
        aws_lambda.delete_function(FunctionName=name, Qualifier="1")
    aws_lambda.delete_alias(FunctionName=name, Name="live")
    aws_lambda.delete_function(FunctionName=name, Qualifier="1")

    with refused(MISSING, f"Function not found: {made['FunctionArn']}:1"):
        aws_lambda.invoke(FunctionName=name, Qualifier="1")
    assert functions.invoke(name, Qualifier="2").payload[0] == 2


def test_number_of_a_deleted_version_is_not_given_again(aws_lambda, made):
    name = made["FunctionName"]
    aws_lambda.delete_function(FunctionName=name, Qualifier="2")

    assert aws_lambda.publish_version(FunctionName=name)["Version"] == "3"


@pytest.mark.parametrize("qualifier", ["9", "unknown"])
def test_unknown_qualifiers_are_not_found(aws_lambda, made, qualifier):
    name = made["FunctionName"]
    told = f"Function not found: {made['FunctionArn']}:{qualifier}"

    for operation in (aws_lambda.invoke, aws_lambda.get_function):
        with refused(MISSING, told):
            operation(FunctionName=name, Qualifier=qualifier)


def test_qualifiers_that_contradict_each_other_are_refused(aws_lambda, made):
    with refused(INVALID):
        aws_lambda.get_function(FunctionName=f"{made['FunctionArn']}:1", Qualifier="2")


def test_all_versions_are_listed_in_pages(aws_lambda, functions, made):
    other = functions.make(zipped(app=ECHO), Publish=True)["FunctionName"]
    names = {made["FunctionName"], other}
    pages = aws_lambda.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 2}
    )

    found = [
        (each["FunctionName"], each["Version"])
        for page in pages
        for each in page["Functions"]
        if each["FunctionName"] in names
    ]

    assert sorted(found) == sorted(
        [(made["FunctionName"], version) for version in ("$LATEST", "1", "2")]
        + [(other, "$LATEST"), (other, "1")]
    )
    assert len(found) == len(set(found))


def test_function_takes_its_versions_with_it(aws_lambda, functions, made):
    name = made["FunctionName"]
    aws_lambda.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    aws_lambda.delete_function(FunctionName=name)
    functions.make(code(7), FunctionName=name)

    assert len(aws_lambda.list_versions_by_function(FunctionName=name)["Versions"]) == 1
    assert aws_lambda.list_aliases(FunctionName=name)["Aliases"] == []
    assert aws_lambda.publish_version(FunctionName=name)["Version"] == "1"
