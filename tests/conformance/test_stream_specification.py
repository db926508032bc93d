"""StreamSpecification of UpdateTable: turning a stream on and off, and what is refused."""

import re
from contextlib import suppress

import pytest

from tests.conformance.definition import THROUGHPUT, VIEWS, attributes, index, keys
from tests.conformance.expectation import VALUES, invalid, met_in_passing

LABEL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")


def enabled(view="KEYS_ONLY"):
    return {"StreamEnabled": True, "StreamViewType": view}


DISABLED = {"StreamEnabled": False}


@pytest.fixture
def switch(dynamodb, tables):
    """Changes the stream of a table; returns the answer's description and the later one."""

    def call(table, specification):
        answer = dynamodb.update_table(
            TableName=table["TableName"], StreamSpecification=specification
        )
        return answer["TableDescription"], tables.wait(table["TableName"])

    return call


@pytest.mark.parametrize("view", VIEWS)
def test_stream_can_be_enabled_later(make_table, switch, view):
    answered, later = switch(make_table(), enabled(view))

    assert answered["TableStatus"] == "UPDATING"
    assert answered["StreamSpecification"] == enabled(view)
    assert LABEL.fullmatch(answered["LatestStreamLabel"])
    assert answered["LatestStreamArn"] == (
        f"{answered['TableArn']}/stream/{answered['LatestStreamLabel']}"
    )
    assert later["StreamSpecification"] == enabled(view)
    assert later["LatestStreamArn"] == answered["LatestStreamArn"]


def test_label_is_the_time_of_enabling(streamed, dynamodbstreams):
    table = streamed["KEYS_ONLY"]

    stream = dynamodbstreams.describe_stream(StreamArn=table["LatestStreamArn"])[
        "StreamDescription"
    ]

    assert LABEL.fullmatch(table["LatestStreamLabel"])
    assert stream["StreamLabel"] == table["LatestStreamLabel"]
    asked = stream["CreationRequestDateTime"].utctimetuple()
    assert table["LatestStreamLabel"][:4] == str(asked.tm_year)


def test_disabled_stream_stays_the_latest(make_table, switch):
    table = make_table(StreamSpecification=enabled())

    _, later = switch(table, DISABLED)

    assert "StreamSpecification" not in later
    assert later["LatestStreamArn"] == table["LatestStreamArn"]
    assert later["LatestStreamLabel"] == table["LatestStreamLabel"]


def test_enabled_again_is_another_stream(make_table, switch):
    table = make_table(StreamSpecification=enabled())
    switch(table, DISABLED)

    answered, _ = switch(table, enabled("NEW_IMAGE"))

    assert answered["LatestStreamArn"] != table["LatestStreamArn"]
    assert answered["StreamSpecification"] == enabled("NEW_IMAGE")


def test_other_changes_keep_the_stream(dynamodb, make_table, tables):
    table = make_table(StreamSpecification=enabled())

    dynamodb.update_table(TableName=table["TableName"], DeletionProtectionEnabled=True)
    later = tables.wait(table["TableName"])
    dynamodb.update_table(TableName=table["TableName"], DeletionProtectionEnabled=False)
    tables.wait(table["TableName"])

    assert later["LatestStreamArn"] == table["LatestStreamArn"]


@pytest.mark.parametrize("view", ["KEYS_ONLY", "NEW_IMAGE"])
def test_enabled_stream_cannot_be_enabled(make_table, switch, view):
    table = make_table(StreamSpecification=enabled("KEYS_ONLY"))

    with invalid(f"Table already has an enabled stream: TableName: {table['TableName']}"):
        switch(table, enabled(view))


def test_absent_stream_cannot_be_disabled(dynamodb, simple):
    with invalid(f"Table has no stream to disable: TableName: {simple}"):
        dynamodb.update_table(TableName=simple, StreamSpecification=DISABLED)


def test_disabled_stream_cannot_be_disabled(make_table, switch):
    table = make_table(StreamSpecification=enabled())
    switch(table, DISABLED)

    with invalid(f"Table has no stream to disable: TableName: {table['TableName']}"):
        switch(table, DISABLED)


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        (
            {"StreamEnabled": True},
            VALUES + "If stream is being enabled then UpdateViewType is required",
        ),
        (
            {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
            VALUES + "If stream is being disabled, then UpdateViewType must not be specified",
        ),
        (
            {},
            (
                "1 validation error detected: Value null at 'streamSpecification.streamEnabled' "
                "failed to satisfy constraint: Member must not be null"
            ),
        ),
    ],
    ids=["no view", "view of none", "neither on nor off"],
)
def test_faulty_specification_is_refused(dynamodb, simple, specification, message):
    with invalid(message):
        dynamodb.update_table(TableName=simple, StreamSpecification=specification)


def test_unknown_view_names_its_place(dynamodb, simple):
    with invalid() as refusal:
        dynamodb.update_table(TableName=simple, StreamSpecification=enabled("ALL"))

    assert refusal.message.startswith(
        "1 validation error detected: Value 'ALL' at 'streamSpecification.streamViewType' failed "
        "to satisfy constraint: Member must satisfy enum value set: ["
    )


def test_stream_and_throughput_do_not_change_together(dynamodb, make_table):
    table = make_table(
        **keys(("pk", "S")), BillingMode="PROVISIONED", ProvisionedThroughput=THROUGHPUT
    )

    with invalid(VALUES + "You cannot modify stream status while updating table IOPS"):
        dynamodb.update_table(
            TableName=table["TableName"],
            StreamSpecification=enabled(),
            ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 9},
        )


def test_stream_and_index_do_not_change_together(dynamodb, simple):
    with invalid(VALUES + "You cannot create or delete index while changing stream status"):
        dynamodb.update_table(
            TableName=simple,
            StreamSpecification=enabled(),
            **attributes(("pk", "S"), ("a", "S")),
            GlobalSecondaryIndexUpdates=[{"Create": index("one", "a")}],
        )


@pytest.fixture
def enabling(dynamodb, make_table, tables):
    """Gives the name of a table whose stream is being enabled."""
    names = []

    def call():
        names.append(make_table()["TableName"])
        dynamodb.update_table(TableName=names[-1], StreamSpecification=enabled())
        return names[-1]

    yield call
    for name in names:
        with suppress(dynamodb.exceptions.ResourceNotFoundException):
            tables.wait(name)


def test_busy_table_keeps_its_stream(dynamodb, enabling, tables):
    names = []

    def disable(name):
        names.append(name)
        dynamodb.update_table(TableName=name, StreamSpecification=DISABLED)

    code, _ = met_in_passing(enabling, disable)

    assert code == "ResourceInUseException"
    assert tables.wait(names[-1])["StreamSpecification"] == enabled()


def test_table_whose_stream_is_being_enabled_cannot_be_deleted(dynamodb, enabling):
    code, _ = met_in_passing(enabling, lambda name: dynamodb.delete_table(TableName=name))

    assert code == "ResourceInUseException"
