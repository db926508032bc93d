"""Consumers outside the server that have been registered: where they stand, by their lease tables.

Nothing of them is kept but their registrations: each look reads the lease table anew, so a consumer
that is restarted, or begins its table again, is told as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headwater.arn import parse_data_stream, parse_stream
from headwater.audit.reading import prefixed, rows_of
from headwater.consumer.position import SHARD_END
from headwater.consumers import registration as registrations
from headwater.consumers.coordinator import Behind
from headwater.consumers.registration import Registration
from headwater.datastreams.catalog import DataStreams
from headwater.errors import ResourceNotFoundException
from headwater.lab.drain import Written
from headwater.lab.leases import Held, Leases, has_passed, leases_of, number_of
from headwater.lab.streams import StreamStore
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Span
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import listing
from headwater.streams.entry import time_us_of
from headwater.streams.shard import Shard, decode_point
from headwater.streams.window import AnyStream
from headwater.tables.catalog import Catalog
from headwater.values import codec


class _Put:
    """Work that stores a registration, in the place of another of its name."""

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self.reads: list[bytes] = []

    def run(self, view: View) -> None:
        view.put(self._registration.key, registrations.encode(self._registration))


class _Remove:
    """Work that removes what is stored under a key; results in whether anything was."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.reads = [key]

    def run(self, view: View) -> bool:
        is_there = view.get(self._key) is not None
        view.delete(self._key)
        return is_there


class _Last(NamedTuple):
    """The last record that a consumer can have to pass in a shard."""

    number: SequenceNumber
    time_us: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A consumer and a record. lease: of the record's shard; None if it has none yet."""

    registration: Registration
    lease: Held | None
    has_passed: bool


class Outsiders:
    """The registered consumers of a store."""

    def __init__(self, store: StreamStore, catalog: Catalog, data_streams: DataStreams) -> None:
        self._store = store
        self._catalog = catalog
        self._data_streams = data_streams

    async def register(self, region: str, name: str, stream_arn: str, table: str) -> Registration:
        """Make a consumer known, or known anew."""
        now = self._store.clock.now()
        registration = Registration(region, name, stream_arn, table, now)
        await self._store.committer.submit(_Put(registration))
        return registration

    async def deregister(self, region: str, name: str) -> bool:
        """Forget a consumer; returns whether there was one."""
        key = delivery_keys.registration(region, name)
        is_known: bool = await self._store.committer.submit(_Remove(key))
        return is_known

    async def registered(self, region: str) -> list[Registration]:
        """The consumers of a region, by their names."""
        return await self._within(delivery_keys.registrations_span(region))

    async def behind(self, written: Written) -> Mapping[str, Behind]:
        """The names of the consumers that have not passed these numbers, and where they are."""
        laggards = {}
        for registration in await self._within(delivery_keys.every_registration_span()):
            place = await self._behind(registration, written)
            if place is not None:
                laggards[registration.name] = place
        return laggards

    async def standing(
        self, registration: Registration, shard: Shard, record: tuple[SequenceNumber, int | None]
    ) -> Standing:
        """Where a consumer stands with a record; record: its number and, if known, its time."""
        stream = await self._stream(registration)
        if stream is None:
            return Standing(registration, None, has_passed=False)
        leases = await self._leases(registration)
        held = leases.lease_of(shard, await self._shards(stream))
        number, time_us = record
        position = leases.start if held is None else held.position
        # A record without a time is trimmed: only who is beyond its number has read it.
        moment = int(self._store.clock.now() * 1e6) if time_us is None else time_us
        passed = has_passed(position, number, moment, registration.registered_at)
        return Standing(registration, held, has_passed=passed)

    async def _behind(self, registration: Registration, written: Written) -> Behind | None:
        """The first shard with a record that a consumer has still to pass."""
        stream = await self._stream(registration)
        numbers = {} if stream is None else written.get(stream.table_id, {})
        if stream is None or not numbers:
            return None
        leases = await self._leases(registration)
        shards = await self._shards(stream)
        for shard in shards:
            if shard.shard_id not in numbers:
                continue  # opened after the drain began
            held = leases.lease_of(shard, shards)
            position = leases.start if held is None else held.position
            at = number_of(position)
            if position == SHARD_END or (at is not None and at >= numbers[shard.shard_id]):
                continue
            last = await self._last(stream, shard.shard_id, numbers[shard.shard_id])
            if last is not None and not has_passed(position, *last, registration.registered_at):
                return Behind(shard.shard_id, at, last.number)
        return None

    async def _last(self, stream: AnyStream, shard_id: ShardId, upto: int) -> _Last | None:
        """The last record of a shard up to a number, if it can still be read."""
        ids = stream.table_id, shard_id
        prefix = keyspace.log_prefix(*ids)
        stop = prefix + (upto + 1).to_bytes(8, "big")
        found = await self._store.engine.scan(Span(prefix, stop, 1, reverse=True))
        (point,) = await self._store.engine.get([keyspace.trim_point(*ids)])
        if not found:
            return None
        ((key, stored),) = found
        number, time_us = int.from_bytes(key[-8:], "big"), time_us_of(stored)
        if time_us < self._store.horizon(stream) or number <= decode_point(point):
            return None
        return _Last(SequenceNumber(number), time_us)

    async def _leases(self, registration: Registration) -> Leases:
        """What stands in a consumer's lease table; nothing if it has not made it yet."""
        try:
            table = await self._catalog.describe(registration.region, registration.lease_table)
        except ResourceNotFoundException:
            return Leases({})
        rows = rows_of(self._store.engine, prefixed(table.items_prefix))
        items = [codec.decode(stored) async for _, stored in rows]
        return leases_of(items, registration.stream_arn)

    async def _stream(self, registration: Registration) -> AnyStream | None:
        data = parse_data_stream(registration.stream_arn)
        if data is not None:
            try:
                return await self._data_streams.find(registration.region, data.stream)
            except ResourceNotFoundException:
                return None
        name = parse_stream(registration.stream_arn)
        assert name is not None, "it was checked when it was registered"
        key = keyspace.stream(registration.region, name.table, name.label)
        return await listing.find_stream(self._store.engine, key, self._store.horizon())

    async def _shards(self, stream: AnyStream) -> Sequence[Shard]:
        return [each async for each in listing.shards_of(self._store.engine, stream, 0)]

    async def _within(self, span: tuple[bytes, bytes]) -> list[Registration]:
        return [
            registrations.decode(stored)
            async for _, stored in listing.entries(self._store.engine, span)
        ]
