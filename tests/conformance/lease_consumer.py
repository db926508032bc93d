"""A consumer of a stream as the Kinesis Client Library 1 is one, in plain boto3 and in one thread.

A lease of each shard lies in a table and changes by the legacy conditions on its counter; a shard's
is made once its parent's has come to SHARD_END. Nobody tries again in the middle of anything: what
was refused, or had no answer, waits for the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

END: Final = "SHARD_END"
OLDEST: Final = "TRIM_HORIZON"
LOST: Final = "ConditionalCheckFailedException"
EXPIRED: Final = "ExpiredIteratorException"

Record = dict[str, Any]
Lease = dict[str, dict[str, Any]]


class LeaseConsumer:
    """Hands every record to a function, then stores its number."""

    def __init__(
        self,
        clients: tuple[Any, Any],
        stream_arn: str,
        leases: str,
        handle: Callable[[Record], None],
    ) -> None:
        """clients: of DynamoDB Streams and of DynamoDB. leases: the table, which is there."""
        self._streams, self._tables = clients
        self._stream_arn = stream_arn
        self._table = leases
        self._handle = handle
        self._iterators: dict[str, str] = {}
        self.refusals: list[str] = []

    def round(self) -> None:
        """Make the leases that are due, then read a page of every shard that is not finished."""
        if not self._try(self._make_leases):
            return
        leases = self._try(self._leases) or {}
        for shard, lease in leases.items():
            if lease["checkpoint"]["S"] != END:
                self._try(partial(self._read, shard, lease))

    def _try(self, step: Callable[[], Any]) -> Any:
        """What a step gives; None if it failed, which is told by `refusals`."""
        try:
            return step()
        except ClientError as error:
            self.refusals.append(error.response["Error"]["Code"])
        except BotoCoreError as error:
            self.refusals.append(type(error).__name__)
        return None

    def _make_leases(self) -> bool:
        known = self._leases()
        shards = self._shards()
        for shard_id, parent in shards.items():
            is_due = parent not in shards or _is_finished(known.get(str(parent)))
            if shard_id not in known and is_due:
                self._make_lease(shard_id, parent)
        return True

    def _make_lease(self, shard_id: str, parent: str | None) -> None:
        lease: Lease = {
            "leaseKey": {"S": shard_id},
            "leaseCounter": {"N": "0"},
            "checkpoint": {"S": OLDEST},
        }
        if parent is not None:
            lease["parentShardId"] = {"SS": [parent]}
        expected = {"leaseKey": {"Exists": False}}
        try:
            self._tables.put_item(TableName=self._table, Item=lease, Expected=expected)
        except ClientError as error:  # it was made when the answer was lost
            if error.response["Error"]["Code"] != LOST:
                raise

    def _leases(self) -> dict[str, Lease]:
        found = self._tables.scan(TableName=self._table, ConsistentRead=True)["Items"]
        return {lease["leaseKey"]["S"]: lease for lease in found}

    def _shards(self) -> dict[str, str | None]:
        """Every shard's parent."""
        found: dict[str, str | None] = {}
        start: dict[str, str] = {}
        while True:
            asked = {"StreamArn": self._stream_arn, **start}
            page = self._streams.describe_stream(**asked)["StreamDescription"]
            found |= {each["ShardId"]: each.get("ParentShardId") for each in page["Shards"]}
            if "LastEvaluatedShardId" not in page:
                return found
            start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def _read(self, shard: str, lease: Lease) -> None:
        iterator = self._iterators.pop(shard, None) or self._iterator(shard, lease)
        try:
            page = self._streams.get_records(ShardIterator=iterator)
        except ClientError as error:
            if error.response["Error"]["Code"] != EXPIRED:
                self._iterators[shard] = iterator
            raise
        for record in page["Records"]:
            self._handle(record)
        following = page.get("NextShardIterator")
        if following is None:
            self._checkpoint(lease, END)
        elif page["Records"]:
            self._checkpoint(lease, page["Records"][-1]["dynamodb"]["SequenceNumber"])
        if following is not None:
            self._iterators[shard] = following

    def _iterator(self, shard: str, lease: Lease) -> str:
        position = lease["checkpoint"]["S"]
        place = {"ShardIteratorType": OLDEST}
        if position != OLDEST:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
        answer = self._streams.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard, **place
        )
        return str(answer["ShardIterator"])

    def _checkpoint(self, lease: Lease, position: str) -> None:
        """Store a position; where that fails, the page comes again."""
        counter = lease["leaseCounter"]["N"]
        self._tables.update_item(
            TableName=self._table,
            Key={"leaseKey": lease["leaseKey"]},
            AttributeUpdates={
                "leaseCounter": {"Action": "PUT", "Value": {"N": str(int(counter) + 1)}},
                "checkpoint": {"Action": "PUT", "Value": {"S": position}},
            },
            Expected={"leaseCounter": {"Value": {"N": counter}}},
        )


def _is_finished(lease: Lease | None) -> bool:
    return lease is not None and lease["checkpoint"]["S"] == END
