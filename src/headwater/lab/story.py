"""The story of one record: where it lies, who reads it, and what became of it there.

    fate         when
    -----------  ---------------------------------------------------------------------
    Delivering   it is in a batch that is with the destination
    Delivered    a destination has taken a batch with it
    GivenUp      its retries or its age were exhausted
    Filtered     the reader's selection does not want it
    Retrying     a batch with it was in vain or cut off, and comes again
    Passed       the reader is behind it, and what became of it is not known any more
    Waiting      the reader has not come to it
    NotRead      nobody reads: the reader is disabled, or began behind the record

The first that fits holds, but a later delivery outweighs what was before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Checkpoint
from headwater.lab.journal import Journal, Past
from headwater.lab.outsiders import Outsiders
from headwater.lab.sending import Departures, Sending
from headwater.lab.streams import StreamStore
from headwater.mappings.mapping import EventSourceMapping
from headwater.mappings.report import Subject
from headwater.mappings.service import MappingService
from headwater.sinks.service import SinkService
from headwater.sinks.sink import Sink
from headwater.storage import delivery_keys, keyspace
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import listing
from headwater.streams import shard as shards
from headwater.streams.entry import Entry, decode
from headwater.streams.shard import Shard, decode_head, decode_point, number_from
from headwater.streams.window import AnyStream


class Fate(StrEnum):
    """What became of a record at a reader; see the module."""

    DELIVERING = "Delivering"
    DELIVERED = "Delivered"
    GIVEN_UP = "GivenUp"
    FILTERED = "Filtered"
    RETRYING = "Retrying"
    PASSED = "Passed"
    WAITING = "Waiting"
    NOT_READ = "NotRead"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who knows what has become of records."""

    mappings: MappingService
    sinks: SinkService
    journal: Journal
    departures: Departures
    outsiders: Outsiders


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies.

    lineage: its shard's parents, the nearest first, as far as they are kept. entry: None if it is
    trimmed. is_readable: whether a client can still read it.
    """

    number: SequenceNumber
    shard: Shard
    lineage: Sequence[ShardId]
    entry: Entry | None
    is_readable: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a consumer has made of a record. checkpoint: None if it has not begun with the shard."""

    checkpoint: Checkpoint | None
    past: Past
    fate: Fate


async def place_of(store: StreamStore, stream: AnyStream, number: int) -> Place | None:
    """Where the record of a number lies or lay, or None if no shard has had the number."""
    if not 0 <= number < 2**64:
        return None
    async for shard in listing.shards_of(store.engine, stream, 0):
        if number <= shard.first or number_from(number, shard.lane) != number:
            continue
        ids = stream.table_id, shard.shard_id
        log_key = keyspace.log_prefix(*ids) + number.to_bytes(8, "big")
        head, point, stored = await store.engine.get(
            [keyspace.head(*ids), keyspace.trim_point(*ids), log_key]
        )
        if head is not None and number <= decode_head(head).last:
            entry = None if stored is None else decode(stored)
            is_kept = entry is not None and entry.time_us >= store.horizon(stream)
            return Place(
                SequenceNumber(number),
                shard,
                await _lineage(store, stream, shard),
                entry,
                is_kept and number > decode_point(point),
            )
    return None


async def reading_of(
    store: StreamStore,
    witnesses: Witnesses,
    consumer: EventSourceMapping | Sink,
    place: Place,
    stream: AnyStream,
) -> Reading:
    """What a mapping or a sink has made of a record."""
    shard_id = place.shard.shard_id
    key = delivery_keys.checkpoint(consumer.consumer, stream.table_id, shard_id)
    (stored,) = await store.engine.get([key])
    checkpoint = None if stored is None else checkpoints.decode(stored)
    past = witnesses.journal.past(consumer.consumer, shard_id, place.number)
    found = fate(place.number, checkpoint, past, is_reading=consumer.is_reading)
    return Reading(checkpoint, past, found)


async def sending_of(
    store: StreamStore, witnesses: Witnesses, mapping: EventSourceMapping, reading: Reading
) -> Sending | None:
    """How the message to a mapping's failure destination stands, if there is one of a record."""
    given_up = reading.past.given_up
    if given_up is None or not mapping.manner.failure_destination:
        return None
    numbers = given_up.numbers
    subject = Subject(mapping.uuid, given_up.shard_id, numbers[0], numbers[-1])
    return await witnesses.departures.sending(store.engine, subject)


def fate(
    number: SequenceNumber, checkpoint: Checkpoint | None, past: Past, *, is_reading: bool
) -> Fate:
    """What became of a record; see the module's table."""
    last = past.deliveries[-1] if past.deliveries else None
    if last is not None and last.outcome is None and not last.is_cut_off:
        return Fate.DELIVERING
    if last is not None and last.took(number):
        return Fate.DELIVERED
    if past.given_up is not None:
        return Fate.GIVEN_UP
    if past.is_passed:
        return Fate.FILTERED
    is_behind = checkpoint is not None and (checkpoint.is_finished or checkpoint.position >= number)
    if is_behind:
        return Fate.PASSED
    if not is_reading:
        return Fate.NOT_READ
    return Fate.WAITING if last is None else Fate.RETRYING


async def _lineage(store: StreamStore, stream: AnyStream, shard: Shard) -> list[ShardId]:
    line: list[ShardId] = []
    parents = [*shard.parents]
    while parents:
        parent = parents.pop(0)
        line.append(parent)
        (stored,) = await store.engine.get([keyspace.shard(stream.table_id, parent)])
        found = () if stored is None else shards.decode(stored).parents
        parents += [each for each in found if each not in parents]
    return line
