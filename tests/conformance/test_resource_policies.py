"""Resource policies: put, read, replaced by revision, taken away, and refused."""

import json

import pytest

from tests.conformance.expectation import VALUES, invalid, missing, refused

ABSENT = "Resource-based policy not found for the provided ResourceArn"


def policy(arn, action="dynamodb:GetItem", **members):
    account = arn.split(":")[4]
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": account},
                    "Action": action,
                    "Resource": arn,
                    **members,
                }
            ],
        }
    )


@pytest.fixture
def arn(make_table):
    return make_table()["TableArn"]


@pytest.fixture
def stream(make_table):
    return make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})[
        "LatestStreamArn"
    ]


def test_a_policy_is_read_as_it_was_written(dynamodb, arn):
    document = policy(arn) + " "

    put = dynamodb.put_resource_policy(ResourceArn=arn, Policy=document)
    got = dynamodb.get_resource_policy(ResourceArn=arn)

    assert (got["Policy"], got["RevisionId"]) == (document, put["RevisionId"])


def test_a_table_without_a_policy_has_none_to_read(dynamodb, arn):
    with refused("PolicyNotFoundException", ABSENT):
        dynamodb.get_resource_policy(ResourceArn=arn)


def test_the_same_policy_keeps_its_revision(dynamodb, arn):
    first = dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn))

    assert (
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn))["RevisionId"]
        == first["RevisionId"]
    )


@pytest.mark.local_only
def test_another_policy_has_a_greater_revision(dynamodb, arn):
    first = dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn))
    second = dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn, "dynamodb:PutItem"))

    assert int(second["RevisionId"]) > int(first["RevisionId"])


def test_no_policy_is_a_revision_to_expect(dynamodb, arn):
    dynamodb.put_resource_policy(
        ResourceArn=arn, Policy=policy(arn), ExpectedRevisionId="NO_POLICY"
    )

    with refused("PolicyNotFoundException"):
        dynamodb.put_resource_policy(
            ResourceArn=arn, Policy=policy(arn), ExpectedRevisionId="NO_POLICY"
        )


@pytest.mark.parametrize("has_policy", [True, False])
def test_another_revision_than_expected_is_refused(dynamodb, arn, has_policy):
    if has_policy:
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn))

    with refused("PolicyNotFoundException"):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn), ExpectedRevisionId="1")
    with refused("PolicyNotFoundException"):
        dynamodb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId="1")


@pytest.mark.local_only
def test_the_expected_revision_is_replaced_and_taken_away(dynamodb, arn):
    first = dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn))["RevisionId"]
    second = dynamodb.put_resource_policy(
        ResourceArn=arn, Policy=policy(arn, "dynamodb:PutItem"), ExpectedRevisionId=first
    )["RevisionId"]

    gone = dynamodb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=second)

    assert gone["RevisionId"] == second
    with refused("PolicyNotFoundException"):
        dynamodb.get_resource_policy(ResourceArn=arn)


def test_taking_away_what_is_not_there_is_no_error(dynamodb, arn):
    assert "RevisionId" not in dynamodb.delete_resource_policy(ResourceArn=arn)


def test_a_stream_has_a_policy_of_its_own(dynamodb, stream):
    table = stream.partition("/stream/")[0]
    document = policy(stream, "dynamodb:GetRecords")

    dynamodb.put_resource_policy(ResourceArn=stream, Policy=document)

    assert dynamodb.get_resource_policy(ResourceArn=stream)["Policy"] == document
    with refused("PolicyNotFoundException"):
        dynamodb.get_resource_policy(ResourceArn=table)


def test_a_table_is_created_with_a_policy(dynamodb, make_table, unique_name, arn):
    name = unique_name("table")
    document = policy(arn.rpartition("/")[0] + f"/{name}")

    made = make_table(TableName=name, ResourcePolicy=document)

    assert dynamodb.get_resource_policy(ResourceArn=made["TableArn"])["Policy"] == document


def test_a_table_is_not_created_with_a_malformed_policy(make_table):
    with invalid():
        make_table(ResourcePolicy="{}")


@pytest.mark.parametrize(
    "action", ["s3:GetObject", "dynamodb:GetThing", "dynamodb:GetRecords", "dynamodb:CreateTable"]
)
def test_an_action_that_is_none_of_a_table_is_refused(dynamodb, arn, action):
    with invalid(
        f'{VALUES}Invalid policy document: The following action names are invalid: "{action}"'
    ):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn, action))


def test_an_action_that_is_none_of_a_stream_is_refused(dynamodb, stream):
    with invalid(
        f"{VALUES}Invalid policy document: The following action names are invalid: "
        '"dynamodb:ListStreams"'
    ):
        dynamodb.put_resource_policy(
            ResourceArn=stream, Policy=policy(stream, "dynamodb:ListStreams")
        )


def test_a_principal_that_is_nobody_is_refused(dynamodb, arn):
    with invalid(f"{VALUES}Invalid principal in policy document."):
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy(arn, Principal={"AWS": "ann"}))


@pytest.mark.parametrize("document", ["", "{", "[]", "{}"])
def test_what_is_no_policy_is_refused(dynamodb, arn, document):
    with invalid():
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=document)


def test_a_policy_has_at_most_twenty_kilobytes(dynamodb, arn):
    document = policy(arn)
    padding = 20 * 1024 - len(document)

    dynamodb.put_resource_policy(ResourceArn=arn, Policy=document + " " * padding)
    with invalid():
        dynamodb.put_resource_policy(ResourceArn=arn, Policy=document + " " * (padding + 1))


def test_a_policy_of_what_is_not_there_is_not_found(dynamodb, arn):
    other = f"{arn}-other"
    stream = f"{arn}/stream/2026-01-01T00:00:00.000"

    with missing(f"Requested resource not found: ResourcArn: {other} not found"):
        dynamodb.put_resource_policy(ResourceArn=other, Policy=policy(other))
    for unknown in (other, stream):
        text = f"Requested resource not found: ResourcArn: {unknown} not found"
        with missing(text):
            dynamodb.get_resource_policy(ResourceArn=unknown)
        with missing(text):
            dynamodb.delete_resource_policy(ResourceArn=unknown)


def test_an_index_has_no_policy(dynamodb, arn):
    index = f"{arn}/index/by_colour"

    with invalid(
        f"{VALUES}Invalid resource arn provided, only table or stream is accepted. "
        f"Provided resource arn: {index}"
    ):
        dynamodb.get_resource_policy(ResourceArn=index)
