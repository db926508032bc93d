"""Places in a shard and their texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headwater.consumer.position import (
    LATEST,
    SHARD_END,
    TRIM_HORIZON,
    After,
    AtTimestamp,
    Position,
    iterator_members,
    parse,
    start_of,
    text_of,
)

NUMBER = 300000000000000499659


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (TRIM_HORIZON, "TRIM_HORIZON"),
        (SHARD_END, "SHARD_END"),
        (AtTimestamp(1700000000.25), "AT_TIMESTAMP 1700000000.25"),
        (After(NUMBER), str(NUMBER)),
    ],
)
def test_text_and_back(position: Position, text: str) -> None:
    assert text_of(position) == text
    assert parse(text) == position


def test_what_is_no_position_is_refused() -> None:
    with pytest.raises(ValueError, match="LATEST"):
        parse("LATEST")


def test_latest_starts_at_the_beginning_of_its_second() -> None:
    assert start_of(LATEST, 1700000000.9) == AtTimestamp(1700000000.0)
    assert start_of(TRIM_HORIZON, 1.0) == TRIM_HORIZON
    assert start_of(AtTimestamp(5.5), 9.0) == AtTimestamp(5.5)


@pytest.mark.parametrize(
    ("position", "members"),
    [
        (TRIM_HORIZON, {"ShardIteratorType": "TRIM_HORIZON"}),
        (LATEST, {"ShardIteratorType": "LATEST"}),
        (
            AtTimestamp(1.5),
            {
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC),
            },
        ),
        (
            After(7),
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "7".zfill(21)},
        ),
    ],
)
def test_members_of_the_request(position: Position, members: dict[str, object]) -> None:
    assert iterator_members(position) == members
