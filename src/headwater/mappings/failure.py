"""What a mapping hands to its on-failure destination when it gives records up.

Holds everything the record there says; its shape and the way to the destination are not here.
Source: Lambda Developer Guide, "Retain discarded batch records for a DynamoDB event source".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headwater.consumers.delivery import Reason
from headwater.storage.keyspace import SequenceNumber, ShardId


@dataclass(frozen=True, slots=True)
class FunctionAnswer:
    """How the last invocation ended. function_error: None if the function reported failed items."""

    status_code: int
    executed_version: str
    function_error: str | None


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """Records that a mapping gave up.

    destination: the ARN of the mapping's DestinationConfig. function_arn: with its qualifier.
    request_id: of the last invocation, else a new one. answer: None if age is the reason.
    first, last: of the records. first_us, last_us: their times, microseconds since the epoch.
    at: epoch second. payload: the event with these records, as the function was or would be given.
    """

    mapping_uuid: str
    region: str
    destination: str
    function_arn: str
    stream_arn: str
    request_id: str
    reason: Reason
    invoke_count: int
    answer: FunctionAnswer | None
    shard_id: ShardId
    first: SequenceNumber
    last: SequenceNumber
    first_us: int
    last_us: int
    record_count: int
    at: float
    payload: bytes


class FailureDestination(Protocol):
    """Takes what mappings give up, for all of their destinations."""

    async def accept(self, failed: FailedBatch) -> None:
        """Take a record over; its delivery goes on afterwards.

        Returns once it is kept so that it will be delivered, or is counted as lost; never waits for
        the destination, since the shard waits for this. The position is stored after it returns, so
        the same batch may come again after a crash, with another `at`.
        Raises Unavailable if the store cannot keep it now: the shard stays where it is.
        """
