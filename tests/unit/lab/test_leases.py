"""What the items of lease tables say of a consumer's place."""

from __future__ import annotations

import pytest

from headwater.consumer.position import (
    LATEST,
    SHARD_END,
    TRIM_HORIZON,
    After,
    AtTimestamp,
    Position,
)
from headwater.lab.leases import has_passed, leases_of
from headwater.streams.shard import sequence_text

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-11-28T10:00:00.000"
SECOND = 1_700_000_000
NUMBER = 7


@pytest.mark.parametrize(
    ("position", "passed"),
    [
        (After(int(sequence_text(NUMBER - 1))), False),
        (After(int(sequence_text(NUMBER))), True),
        (TRIM_HORIZON, False),
        (SHARD_END, True),
        (AtTimestamp(SECOND), False),
        (AtTimestamp(SECOND + 1), True),
    ],
)
def test_position_passes_a_record(position: Position, passed: bool) -> None:
    assert has_passed(position, NUMBER, SECOND * 1_000_000, 0) is passed


@pytest.mark.parametrize(("registered_at", "passed"), [(SECOND, False), (SECOND + 1, True)])
def test_latest_begins_where_it_was_registered(
    registered_at: float,
    passed: bool,
) -> None:
    assert has_passed(LATEST, NUMBER, SECOND * 1_000_000, registered_at) is passed


def test_start_of_the_library_is_where_shards_without_a_lease_begin() -> None:
    start = {"leaseKey": {"S": f"start {ARN}"}, "checkpoint": {"S": "AT_TIMESTAMP 5.0"}}
    other = {"leaseKey": {"S": "start other"}, "checkpoint": {"S": "AT_TIMESTAMP 6.0"}}

    leases = leases_of([start, other], ARN)

    assert leases.start == AtTimestamp(5.0)
    assert leases.held == {}


def test_item_of_another_stream_is_no_lease_of_this() -> None:
    item = {
        "leaseKey": {"S": "shard"},
        "streamArn": {"S": "other"},
        "leaseCounter": {"N": "1"},
        "checkpoint": {"S": "1"},
    }

    assert leases_of([item], ARN).held == {}
    assert leases_of([{**item, "streamArn": {"S": ARN}}], ARN).held.keys() == {"shard"}
