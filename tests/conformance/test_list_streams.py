"""ListStreams."""

from typing import Any

import pytest

from tests.conformance.expectation import invalid


@pytest.fixture
def list_all(dynamodbstreams):
    """Every stream, page by page."""

    def call(**options):
        found: list[Any] = []
        start: dict[str, str] = {}
        while True:
            page = dynamodbstreams.list_streams(**options, **start)
            found += page["Streams"]
            if "LastEvaluatedStreamArn" not in page:
                return found
            start = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}

    return call


def test_stream_of_a_table_is_listed(dynamodbstreams, streamed):
    table = streamed["NEW_IMAGE"]

    page = dynamodbstreams.list_streams(TableName=table["TableName"])

    assert page["Streams"] == [
        {
            "StreamArn": table["LatestStreamArn"],
            "TableName": table["TableName"],
            "StreamLabel": table["LatestStreamLabel"],
        }
    ]
    assert "LastEvaluatedStreamArn" not in page


def test_table_without_a_stream_has_none(dynamodbstreams, simple):
    page = dynamodbstreams.list_streams(TableName=simple)

    assert page["Streams"] == []


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_join_to_the_whole(list_all, streamed, limit):
    arns = [each["StreamArn"] for each in list_all(Limit=limit)]

    assert len(arns) == len(set(arns))
    assert {table["LatestStreamArn"] for table in streamed.values()} <= set(arns)


def test_last_arn_is_that_of_the_last_stream(dynamodbstreams, streamed):
    page = dynamodbstreams.list_streams(Limit=2)

    assert page["LastEvaluatedStreamArn"] == page["Streams"][-1]["StreamArn"]
    assert len(page["Streams"]) == 2


def test_page_that_is_not_full_is_the_last(dynamodbstreams, streamed):
    page = dynamodbstreams.list_streams(TableName=streamed["NEW_IMAGE"]["TableName"], Limit=2)

    assert "LastEvaluatedStreamArn" not in page


@pytest.mark.parametrize("limit", [0, 101])
def test_limit_has_bounds(dynamodbstreams, limit):
    with invalid():
        dynamodbstreams.list_streams(Limit=limit)


@pytest.mark.parametrize("start", ["x", "x" * 50, "arn:aws:dynamodb:us-east-1:1:table/a"])
def test_start_that_is_no_arn_is_refused(dynamodbstreams, start):
    with invalid():
        dynamodbstreams.list_streams(ExclusiveStartStreamArn=start)


def test_paging_survives_the_deletion_of_where_it_stands(
    dynamodb, dynamodbstreams, make_table, tables, list_all
):
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    made = [make_table(StreamSpecification=stream) for _ in range(3)]
    arns = {table["LatestStreamArn"] for table in made}
    page = dynamodbstreams.list_streams(Limit=1)
    found = page["Streams"]
    for table in made:
        dynamodb.delete_table(TableName=table["TableName"])
    for table in made:
        tables.wait_gone(table["TableName"])

    rest = list_all_from(dynamodbstreams, page.get("LastEvaluatedStreamArn"))

    assert arns <= {each["StreamArn"] for each in found + rest}


def list_all_from(client, start):
    found = []
    while start is not None:
        page = client.list_streams(ExclusiveStartStreamArn=start)
        found += page["Streams"]
        start = page.get("LastEvaluatedStreamArn")
    return found
