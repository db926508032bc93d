"""The lease table in DynamoDB.

One item for each shard; the key is the shard's id:

    leaseKey       S   the shard, or `start ` and the stream's ARN
    streamArn      S   the stream
    parentShardId  S   the shard's parent, if it has one
    leaseOwner     S   who reads it; absent if nobody does
    promisedOwner  S   who gets it next; absent if nobody has asked
    leaseCounter   N   raised by every change of the owner's
    checkpoint     S   a position, see position.py

and one for each stream, `start `..., whose `checkpoint` is where the consumer began: it is written
once, by whoever is first, and is where every shard without a lease is read from.

What an owner changes it changes on condition that owner and counter are those it knows, so a write
that arrives late, or twice, changes nothing. A write without an answer may have been carried out:
then the condition fails with the owner's own name in the item, and the counter found is taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headwater.clock import Clock
from headwater.consumer import lease_item
from headwater.consumer import position as positions
from headwater.consumer.api import CONDITION_FAILED, IN_USE, NOT_FOUND, Api, CallFailed
from headwater.consumer.lease import Lease
from headwater.consumer.position import Position

_TABLE_POLL_SECONDS: Final = 0.5
_TRIES_MAX: Final = 3
_COUNTED: Final = "leaseOwner = :me AND leaseCounter = :known"


class LeaseGone(Exception):
    """Another owner has the lease, or nobody has it any more."""


class LeaseTable:
    """The leases of one stream, in a table of the consumer's application."""

    def __init__(self, tables: Api, clock: Clock, name: str, stream_arn: str) -> None:
        self._tables = tables
        self._clock = clock
        self._name = name
        self._arn = stream_arn

    async def ensure(self) -> None:
        """Create the table if it is not there, and wait until it can be used."""
        while True:
            try:
                found = await self._tables.call("DescribeTable", {"TableName": self._name})
            except CallFailed as error:
                if error.code != NOT_FOUND:
                    raise
                await self._create()
            else:
                if found["Table"]["TableStatus"] in ("ACTIVE", "UPDATING"):
                    return
            await self._clock.sleep(_TABLE_POLL_SECONDS)

    async def _create(self) -> None:
        request = {
            "TableName": self._name,
            "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        try:
            await self._tables.call("CreateTable", request)
        except CallFailed as error:
            if error.code != IN_USE:  # else another consumer is creating it
                raise

    async def start(self, wanted: Position) -> Position:
        """Where the consumer began: what is stored, else what is wanted, which is then stored."""
        key = {"leaseKey": {"S": lease_item.start_key(self._arn)}}
        text = {"S": positions.text_of(wanted)}
        if await self._put({**key, "streamArn": {"S": self._arn}, "checkpoint": text}):
            return wanted
        request = {"TableName": self._name, "Key": key, "ConsistentRead": True}
        found = await self._tables.call("GetItem", request)
        return positions.parse(found["Item"]["checkpoint"]["S"])

    async def leases(self) -> list[Lease]:
        """Every lease of the stream's."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "FilterExpression": "streamArn = :stream AND attribute_exists(leaseCounter)",
            "ExpressionAttributeValues": {":stream": {"S": self._arn}},
        }
        found: list[Lease] = []
        while True:
            page = await self._tables.call("Scan", request)
            found += map(lease_item.decode, page["Items"])
            if "LastEvaluatedKey" not in page:
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def create(self, lease: Lease) -> bool:
        """Store a lease that is not there; returns whether that was so."""
        item: dict[str, Any] = {
            "leaseKey": {"S": lease.shard_id},
            "streamArn": {"S": self._arn},
            "leaseCounter": {"N": str(lease.counter)},
            "checkpoint": {"S": positions.text_of(lease.position)},
        }
        if lease.parent is not None:
            item["parentShardId"] = {"S": lease.parent}
        return await self._put(item)

    async def delete(self, lease: Lease) -> None:
        """Remove a lease, if it is as it was seen."""
        try:
            await self._tables.call(
                "DeleteItem",
                self._of(lease)
                | {
                    "ConditionExpression": "leaseCounter = :known",
                    "ExpressionAttributeValues": {":known": {"N": str(lease.counter)}},
                },
            )
        except CallFailed as error:
            if error.code != CONDITION_FAILED:
                raise

    async def take(self, lease: Lease, owner: str) -> Lease | None:
        """Make a lease one's own, if it is as it was seen; else None."""
        values = {":known": {"N": str(lease.counter)}}
        try:
            return await self._update(lease, "leaseCounter = :known", values, leaseOwner=owner)
        except LeaseGone:
            return None

    async def ask(self, lease: Lease, owner: str) -> bool:
        """Ask a lease's owner to hand it over; returns whether nobody else had asked before."""
        request = self._of(lease) | {
            "UpdateExpression": "SET promisedOwner = :next",
            "ConditionExpression": "leaseOwner = :theirs AND attribute_not_exists(promisedOwner)",
            "ExpressionAttributeValues": {
                ":next": {"S": owner},
                ":theirs": {"S": lease.owner},
            },
        }
        try:
            await self._tables.call("UpdateItem", request)
        except CallFailed as error:
            if error.code != CONDITION_FAILED:
                raise
            return False
        return True

    async def renew(self, lease: Lease) -> Lease:
        """Show that the owner lives; raises LeaseGone. The answer tells whether somebody asks."""
        return await self._change(lease)

    async def checkpoint(self, lease: Lease, position: Position) -> Lease:
        """Store a position, which is a renewal, too; raises LeaseGone."""
        return await self._change(lease, checkpoint=positions.text_of(position))

    async def finish(self, lease: Lease) -> Lease:
        """Store the shard's end, and let the lease go; raises LeaseGone."""
        return await self._change(
            lease, checkpoint=positions.text_of(positions.SHARD_END), leaseOwner=None
        )

    async def release(self, lease: Lease) -> Lease:
        """Let a lease go, to whom it is promised if to anybody; raises LeaseGone."""
        return await self._change(lease, leaseOwner=lease.promised)

    async def _change(self, lease: Lease, **sets: str | None) -> Lease:
        """Change what one owns; raises LeaseGone."""
        assert lease.owner is not None, "only what is owned can be changed"
        for _ in range(_TRIES_MAX):
            values = {":known": {"N": str(lease.counter)}, ":me": {"S": lease.owner}}
            try:
                return await self._update(lease, _COUNTED, values, **sets)
            except LeaseGone as gone:
                match gone.args:
                    case (Lease(owner=owner) as stored,) if owner == lease.owner:
                        lease = replace(lease, counter=stored.counter)
                    case _:
                        raise
        raise LeaseGone

    async def _update(
        self, lease: Lease, condition: str, values: Mapping[str, Any], **sets: str | None
    ) -> Lease:
        """Raise the counter and set attributes, or remove those that are None.

        A change of owner keeps no promise. Raises LeaseGone, with the lease as it is if there.
        """
        removed = [name for name, value in sets.items() if value is None]
        removed += ["promisedOwner"] if "leaseOwner" in sets else []
        given = {name: value for name, value in sets.items() if value is not None}
        update = "SET leaseCounter = :counter" + "".join(f", {name} = :{name}" for name in given)
        update += f" REMOVE {', '.join(removed)}" if removed else ""
        request = self._of(lease) | {
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                **values,
                ":counter": {"N": str(lease.counter + 1)},
                **{f":{name}": {"S": value} for name, value in given.items()},
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = await self._tables.call("UpdateItem", request)
        except CallFailed as error:
            if error.code != CONDITION_FAILED:
                raise
            raise LeaseGone(*([lease_item.decode(error.item)] if error.item else [])) from error
        return lease_item.decode(answer["Attributes"])

    async def _put(self, item: Mapping[str, Any]) -> bool:
        request = {
            "TableName": self._name,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(leaseKey)",
        }
        try:
            await self._tables.call("PutItem", request)
        except CallFailed as error:
            if error.code != CONDITION_FAILED:
                raise
            return False
        return True

    def _of(self, lease: Lease) -> dict[str, Any]:
        return {"TableName": self._name, "Key": {"leaseKey": {"S": lease.shard_id}}}
