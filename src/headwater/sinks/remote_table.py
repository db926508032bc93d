"""A table on AWS, or on another server that speaks its protocol, as derived tables need it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any, Final

from headwater.aws import AwsService, CallFailed
from headwater.limits import batch_write_requests_max
from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.tables.schema import KeyAttribute, KeySchema
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item

_REFUSED: Final = "ValidationException"
# Trying again helps only once somebody has changed something.
_HOPELESS: Final = frozenset(
    {
        "AccessDeniedException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)


class RemoteTable:
    """See the module. Raises SinkUnavailable or SinkBroken."""

    def __init__(self, name: str, endpoint: str, region: str) -> None:
        self._name = name
        self._service = AwsService("dynamodb", endpoint, region)

    async def keys(self) -> KeySchema:
        """The table's key."""
        described = (await self._call("describe_table", TableName=self._name))["Table"]
        types = {
            each["AttributeName"]: each["AttributeType"]
            for each in described["AttributeDefinitions"]
        }
        found = {
            each["KeyType"]: KeyAttribute(each["AttributeName"], types[each["AttributeName"]])
            for each in described["KeySchema"]
        }
        return KeySchema((found["HASH"],), (found["RANGE"],) if "RANGE" in found else ())

    async def items(self) -> AsyncIterator[Item]:
        """All of the table's items."""
        asked: dict[str, Any] = {"TableName": self._name, "ConsistentRead": True}
        while True:
            page = await self._call("scan", **asked)
            for item in page["Items"]:
                yield {name: _wire(value) for name, value in item.items()}
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def put(self, wanted: Mapping[bytes, tuple[Item, Item | None]]) -> dict[bytes, str]:
        """Have items be there, or not be there (None), by their keys.

        Returns why some were refused.
        """
        refused: dict[bytes, str] = {}
        names = list(wanted)
        for begin in range(0, len(names), batch_write_requests_max):
            part = {name: wanted[name] for name in names[begin : begin + batch_write_requests_max]}
            refused |= await self._put(part)
        return refused

    async def _put(self, part: Mapping[bytes, tuple[Item, Item | None]]) -> dict[bytes, str]:
        requests = [_request(*each) for each in part.values()]
        try:
            answer = await self._service.call(
                "batch_write_item", RequestItems={self._name: requests}
            )
        except CallFailed as error:
            if error.code != _REFUSED:
                raise _failure(error) from error
            if len(part) == 1:
                return dict.fromkeys(part, str(error))
            refused: dict[bytes, str] = {}
            for name, each in part.items():  # whichever it is, the others are to be written
                refused |= await self._put({name: each})
            return refused
        if answer.get("UnprocessedItems"):
            raise SinkUnavailable(f"Table {self._name} takes no more at the moment.")
        return {}

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._service.call(operation, **parameters)
        except CallFailed as error:
            raise _failure(error) from error


def _failure(error: CallFailed) -> SinkUnavailable | SinkBroken:
    is_hopeless = error.code in _HOPELESS or error.code == _REFUSED
    return SinkBroken(str(error)) if is_hopeless else SinkUnavailable(str(error))


def _request(key: Item, item: Item | None) -> dict[str, Any]:
    if item is None:
        return {"DeleteRequest": {"Key": _members(key)}}
    return {"PutRequest": {"Item": _members(item)}}


def _members(item: Item) -> dict[str, Any]:
    return {name: _value(value) for name, value in item.items()}


def _value(value: AttributeValue) -> Any:
    """A value as boto3 takes it: binary is bytes."""
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {"B": b64decode(content)}
        case "BS":
            return {"BS": [b64decode(each) for each in content]}
        case "L":
            return {"L": [_value(each) for each in content]}
        case "M":
            return {"M": _members(content)}
        case _:
            return value


def _wire(value: dict[str, Any]) -> AttributeValue:
    """A value of boto3's in canonical form, as far as it can be compared."""
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {"B": b64encode(content).decode()}
        case "BS":
            return {"BS": [b64encode(each).decode() for each in sorted(content)]}
        case "L":
            return {"L": [_wire(each) for each in content]}
        case "M":
            return {"M": {name: _wire(each) for name, each in content.items()}}
        case "SS":
            return {"SS": sorted(content, key=str.encode)}
        case "NS":
            return {"NS": sorted(content, key=Decimal)}
        case _:
            return value
