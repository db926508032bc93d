"""A table's destinations as they change. Pure.

    asked for   passing     at rest
    ---------   ---------   -----------------------------------------------
    enable      ENABLING    ACTIVE, or ENABLE_FAILED if there is no such stream
    update      UPDATING    ACTIVE
    disable     DISABLING   DISABLED; it stays listed

Texts: observed on AWS; API Reference, "EnableKinesisStreamingDestination" and its family.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from headwater.errors import ValidationException
from headwater.tables.schema import Table
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus

_NOT_READY: Final = "Table is not in a valid state to enable Kinesis Streaming Destination: "
DEFAULT_PRECISION: Final = "MILLISECOND"


def find(table: Table, stream_arn: str) -> StreamingDestination | None:
    return next((each for each in table.streaming if each.stream_arn == stream_arn), None)


def enabled(table: Table, stream_arn: str, precision: str | None) -> StreamingDestination:
    """What enabling makes of a destination, old or new. A table has one that is on at a time.

    Raises ValidationException.
    """
    if any(not each.status.is_off for each in table.streaming):
        raise ValidationException(
            f"{_NOT_READY}EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to "
            "perform ENABLE operation."
        )
    before = find(table, stream_arn)
    turn = 1 if before is None else before.turn + 1
    return StreamingDestination(stream_arn, StreamingStatus.ENABLING, precision, turn=turn)


def disabled(table: Table, stream_arn: str) -> StreamingDestination:
    """Raises ValidationException if it is not active."""
    destination = find(table, stream_arn)
    if destination is None or destination.status is not StreamingStatus.ACTIVE:
        raise ValidationException(
            f"{_NOT_READY}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
        )
    return replace(destination, status=StreamingStatus.DISABLING)


def updated(table: Table, stream_arn: str, precision: str) -> StreamingDestination:
    """Raises ValidationException if it is not active, or has the precision already."""
    destination = find(table, stream_arn)
    if destination is None:
        raise ValidationException(
            f"{_NOT_READY}No streaming destination with streamArn: {stream_arn} found for table "
            f"with tableName: {table.name}"
        )
    if destination.status is not StreamingStatus.ACTIVE:
        raise ValidationException(
            f"{_NOT_READY}Kinesis streaming is not in ACTIVE state. Updates are only allowed in "
            f"ACTIVE state. TableName: {table.name}, kdsArn: {stream_arn}"
        )
    if (destination.precision or DEFAULT_PRECISION) == precision:
        raise ValidationException(
            f"Invalid Request: Precision is already set to the desired value of {precision} for "
            f"tableId: {table.table_id}, kdsArn: {stream_arn}"
        )
    return replace(destination, status=StreamingStatus.UPDATING, precision=precision)


def put(table: Table, destination: StreamingDestination) -> Table:
    """The table with a destination in its place, or behind the others if it is new."""
    arn = destination.stream_arn
    if find(table, arn) is None:
        return table.changed(streaming=(*table.streaming, destination))
    return table.changed(
        streaming=tuple(destination if each.stream_arn == arn else each for each in table.streaming)
    )
