"""Sends what has changed in a table to another replica: the destination at the end of a link.

A record says that an item has changed; what is sent is the item as it is when the record is
delivered, with its version. Several quick changes of an item may so arrive as one, and what is sent
twice, or after a later change, is what the receiver has already. Records that came from another
region are passed: that region sends them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from headwater.consumers.delivery import Batch, Delivered, GivenUp, Outcome, Throttled
from headwater.errors import ResourceNotFoundException, ServiceUnavailable
from headwater.replication.link import Link
from headwater.replication.receive import Arrival
from headwater.storage.engine import Engine, Unavailable
from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries
from headwater.streams.log import Stored
from headwater.tables import keys, schema
from headwater.tables import version as versions
from headwater.tables.schema import Table


class Taker(Protocol):
    """Where items go: the receiver of this server, or the way to another's."""

    async def take(self, link: Link, arrivals: Sequence[Arrival]) -> int:
        """Have the link's target apply items; returns how many were newer.

        Raises ResourceNotFoundException if it takes none any more, ServiceUnavailable or
        Unavailable if they should be sent again.
        """


class OwnRecords:
    """`Selection` of the records of changes that were made in the table's own region."""

    def wanted(self, shard_id: ShardId, records: Sequence[Stored]) -> Sequence[bool]:
        del shard_id
        return [not entries.has_origin(record.entry) for record in records]


class Sender:
    """Reads items of a link's source and hands them to who takes them for its target."""

    def __init__(self, link: Link, engine: Engine, taker: Taker) -> None:
        self._link = link
        self._engine = engine
        self._taker = taker

    async def table(self) -> Table:
        """The source as it is now. Raises ResourceNotFoundException if it is gone."""
        (stored,) = await self._engine.get([self._link.source_key])
        table = None if stored is None else schema.decode(stored)
        if table is None or table.table_id != self._link.source.table_id:
            raise ResourceNotFoundException
        return table

    async def send(self, table: Table, places: Sequence[bytes]) -> int:
        """Send the items at these places as they are now; returns how many the target lacked.

        Raises ResourceNotFoundException if the target is gone, or on its way; ServiceUnavailable or
        Unavailable if they should be sent again.
        """
        arrivals = await self._present(table, places)
        if not arrivals:
            return 0
        return await self._taker.take(self._link, arrivals)

    async def _present(self, table: Table, places: Sequence[bytes]) -> list[Arrival]:
        prefixes = table.items_prefix, table.versions_prefix
        found = await self._engine.get([prefix + place for place in places for prefix in prefixes])
        arrivals = []
        for index, place in enumerate(places):
            item, stored = found[2 * index : 2 * index + 2]
            version = versions.present(stored, has_item=item is not None, region=table.region)
            if version is not None:  # else the deletion is so old that everybody has it
                arrivals.append(Arrival(place, item, version))
        return arrivals


class LinkDestination:
    """`Destination` of a link."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def size(self, entry: bytes) -> int:
        return len(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        changed = dict.fromkeys(entries.keys_of(each.entry) for each in batch.entries)
        try:
            table = await self._sender.table()
            await self._sender.send(table, [_place(table, key) for key in changed])
        except ResourceNotFoundException:
            return Delivered()  # a replica that is gone needs nothing
        except (ServiceUnavailable, Unavailable) as error:
            return Throttled(str(error))
        return Delivered()

    async def give_up(self, given_up: GivenUp) -> None:
        """Links never do: they try without end."""
        raise AssertionError(f"a link gave up records: {given_up.reason}")


def _place(table: Table, key: bytes) -> bytes:
    """Where an item is, from the JSON of its key attributes."""
    return keys.of_key(table, orjson.loads(key)).stored[len(table.items_prefix) :]
