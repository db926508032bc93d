"""A store with something of every kind in it, made by the code that a server makes it with."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import asdict

import orjson

from headwater.clock import SeededChance
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint
from headwater.functions import function as functions
from headwater.functions.function import Configuration, Function
from headwater.mappings import mapping as mappings
from headwater.mappings.mapping import (
    EventSourceMapping,
    Manner,
    MappingState,
    StartingPosition,
)
from headwater.sinks import sink as sinks
from headwater.sinks.alterations import Progress
from headwater.sinks.sink import Manner as SinkManner
from headwater.sinks.sink import Sink, Start, State
from headwater.storage import delivery_keys, function_keys, keyspace
from headwater.storage.keyspace import SequenceNumber, Setting
from headwater.tables import backup as backups
from headwater.tables import expiry
from headwater.tables.backup import Backup, BackupStatus
from headwater.tables.resharding import Resharder
from headwater.tables.schema import Table
from headwater.values import codec
from tests.unit.tables.running import ACCOUNT, REGION, STREAM, Running, Store

KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
TYPES = {"pk": "S", "sk": "N", "artist": "S", "year": "N"}
SHAPE = {
    "KeySchema": KEYS,
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind} for name, kind in TYPES.items()
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-artist",
            "KeySchema": [{"AttributeName": "artist", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by-year",
            "KeySchema": [KEYS[0], {"AttributeName": "year", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "StreamSpecification": STREAM,
}
ZIP = b"not unpacked here"


async def filled(here: Running) -> Table:
    """A table with indexes, a stream, time to live, a backup, and a function that follows it."""
    table = await here.active(**SHAPE)
    resharder = Resharder(here.catalog, here.clock, SeededChance(2))
    await here.catalog.change(
        table, lambda view, present: expiry.switched(view, present, "until", is_on=True)
    )
    await here.advance()
    for turn, change in enumerate((resharder.split, resharder.roll_over, None)):
        for number in range(12):
            await here.put(await here.describe(), item_of(number, turn))
        shard_id = (await here.describe()).partitions[0].shard_id
        if change is not None and shard_id is not None:
            await change(table, shard_id)
    table = await here.describe()
    made = await _backup_of(here, table) | _follower_of(table) | _sink_of(table)
    await here.committer.submit(Store(made))
    return table


def item_of(number: int, version: int) -> dict[str, dict[str, str]]:
    return {
        "pk": {"S": f"p{number % 3}"},
        "sk": {"N": str(number)},
        "artist": {"S": "abc"[number % 3]},
        "year": {"N": str(version)},
        "until": {"N": str(10**10 + number)},
    }


async def _backup_of(here: Running, table: Table) -> dict[bytes, bytes]:
    rows = await here.stored((table.items_prefix, table.items_prefix + b"\xff"))
    backup = Backup(
        backups.new_id(1.0, SeededChance(3)),
        "nightly",
        table,
        1.0,
        BackupStatus.AVAILABLE,
        len(rows),
        sum(map(codec.size, rows.values())),
    )
    copies = {
        backup.items_prefix + key[len(table.items_prefix) :]: item for key, item in rows.items()
    }
    return {backup.key: backups.encode(backup), **copies}


def _follower_of(table: Table) -> dict[bytes, bytes]:
    assert table.stream is not None
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table.name}/stream/{table.stream.label}"
    digest = hashlib.sha256(ZIP).digest()
    function = Function(
        "follower",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:follower",
        REGION,
        Configuration("python3.11", "app.handler", "role"),
        b64encode(digest).decode(),
        len(ZIP),
        1.0,
        "revision",
    )
    mapping = EventSourceMapping(
        REGION,
        ACCOUNT,
        "00000000-0000-4000-8000-000000000000",
        arn,
        StartingPosition.TRIM_HORIZON,
        Manner("follower"),
        MappingState.ENABLED,
        1.0,
    )
    shard_id = table.partitions[0].shard_id
    assert shard_id is not None
    position = checkpoints.encode(Checkpoint(SequenceNumber(0)))
    return {
        function_keys.function(REGION, "follower"): functions.encode(function),
        function_keys.function_code(digest): ZIP,
        function_keys.function_code_mark(digest): b"",
        keyspace.setting(Setting.ITERATOR_SECRET): bytes(32),
        keyspace.leader(): position,
        mapping.key: mappings.encode(mapping),
        mapping.pair_key: mapping.uuid.encode(),
        delivery_keys.checkpoint(mapping.consumer, table.table_id, shard_id): position,
    }


def _sink_of(table: Table) -> dict[bytes, bytes]:
    assert table.stream is not None
    sink = Sink(
        REGION,
        "lake",
        "00000000-0000-0000-0000-00000000000a",
        "lake",
        table.name,
        table.table_id,
        table.stream.label,
        Start.BACKFILL,
        SinkManner({"location": "file:lake"}, 100, 1000, 0.0),
        State.RUNNING,
        must_fill=True,
        created_at=1.0,
        changed_at=1.0,
    )
    return {
        sink.key: sinks.encode(sink),
        sink.progress_key: orjson.dumps(asdict(Progress(sink.round))),
        delivery_keys.sink_note(sink.sink_id, "schema"): b"{}",
    }
