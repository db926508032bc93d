from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.errors import ValidationException
from headwater.storage.keyspace import TableId
from headwater.streaming import states
from headwater.tables import partitions
from headwater.tables.schema import KeyAttribute, KeySchema, Table, TableStatus, Units
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
OTHER = f"{ARN}-too"
OFF = (StreamingStatus.DISABLED, StreamingStatus.ENABLE_FAILED)


def table(*destinations: StreamingDestination) -> Table:
    made = Table(
        "us-east-1",
        "orders",
        TableId("0"),
        TableStatus.ACTIVE,
        1.0,
        KeySchema((KeyAttribute("k", "S"),)),
        partitions.initial(Units(), 1),
    )
    return replace(made, streaming=destinations)


def destination(status: StreamingStatus, arn: str = ARN, turn: int = 1) -> StreamingDestination:
    return StreamingDestination(arn, status, None, turn=turn)


def test_first_enabling_is_the_first_turn() -> None:
    assert states.enabled(table(), ARN, None) == destination(StreamingStatus.ENABLING)


@pytest.mark.parametrize("status", OFF)
def test_enabling_again_is_another_turn(status: StreamingStatus) -> None:
    before = table(destination(status, turn=3))

    assert states.enabled(before, ARN, "MICROSECOND") == StreamingDestination(
        ARN, StreamingStatus.ENABLING, "MICROSECOND", turn=4
    )


@pytest.mark.parametrize("arn", [ARN, OTHER])
@pytest.mark.parametrize("status", [each for each in StreamingStatus if each not in OFF])
def test_table_has_one_destination_that_is_on(status: StreamingStatus, arn: str) -> None:
    with pytest.raises(ValidationException, match="must be DISABLED or ENABLE_FAILED"):
        states.enabled(table(destination(status)), arn, None)


def test_table_whose_destination_is_off_may_have_another() -> None:
    before = table(destination(StreamingStatus.DISABLED))

    new = states.enabled(before, OTHER, None)

    assert [each.stream_arn for each in states.put(before, new).streaming] == [ARN, OTHER]


@pytest.mark.parametrize("status", [each for each in StreamingStatus if each != "ACTIVE"])
def test_only_what_is_active_is_disabled_or_updated(status: StreamingStatus) -> None:
    before = table(destination(status))

    with pytest.raises(ValidationException, match="must be ACTIVE to perform DISABLE"):
        states.disabled(before, ARN)
    with pytest.raises(ValidationException, match="not in ACTIVE state"):
        states.updated(before, ARN, "MICROSECOND")


@pytest.mark.parametrize(("present", "same"), [(None, "MILLISECOND"), ("MICROSECOND",) * 2])
def test_precision_is_changed_to_another_one(present: str | None, same: str) -> None:
    active = replace(destination(StreamingStatus.ACTIVE), precision=present)
    other = "MILLISECOND" if same == "MICROSECOND" else "MICROSECOND"

    changed = states.updated(table(active), ARN, other)

    assert (changed.status, changed.precision) == (StreamingStatus.UPDATING, other)
    with pytest.raises(ValidationException, match=f"already set to the desired value of {same}"):
        states.updated(table(active), ARN, same)


def test_destination_that_is_none_of_the_tables_is_told() -> None:
    with pytest.raises(ValidationException, match="must be ACTIVE to perform DISABLE"):
        states.disabled(table(), ARN)
    with pytest.raises(
        ValidationException, match=f"No streaming destination with streamArn: {ARN}"
    ):
        states.updated(table(), ARN, "MICROSECOND")
