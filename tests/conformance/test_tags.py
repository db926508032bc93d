"""TagResource, UntagResource and ListTagsOfResource."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing
from tests.conftest import LOOKS_MAX


@pytest.fixture
def arn(make_table):
    return make_table()["TableArn"]


@pytest.fixture
def tags_once(dynamodb, arn):
    """The tags once there are so many: tagging takes effect later."""

    def call(count):
        for _ in range(LOOKS_MAX):
            found: dict[str, str] = {}
            start: dict[str, str] = {}
            while True:
                page = dynamodb.list_tags_of_resource(ResourceArn=arn, **start)
                assert len(page["Tags"]) <= 10
                found |= {tag["Key"]: tag["Value"] for tag in page["Tags"]}
                if "NextToken" not in page:
                    break
                start = {"NextToken": page["NextToken"]}
            if len(found) == count:
                return found
        raise AssertionError(f"{len(found)} tags, not {count}")

    return call


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def test_new_table_has_no_tags(dynamodb, arn):
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == []


def test_tags_given_at_creation_are_there(dynamodb, make_table):
    table = make_table(Tags=tags(a="1"))

    answer = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])

    assert answer["Tags"] == tags(a="1")


def test_tags_are_added_changed_and_removed(dynamodb, arn, tags_once):
    dynamodb.tag_resource(ResourceArn=arn, Tags=tags(a="1", b="2", empty=""))
    assert tags_once(3) == {"a": "1", "b": "2", "empty": ""}

    dynamodb.tag_resource(ResourceArn=arn, Tags=tags(a="9", c="3"))
    assert tags_once(4) == {"a": "9", "b": "2", "c": "3", "empty": ""}

    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a", "b", "empty", "never"])
    assert tags_once(1) == {"c": "3"}


def test_tags_come_in_pages_of_ten(dynamodb, arn, tags_once):
    dynamodb.tag_resource(ResourceArn=arn, Tags=tags(**{f"k{n}": str(n) for n in range(25)}))

    assert tags_once(25) == {f"k{number}": str(number) for number in range(25)}


def test_51_tags_are_too_many(dynamodb, arn, tags_once):
    dynamodb.tag_resource(ResourceArn=arn, Tags=tags(**{f"k{n}": "v" for n in range(50)}))
    tags_once(50)

    with invalid("Number of Tags exceed the current limit for the provided ResourceArn"):
        dynamodb.tag_resource(ResourceArn=arn, Tags=tags(more="v"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "Atleast one Tag needs to be provided as Input."),
        (tags(**{"aws:x": "v"}), "Tag Key cannot be prefixed with aws:, Key: aws:x"),
        (
            tags(a="1") + tags(a="2"),
            "Duplicate Tag Keys provided as input: Duplicate Tag Key found a",
        ),
    ],
    ids=["none", "prefix", "duplicate"],
)
def test_faulty_tags_are_refused(dynamodb, arn, given, message):
    with invalid() as refusal:
        dynamodb.tag_resource(ResourceArn=arn, Tags=given)

    assert message in refusal.message


@pytest.mark.parametrize("given", [tags(**{"k" * 129: "v"}), tags(k="v" * 257), tags(**{"": "v"})])
def test_tags_have_limits(dynamodb, arn, given):
    with invalid():
        dynamodb.tag_resource(ResourceArn=arn, Tags=given)


def test_text_that_is_no_arn_is_refused(dynamodb):
    with invalid("Invalid TableArn: Invalid ResourceArn provided as input text"):
        dynamodb.list_tags_of_resource(ResourceArn="text")


def test_arn_of_something_else_is_refused(dynamodb):
    arn = "arn:aws:s3:::bucket"

    with invalid(
        VALUES + "Invalid resource arn provided, only table or stream is accepted. "
        f"Provided resource arn: {arn}"
    ):
        dynamodb.list_tags_of_resource(ResourceArn=arn)


def test_unknown_table_is_not_found(dynamodb, arn):
    unknown = arn + "-unknown"

    with missing(f"Requested resource not found: ResourcArn: {unknown} not found"):
        dynamodb.tag_resource(ResourceArn=unknown, Tags=tags(a="1"))
