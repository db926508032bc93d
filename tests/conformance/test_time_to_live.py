"""Time to live: switched on and off and, on Headwater, items that go soon after their time.

When an item is gone, its removal is in the stream: that is how tests wait. AWS takes up to days to
delete what has expired and about an hour to change time to live, so most here is `local_only`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.clock import SystemClock
from tests.conformance.definition import attributes, index
from tests.conformance.expectation import invalid, met_in_passing, missing
from tests.conformance.stream_reading import Follower
from tests.conftest import LOOKS_MAX, Tables

YEAR = 365 * 24 * 3600
SERVICE = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


class Mortal:
    """A table with a stream, whose items expire at the time in `ttl`."""

    def __init__(self, client: Any, name: str, follower: Follower) -> None:
        self._client = client
        self.name = name
        self._follower = follower

    def put(self, key: str, seconds: float | None = None, **others: Any) -> None:
        """Put an item; seconds: from now until its time."""
        time = {} if seconds is None else {"ttl": {"N": str(int(now() + seconds))}}
        self._client.put_item(TableName=self.name, Item={"pk": {"S": key}, **time, **others})

    def get(self, key: str) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self.name, Key={"pk": {"S": key}}, ConsistentRead=True
        )
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def records(self, key: str, count: int) -> list[dict[str, Any]]:
        """The first records of an item; returns as soon as they are there."""
        for _ in range(10):
            try:
                return self._follower.records(key, count)[:count]
            except AssertionError:  # it gives up sooner than an item goes
                continue
        return self._follower.records(key, count)[:count]

    def wait_for_another(self, key: str) -> None:
        """Return once an item that expires now has gone: so has all that expired before."""
        self.put(key, 0)
        self.records(key, 2)


def now() -> float:
    return SystemClock().now()


def switch(client: Any, name: str, *, is_on: bool, attribute: str = "ttl") -> Any:
    specification = {"Enabled": is_on, "AttributeName": attribute}
    answer = client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    return answer["TimeToLiveSpecification"]


def describe(client: Any, name: str) -> dict[str, str]:
    description: dict[str, str] = client.describe_time_to_live(TableName=name)[
        "TimeToLiveDescription"
    ]
    return description


def wait_for(client: Any, name: str, status: str) -> None:
    for _ in range(LOOKS_MAX):
        if describe(client, name)["TimeToLiveStatus"] == status:
            return
    raise AssertionError(f"time to live of {name} is not {status}")


@pytest.fixture(scope="session")
def mortal(lasting_tables: Tables, dynamodb: Any, dynamodbstreams: Any) -> Mortal:
    """A table whose items expire, with a global index `by_colour`."""
    table = lasting_tables.make(
        **attributes(("pk", "S"), ("colour", "S")),
        GlobalSecondaryIndexes=[index("by_colour", "colour")],
        StreamSpecification=STREAM,
    )
    name = table["TableName"]
    switch(dynamodb, name, is_on=True)
    wait_for(dynamodb, name, "ENABLED")
    return Mortal(dynamodb, name, Follower(dynamodbstreams, table["LatestStreamArn"]))


def test_new_table_has_no_time_to_live(dynamodb: Any, simple: str) -> None:
    assert describe(dynamodb, simple) == {"TimeToLiveStatus": "DISABLED"}


def test_enabling_is_answered_and_described(dynamodb: Any, make_table: Any) -> None:
    name = make_table()["TableName"]

    answer = switch(dynamodb, name, is_on=True, attribute="until")

    assert answer == {"Enabled": True, "AttributeName": "until"}
    description = describe(dynamodb, name)
    assert description["TimeToLiveStatus"] in ("ENABLING", "ENABLED")
    assert description["AttributeName"] == "until"


def test_disabling_what_is_disabled_is_refused(dynamodb: Any, simple: str) -> None:
    with invalid("TimeToLive is already disabled"):
        switch(dynamodb, simple, is_on=False)


def test_unknown_table_is_not_found(dynamodb: Any, unique_name: Callable[[str], str]) -> None:
    name = unique_name("unknown")

    with missing(f"Requested resource not found: Table: {name} not found"):
        describe(dynamodb, name)
    with missing(f"Requested resource not found: Table: {name} not found"):
        switch(dynamodb, name, is_on=True)


def test_name_of_the_attribute_is_not_empty(dynamodb: Any, simple: str) -> None:
    with invalid():
        switch(dynamodb, simple, is_on=True, attribute="")


def test_table_being_created_cannot_be_described_or_switched(
    dynamodb: Any, unique_name: Callable[[str], str], tables: Tables
) -> None:
    names = []

    def create() -> str:
        names.append(unique_name("table"))
        dynamodb.create_table(
            TableName=names[-1],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            **attributes(("pk", "S")),
            BillingMode="PAY_PER_REQUEST",
        )
        return names[-1]

    _, described = met_in_passing(create, lambda table: describe(dynamodb, table))
    switched, _ = met_in_passing(create, lambda table: switch(dynamodb, table, is_on=True))

    assert described == (
        "Cannot describe time to live while table is in CREATING state: "
        "Current table state is CREATING"
    )
    assert switched == "ResourceInUseException"
    for name in names:
        tables.wait(name)
        dynamodb.delete_table(TableName=name)


@pytest.mark.local_only
def test_enabling_what_is_enabled_is_refused(dynamodb: Any, mortal: Mortal) -> None:
    with invalid("TimeToLive is already enabled"):
        switch(dynamodb, mortal.name, is_on=True)


@pytest.mark.local_only
@pytest.mark.parametrize("is_on", [True, False])
def test_another_attribute_is_refused(dynamodb: Any, mortal: Mortal, is_on: bool) -> None:
    with invalid("TimeToLive is active on a different AttributeName: current AttributeName is ttl"):
        switch(dynamodb, mortal.name, is_on=is_on, attribute="other")


@pytest.mark.local_only
def test_disabled_table_can_be_enabled_by_another_attribute(dynamodb: Any, make_table: Any) -> None:
    name = make_table()["TableName"]
    switch(dynamodb, name, is_on=True)
    wait_for(dynamodb, name, "ENABLED")

    switch(dynamodb, name, is_on=False)
    wait_for(dynamodb, name, "DISABLED")
    switch(dynamodb, name, is_on=True, attribute="other")
    wait_for(dynamodb, name, "ENABLED")

    assert describe(dynamodb, name)["AttributeName"] == "other"


@pytest.mark.local_only
@pytest.mark.parametrize("seconds", [-60, 1])
def test_item_goes_once_its_time_has_come(mortal: Mortal, key: str, seconds: int) -> None:
    mortal.put(key, seconds, note={"S": "a"})

    _, removal = mortal.records(key, 2)

    assert removal["eventName"] == "REMOVE"
    assert removal["userIdentity"] == SERVICE
    assert removal["dynamodb"]["OldImage"]["note"] == {"S": "a"}
    assert removal["dynamodb"]["ApproximateCreationDateTime"].timestamp() >= int(
        removal["dynamodb"]["OldImage"]["ttl"]["N"]
    )
    assert mortal.get(key) is None


@pytest.mark.local_only
def test_deletion_by_a_user_is_nobodys_but_the_users(
    dynamodb: Any, mortal: Mortal, key: str
) -> None:
    mortal.put(key, 3600)

    dynamodb.delete_item(TableName=mortal.name, Key={"pk": {"S": key}})

    _, removal = mortal.records(key, 2)
    assert removal["eventName"] == "REMOVE"
    assert "userIdentity" not in removal


@pytest.mark.local_only
def test_expired_item_leaves_the_index(dynamodb: Any, mortal: Mortal, key: str) -> None:
    mortal.put(key, -60, colour={"S": key})

    mortal.records(key, 2)

    found = dynamodb.query(
        TableName=mortal.name,
        IndexName="by_colour",
        KeyConditionExpression="colour = :c",
        ExpressionAttributeValues={":c": {"S": key}},
    )
    assert found["Items"] == []


@pytest.mark.local_only
@pytest.mark.parametrize(
    "time",
    [
        {"S": "1600000000"},
        {"NS": ["1600000000"]},
        {"M": {"ttl": {"N": "1600000000"}}},
        {"N": "-1600000000"},
        {"N": "0"},
    ],
    ids=str,
)
def test_item_without_a_time_that_counts_stays(mortal: Mortal, key: str, time: Any) -> None:
    mortal.put(key, ttl=time)

    mortal.wait_for_another(f"{key}-other")

    assert mortal.get(key) == {"pk": {"S": key}, "ttl": time}


@pytest.mark.local_only
@pytest.mark.parametrize(("years", "stays"), [(4.9, False), (5.1, True)])
def test_time_of_more_than_five_years_ago_does_not_count(
    mortal: Mortal, key: str, years: float, stays: bool
) -> None:
    mortal.put(key, -years * YEAR)

    mortal.wait_for_another(f"{key}-other")

    assert (mortal.get(key) is not None) == stays


@pytest.mark.local_only
def test_item_whose_time_is_put_off_in_time_stays(dynamodb: Any, mortal: Mortal, key: str) -> None:
    def put_off(own: str) -> None:
        dynamodb.update_item(
            TableName=mortal.name,
            Key={"pk": {"S": own}},
            UpdateExpression="SET #ttl = #ttl + :more",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":more": {"N": "3600"}},
        )

    for seconds in (2, 10, 60):
        own = f"{key}-{seconds}"
        mortal.put(own, seconds)
        with suppress(ClientError):  # it has gone already: this machine is slow
            put_off(own)
            break

    mortal.put(f"{key}-other", seconds + 1)
    mortal.records(f"{key}-other", 2)
    assert mortal.get(own) is not None


@pytest.mark.local_only
def test_items_from_before_it_was_enabled_go_too(
    dynamodb: Any, dynamodbstreams: Any, make_table: Any
) -> None:
    table = make_table(StreamSpecification=STREAM)
    name, stream = table["TableName"], table["LatestStreamArn"]
    before = Mortal(dynamodb, name, Follower(dynamodbstreams, stream))
    before.put("a", -60)

    switch(dynamodb, name, is_on=True)

    _, removal = before.records("a", 2)
    assert removal["userIdentity"] == SERVICE


@pytest.mark.local_only
def test_nothing_goes_once_it_is_disabled(dynamodb: Any, make_table: Any, mortal: Mortal) -> None:
    name = make_table()["TableName"]
    switch(dynamodb, name, is_on=True)
    wait_for(dynamodb, name, "ENABLED")
    switch(dynamodb, name, is_on=False)
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "ttl": {"N": str(int(now()) - 60)}})

    mortal.wait_for_another(f"another-of-{name}")

    assert "Item" in dynamodb.get_item(TableName=name, Key={"pk": {"S": "a"}}, ConsistentRead=True)
