"""Looks after links and replicas: starts links, fills new replicas, lets go of those that leave.

Run by one process of a store; whatever it does it may do twice, and goes on from what is stored.

    link not started          positions of now are stored; from then on `service.py` reads the log
    link that must scan       every item and tombstone is sent; what changes meanwhile is in the log
    link not sound for long   must scan: the log may no longer reach back to what was not delivered
    replica CREATING          ACTIVE once every link to it has scanned
    replica DELETING          begins to be deleted; takes no more writes, but sends what it has
    sent all                  has no replicas any more, so its items may be erased
    gone                      no replica of the others any more; its links go too
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from headwater.clock import Clock
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.coordinator import (
    ShardsChanged,
    behind,
    latest_keys,
    start_at_latest,
)
from headwater.errors import ResourceNotFoundException, ServiceError
from headwater.limits import (
    link_poll_seconds,
    link_sound_seconds,
    replica_poll_seconds,
    table_maintenance_max,
)
from headwater.replication import link as links
from headwater.replication.changes import (
    LinkWork,
    removal,
    rescan,
    scan_begun,
    scanned,
    scanned_to,
    sound,
    start,
)
from headwater.replication.contacts import Contacts
from headwater.replication.link import Link
from headwater.replication.scan import scan
from headwater.replication.send import Sender, Taker
from headwater.storage import delivery_keys, keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import ShardId
from headwater.streams import window as windows
from headwater.streams.shard import decode_head
from headwater.streams.window import Stream
from headwater.tables import membership, schema
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Replica, ReplicaStatus, Table, TableStatus
from headwater.tables.transitions import Stores, settled

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """The last number of every shard of a stream, and when that was."""

    at_us: int
    numbers: Mapping[ShardId, int]


@dataclass(frozen=True, slots=True)
class Ways:
    """How other replicas are reached: with items, and with word of the group."""

    taker: Taker
    contacts: Contacts


class Keeper:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self,
        stores: Stores,
        catalog: Catalog,
        ways: Ways,
        clock: Clock,
        retention_seconds: float,
    ) -> None:
        self._stores = stores
        self._catalog = catalog
        self._taker = ways.taker
        self._contacts = ways.contacts
        self._clock = clock
        self._retention_us = int(retention_seconds * 1e6)
        self._scanning: set[bytes] = set()
        self._marks: dict[bytes, _Mark] = {}
        self._heavy = asyncio.Semaphore(table_maintenance_max)

    async def run(self) -> None:
        """Look after all links until cancelled."""
        woken = asyncio.Event()
        self._stores.wakeups.subscribe(links.TOPIC, woken)
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    woken.clear()
                    is_quiet = await self._round(tasks)
                    look_seconds = link_poll_seconds if is_quiet else replica_poll_seconds
                    await self._clock.wait(woken, None, look_seconds)
        finally:
            self._stores.wakeups.unsubscribe(links.TOPIC, woken)

    async def _round(self, tasks: asyncio.TaskGroup) -> bool:
        """Look at everything once; returns whether nothing is to be done soon."""
        is_quiet = True
        try:
            found = await links.every(self._stores.engine)
            for link in found:
                is_quiet = await self._tend(tasks, link, found) and is_quiet
            for key in dict.fromkeys(link.source_key for link in found):
                is_quiet = await self._settle(key, found) and is_quiet
        except Unavailable as error:
            _log.warning("links_cannot_be_tended", error=str(error))
        except ServiceError as error:
            _log.info("replica_changes_meanwhile", error=str(error))
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged and tried again
            _log.error("links_not_tended", exc_info=error)
        return is_quiet

    async def _tend(self, tasks: asyncio.TaskGroup, link: Link, found: Sequence[Link]) -> bool:
        """Returns whether its target, on another server, has heard all there is to say."""
        source = await self._table(link.source_key)
        target = _replica_of(source, link)
        if source is None or target is None:
            await self._remove(link)
            return True
        is_told = True
        if link.is_remote:
            is_told = await self._contacts.tend(tasks, link, source, found)
        if link.is_remote and not link.has_met:
            pass  # it may not be there yet
        elif not link.is_started:
            await self._start(link)
        elif link.must_scan:
            if target.status is not ReplicaStatus.DELETING and link.key not in self._scanning:
                self._scanning.add(link.key)
                tasks.create_task(self._scan(link))
        else:
            await self._sound(link)
        return is_told

    async def _remove(self, link: Link) -> None:
        stored = await checkpoints.load(self._stores.engine, link.consumer)
        keys = [delivery_keys.checkpoint(link.consumer, *shard) for shard in stored]
        self._marks.pop(link.key, None)
        self._contacts.forget(link)
        await self._stores.committer.submit(removal(link, keys))

    async def _start(self, link: Link) -> None:
        """Set positions behind everything that is there: a scan is to follow."""
        stream = await self._stream(link)
        if stream is None:
            return
        latest = await latest_keys(self._stores.engine, stream)

        def positions(view: View) -> None:
            start_at_latest(view, link.consumer, stream, latest)

        heads = [key for _, key in latest]
        try:
            await self._stores.committer.submit(start(link, heads, positions))
        except ShardsChanged:
            return  # the next round lists them again

    async def _scan(self, link: Link) -> None:
        sender = Sender(link, self._stores.engine, self._taker)

        async def note(key: bytes) -> None:
            await self._submit(scanned_to(link, key))

        try:
            if not link.scan_began_us:
                await self._submit(scan_begun(link, self._now_us()))
            async with self._heavy:
                count = await scan(self._stores.engine, sender, bytes.fromhex(link.scanned), note)
            await self._submit(scanned(link))
            _log.info("replica_filled", table=link.name, region=link.target.region, items=count)
        except ResourceNotFoundException:
            _log.info("replica_gone", table=link.name, region=link.target.region)
        except (ServiceError, Unavailable) as error:
            _log.warning("replica_not_filled", table=link.name, error=str(error))
        except Exception as error:  # noqa: BLE001 - the task's boundary: logged and tried again
            _log.error("replica_not_filled", table=link.name, exc_info=error)
        finally:
            self._scanning.discard(link.key)

    async def _sound(self, link: Link) -> None:
        """Note up to when all is delivered, now and then; have scanned what was not for long."""
        now_us = self._now_us()
        if now_us - link.sound_us > self._retention_us // 2:
            await self._submit(rescan(link))
            return
        mark = self._marks.get(link.key)
        if mark is None:
            step_us = min(int(link_sound_seconds * 1e6), self._retention_us // 8)
            if now_us - link.sound_us >= step_us:
                self._marks[link.key] = _Mark(now_us, await self._numbers(link))
        elif await self._has_passed(link, mark.numbers):
            del self._marks[link.key]
            await self._submit(sound(link, mark.at_us))

    async def _settle(self, key: bytes, found: Sequence[Link]) -> bool:
        """Take a replica, and those it knows of, one state further; returns whether all last."""
        table = await self._table(key)
        if table is None:
            return True
        if table.status is TableStatus.CREATING:
            if _is_filled(table, found):
                await self._catalog.change(table, _activated, membership.keys_of)
        elif table.status is TableStatus.DELETING:
            if table.replicas and await self._has_sent_all(table, found):
                await self._catalog.change(table, _released)
        else:
            for replica in table.replicas:
                if replica.status is ReplicaStatus.DELETING and not replica.is_remote:
                    await self._dismiss(table, replica)
        return not table.has_pending_replicas and not table.is_regrouping

    async def _dismiss(self, table: Table, replica: Replica) -> None:
        other = await self._table(keyspace.table(replica.region, table.name))
        if other is None or other.table_id != replica.table_id:

            def step(_view: View, present: Table) -> Table:
                return membership.without(present, replica)

            await self._catalog.change(table, step)
        elif other.status is not TableStatus.DELETING:

            def check(present: Table) -> None:
                if present.table_id != replica.table_id:
                    raise ResourceNotFoundException

            await self._catalog.delete(replica.region, table.name, check)

    async def _has_sent_all(self, table: Table, found: Sequence[Link]) -> bool:
        """Whether what a table that is deleted has taken is with all who stay."""
        staying = {each.table_id for each in table.replicas if self._stays(each)}
        for link in found:
            if link.source.table_id == table.table_id and link.target.table_id in staying:
                is_sent = link.is_started and not link.must_scan
                if link.is_remote:
                    is_sent = is_sent and self._contacts.has_told(link, table, found)
                if not is_sent or not await self._has_passed(link, await self._numbers(link)):
                    return False
        return True

    def _stays(self, replica: Replica) -> bool:
        """Whether a replica is to hear of everything still."""
        is_known = not replica.is_remote or self._contacts.reaches(replica.region)
        return is_known and not _is_leaving(replica)

    async def _numbers(self, link: Link) -> Mapping[ShardId, int]:
        stream = await self._stream(link)
        if stream is None:
            return {}
        latest = await latest_keys(self._stores.engine, stream)
        heads = await self._stores.engine.get([key for _, key in latest])
        return {
            shard.shard_id: decode_head(head).last
            for (shard, _), head in zip(latest, heads, strict=True)
            if head is not None
        }

    async def _has_passed(self, link: Link, numbers: Mapping[ShardId, int]) -> bool:
        stream = await self._stream(link)
        if stream is None:
            return True
        return await behind(self._stores.engine, link.consumer, stream, numbers) is None

    async def _stream(self, link: Link) -> Stream | None:
        (stored,) = await self._stores.engine.get([link.stream_key])
        return None if stored is None else windows.decode(stored)

    async def _table(self, key: bytes) -> Table | None:
        (stored,) = await self._stores.engine.get([key])
        return None if stored is None else schema.decode(stored)

    async def _submit(self, work: LinkWork) -> None:
        await self._stores.committer.submit(work)

    def _now_us(self) -> int:
        return int(self._clock.now() * 1e6)


def _replica_of(source: Table | None, link: Link) -> Replica | None:
    """The target as its source knows it; None if one does not know the other any more."""
    if source is None or source.table_id != link.source.table_id:
        return None
    known = (each for each in source.replicas if each.table_id == link.target.table_id)
    return next(known, None)


def _is_filled(table: Table, found: Sequence[Link]) -> bool:
    """Whether all others have sent a new replica everything, those of other servers too."""
    incoming = [link for link in found if link.target.table_id == table.table_id]
    outgoing = {
        link.target.table_id: link for link in found if link.source.table_id == table.table_id
    }
    awaited = [each for each in table.replicas if each.is_remote and not _is_leaving(each)]
    has_all = all(
        each.table_id in outgoing and outgoing[each.table_id].has_filled for each in awaited
    )
    return bool(incoming or awaited) and has_all and not any(link.must_scan for link in incoming)


def _is_leaving(replica: Replica) -> bool:
    return replica.status is ReplicaStatus.DELETING


def _activated(view: View, table: Table) -> Table:
    """A filled replica, in use from now on."""
    membership.follow(
        view, table, lambda other: membership.marked(other, table.region, ReplicaStatus.ACTIVE)
    )
    return settled(view, table)


def _released(_view: View, table: Table) -> Table:
    """A deleted replica that nobody needs any more."""
    return table.changed(replicas=())
