"""Where records go: the data streams of this server, or those of another service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from headwater.aws import AwsService, CallFailed
from headwater.datastreams.catalog import DataStreams
from headwater.datastreams.stream import hash_key
from headwater.datastreams.writing import Intake, NewRecord
from headwater.errors import ResourceNotFoundException, ServiceError


class Record(NamedTuple):
    """A record to put."""

    partition_key: str
    data: bytes


class NotPut(Exception):
    """The stream is gone, cannot be reached or is busy. The text says why."""


class Target(Protocol):
    """Data streams by region and name."""

    async def has(self, region: str, name: str) -> bool:
        """Whether there is such a stream. Raises NotPut if nobody can say."""

    async def put(self, region: str, name: str, records: Sequence[Record]) -> int:
        """Put records; how many of the first ones are there for good. Raises NotPut."""


class OwnStreams:
    """The data streams of this server. A call's records are put in one commit."""

    def __init__(self, streams: DataStreams, intake: Intake) -> None:
        self._streams = streams
        self._intake = intake

    async def has(self, region: str, name: str) -> bool:
        try:
            return (await self._streams.find(region, name)).status.takes_records
        except ResourceNotFoundException:
            return False

    async def put(self, region: str, name: str, records: Sequence[Record]) -> int:
        new = [NewRecord(key, data, hash_key(key)) for key, data in records]
        try:
            await self._intake.put(region, name, new)
        except ServiceError as error:
            raise NotPut(str(error)) from error
        return len(records)


class OtherStreams:
    """The data streams of a service that speaks Kinesis' protocol."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._services: dict[str, AwsService] = {}

    async def has(self, region: str, name: str) -> bool:
        try:
            await self._service(region).call("describe_stream_summary", StreamName=name)
        except CallFailed as error:
            if error.code == "ResourceNotFoundException":
                return False
            raise NotPut(str(error)) from error
        return True

    async def put(self, region: str, name: str, records: Sequence[Record]) -> int:
        wanted = [{"PartitionKey": key, "Data": data} for key, data in records]
        try:
            answer = await self._service(region).call(
                "put_records", StreamName=name, Records=wanted
            )
        except CallFailed as error:
            raise NotPut(str(error)) from error
        for index, each in enumerate(answer["Records"]):
            if "ErrorCode" in each:
                if index:
                    return index
                raise NotPut(each.get("ErrorMessage", each["ErrorCode"]))
        return len(records)

    def _service(self, region: str) -> AwsService:
        if region not in self._services:
            self._services[region] = AwsService("kinesis", self._endpoint, region)
        return self._services[region]
