"""A table as the target: it comes to hold what the records say of their items."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from headwater.cli.replay.batches import Bounds, Record
from headwater.cli.replay.target import Refused
from headwater.consumer.recording import Origin, attributes

BATCH_ITEMS: Final = 25  # of BatchWriteItem
_BATCH_BYTES: Final = 12_000_000  # of 16 MB; a record also has the old image, so this is ample
_UNPROCESSED_WAIT_SECONDS: Final = 0.1
_SHOWS_NEW: Final = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


class TableTarget:
    """Writes new images and deletes what was removed, in batches; the last change of a key counts.

    tables: boto3's DynamoDB client.
    """

    bounds = Bounds(BATCH_ITEMS, _BATCH_BYTES)

    def __init__(self, tables: Any, table: str, origin: Origin) -> None:
        """Raises Refused where the records cannot become this table's items."""
        described = tables.describe_table(TableName=table)["Table"]
        if described.get("LatestStreamArn") == origin.stream_arn:
            raise Refused(f"{table} is where the records are from")
        if described["KeySchema"] != list(origin.key_schema):
            raise Refused(f"the key of {table} is not that of the records: {_told(origin)}")
        if origin.view not in _SHOWS_NEW:
            raise Refused(f"the stream shows {origin.view}: items cannot be made of its records")
        self._tables = tables
        self._table = table

    def wants(self, record: Record) -> bool:
        del record
        return True

    def deliver(self, records: Sequence[Record]) -> None:
        write_all(self._tables, self._table, list(_last_of_each_key(records).values()))


def write_all(tables: Any, table: str, writes: Sequence[Mapping[str, Any]]) -> None:
    """Make the writes of one BatchWriteItem, those that come back unprocessed again.

    tables: boto3's DynamoDB client; raises what it raises.
    """
    while writes:
        answer = tables.batch_write_item(RequestItems={table: writes})
        writes = answer.get("UnprocessedItems", {}).get(table, [])
        if writes:
            time.sleep(_UNPROCESSED_WAIT_SECONDS)


def _last_of_each_key(records: Sequence[Record]) -> dict[bytes, Mapping[str, Any]]:
    """The write that each key comes to."""
    writes: dict[bytes, Mapping[str, Any]] = {}
    for record in records:
        change = record["dynamodb"]
        key = orjson.dumps(change["Keys"], option=orjson.OPT_SORT_KEYS)
        if record["eventName"] == "REMOVE":
            writes[key] = {"DeleteRequest": {"Key": attributes(change["Keys"])}}
        else:
            writes[key] = {"PutRequest": {"Item": attributes(change["NewImage"])}}
    return writes


def _told(origin: Origin) -> str:
    return ", ".join(f"{each['AttributeName']} {each['KeyType']}" for each in origin.key_schema)
