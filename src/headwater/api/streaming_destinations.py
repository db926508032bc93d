"""Operations on the data streams that a table's changes go to.

Texts: observed on AWS; API Reference, "EnableKinesisStreamingDestination" and its family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_data_stream
from headwater.errors import INVALID, ResourceNotFoundException, ValidationException
from headwater.streaming.service import StreamingService
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table, TableStatus
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus

_PRECISION = "ApproximateCreationDateTimePrecision"


class StreamingDestinationHandlers:
    """The handlers."""

    def __init__(self, catalog: Catalog, service: StreamingService) -> None:
        self._catalog = catalog
        self._service = service

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("dynamodb", "EnableKinesisStreamingDestination"): self.enable,
            ("dynamodb", "DisableKinesisStreamingDestination"): self.disable,
            ("dynamodb", "UpdateKinesisStreamingDestination"): self.update,
            ("dynamodb", "DescribeKinesisStreamingDestination"): self.describe,
        }

    async def enable(self, call: Call) -> Reply:
        table, arn = await self._ready(call)
        asked = call.input.get("EnableKinesisStreamingConfiguration", {})
        await self._service.enable(table, arn, asked.get(_PRECISION))
        configuration = {"EnableKinesisStreamingConfiguration": asked}
        return _answered(table, arn, StreamingStatus.ENABLING, configuration)

    async def disable(self, call: Call) -> Reply:
        if call.input.get("EnableKinesisStreamingConfiguration"):
            raise ValidationException(
                "Streaming destination cannot be updated with given parameters: Stream cannot be "
                "disabled using EnableKinesisStreamingConfiguration parameters"
            )
        table, arn = await self._ready(call)
        await self._service.disable(table, arn)
        return _answered(table, arn, StreamingStatus.DISABLING, {})

    async def update(self, call: Call) -> Reply:
        asked = call.input.get("UpdateKinesisStreamingConfiguration", {})
        if _PRECISION not in asked:
            raise ValidationException(
                "Streaming destination cannot be updated with given parameters: "
                "UpdateKinesisStreamingConfiguration cannot be null or contain only null values"
            )
        table, arn = await self._ready(call)
        await self._service.update(table, arn, asked[_PRECISION])
        configuration = {"UpdateKinesisStreamingConfiguration": asked}
        return _answered(table, arn, StreamingStatus.UPDATING, configuration)

    async def describe(self, call: Call) -> Reply:
        table = await self._table(call)
        shown = [_described(each) for each in table.streaming]
        return Reply.json({"TableName": table.name, "KinesisDataStreamDestinations": shown})

    async def _table(self, call: Call) -> Table:
        name = call.input["TableName"]
        try:
            return await self._catalog.describe(call.region, name)
        except ResourceNotFoundException:
            raise ResourceNotFoundException(
                f"Requested resource not found: Table: {name} not found"
            ) from None

    async def _ready(self, call: Call) -> tuple[Table, str]:
        """The table of a request, and the ARN of a data stream of its account and region."""
        table = await self._table(call)
        if table.status in (TableStatus.CREATING, TableStatus.DELETING):
            raise ResourceNotFoundException(
                f"Requested resource not found: Table: {table.name} not found"
            )
        arn: str = call.input["StreamArn"]
        name = parse_data_stream(arn)
        if name is None or name.consumer is not None:
            raise ValidationException(f"{INVALID}Invalid StreamArn: {arn}")
        if (name.region, name.account) != (call.region, self._catalog.account):
            raise ValidationException(
                f"{INVALID}The Kinesis data stream must be of the table's account and region: {arn}"
            )
        return table, arn


def _answered(
    table: Table, arn: str, status: StreamingStatus, configuration: Mapping[str, Any]
) -> Reply:
    answer = {"TableName": table.name, "StreamArn": arn, "DestinationStatus": status}
    return Reply.json({**answer, **configuration})


def _described(destination: StreamingDestination) -> dict[str, str]:
    shown: dict[str, str] = {
        "StreamArn": destination.stream_arn,
        "DestinationStatus": destination.status,
    }
    if destination.reason:
        shown["DestinationStatusDescription"] = destination.reason
    if destination.precision is not None:
        shown[_PRECISION] = destination.precision
    return shown
