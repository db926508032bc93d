"""One consumer's work: its leases renewed, shards found, leases taken and handed over.

Two things go on side by side, so that a slow scan cannot cost a lease: leases are renewed every
third of their life, and as often, or when a shard has ended, the table is looked at and what is
due by `lease.plan` is taken or asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.consumer.api import CallFailed, Services
from headwater.consumer.events import BackedOff, LeaseAsked, LeaseTaken, Observer
from headwater.consumer.holding import Holding
from headwater.consumer.lease import Lease, Sightings, plan
from headwater.consumer.lease_table import LeaseGone, LeaseTable
from headwater.consumer.policy import back_off
from headwater.consumer.position import Position
from headwater.consumer.reader import Deliver, HandlerFailed, ShardReader, Surroundings
from headwater.consumer.settings import ConsumerSettings
from headwater.consumer.shards import Listing, Shard, children_of, list_shards

_RENEWALS_IN_A_LIFE = 3


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker has its share of. start: where a shard without a lease is read from."""

    stream_arn: str
    table: LeaseTable
    start: Position
    owner: str


class Worker:
    """Reads its share of a stream's shards."""

    def __init__(
        self,
        services: Services,
        settings: ConsumerSettings,
        share: Share,
        deliver: Deliver,
        observe: Observer,
    ) -> None:
        self._clock = services.clock
        self._chance = services.chance
        self._streams = services.streams
        self._settings = settings
        self._share = share
        self._table = share.table
        self._observe = observe
        self._around = Surroundings(
            services,
            settings,
            share.stream_arn,
            deliver,
            observe,
            self._is_listed,
            self._open_children,
        )
        self._readers: dict[str, ShardReader] = {}
        self._sightings = Sightings()
        self._asked: dict[str, str] = {}
        self._listing = Listing((), is_disabled=False)
        self._discover_at = 0.0
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._failure: Exception | None = None

    def stop(self) -> None:
        """Take no more; `run` returns when what is under way is finished and stored."""
        self._is_stopping = True
        for reader in self._readers.values():
            reader.stop()
        self._woken.set()

    async def run(self) -> None:
        """Read until `stop`, or until a disabled stream is read to its end.

        Cancelling leaves everything as a crash would. Raises what no waiting helps against, after
        all leases are let go: CallFailed, HandlerFailed.
        """
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._keep_renewing())
            while self._readers or not self._is_stopping:
                self._woken.clear()
                if not self._is_stopping:
                    await self._round(tasks)
                if self._readers or not self._is_stopping:
                    await self._rest()
            renewing.cancel()
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self.stop()

    # --- renewing

    async def _keep_renewing(self) -> None:
        while True:
            await self._clock.sleep(self._settings.lease_seconds / _RENEWALS_IN_A_LIFE)
            await asyncio.gather(*map(self._renew, list(self._readers.values())))

    async def _renew(self, reader: ShardReader) -> None:
        """Keep a reader's lease, and have it stop if the lease is lost or asked for."""
        try:
            await self._insist_on_renewal(reader.holding)
        except LeaseGone:
            reader.stop()
        except CallFailed as error:
            self._note_failure("RenewLease", error)
        if reader.holding.is_promised:
            reader.stop()

    async def _insist_on_renewal(self, holding: Holding) -> None:
        """Renew a lease, again and again until the next renewal is due; raises as `renew` does."""
        until = self._clock.monotonic() + self._settings.lease_seconds / _RENEWALS_IN_A_LIFE
        failures = 0
        while True:
            try:
                return await holding.renew()
            except CallFailed as error:
                failures += 1
                seconds = back_off(self._settings, failures, self._chance)
                if not error.is_transient or self._clock.monotonic() + seconds >= until:
                    raise
                self._observe(BackedOff("RenewLease", error.code, seconds))
                await self._clock.sleep(seconds)

    # --- taking

    async def _round(self, tasks: asyncio.TaskGroup) -> None:
        try:
            leases = await self._table.leases()
            if self._clock.monotonic() >= self._discover_at:
                leases = await self._discover(leases)
            if self._is_over(leases):
                self.stop()
                return
            await self._take_share(leases, tasks)
        except CallFailed as error:
            self._note_failure("TakeLeases", error)

    async def _take_share(self, leases: Sequence[Lease], tasks: asyncio.TaskGroup) -> None:
        now = self._clock.monotonic()
        self._sightings.note(leases, now)
        expired = self._sightings.expired(now, self._settings.lease_seconds)
        shuffled = sorted(leases, key=lambda _: self._chance.uniform(0, 1))
        planned = plan(shuffled, self._share.owner, self._readers.keys(), expired)
        for lease in planned.take:
            await self._take(lease, tasks)
        for lease in planned.ask:
            assert lease.owner is not None, "only what somebody has is asked for"
            if await self._table.ask(lease, self._share.owner):
                self._asked[lease.shard_id] = lease.owner
                self._observe(LeaseAsked(lease.shard_id, lease.owner))

    async def _take(self, lease: Lease, tasks: asyncio.TaskGroup) -> None:
        since = self._clock.monotonic()
        taken = await self._table.take(lease, self._share.owner)
        if taken is None or self._is_stopping:
            return
        owner = lease.owner if lease.owner != self._share.owner else None
        before = self._asked.pop(lease.shard_id, owner)
        self._observe(LeaseTaken(lease.shard_id, taken.position, before))
        holding = Holding(self._table, self._clock, taken, (since, self._settings.lease_seconds))
        reader = ShardReader(self._around, holding)
        self._readers[lease.shard_id] = reader
        tasks.create_task(self._read(reader))

    async def _read(self, reader: ShardReader) -> None:
        try:
            await reader.run()
        except (CallFailed, HandlerFailed) as error:
            self._fail(error)
        finally:
            del self._readers[reader.holding.lease.shard_id]
            self._woken.set()

    # --- shards

    async def _discover(self, leases: Sequence[Lease]) -> list[Lease]:
        """Give every shard a lease, and forget those that are read and trimmed away.

        It stays due until all of that is done.
        """
        self._listing = await list_shards(self._streams, self._share.stream_arn)
        known = {lease.shard_id for lease in leases}
        made = [
            await self._open(shard) for shard in self._listing.shards if shard.shard_id not in known
        ]
        listed = {shard.shard_id for shard in self._listing.shards}
        kept = [lease for lease in leases if lease.shard_id in listed or not lease.is_finished]
        for lease in leases:
            if lease.shard_id not in listed and lease.is_finished:
                await self._table.delete(lease)
        self._discover_at = self._clock.monotonic() + self._settings.discovery_seconds
        return [*kept, *made]

    async def _open(self, shard: Shard) -> Lease:
        """Give a shard a lease, if nobody has yet; parents have theirs before their children."""
        lease = Lease(shard.shard_id, shard.parent, self._share.start)
        await self._table.create(lease)
        return lease

    async def _open_children(self, shard_id: str) -> None:
        """Give the children of a shard that is read to its end their leases.

        Where this fails, the next listing of all shards finds them: it is made due.
        """
        try:
            children = await children_of(self._streams, self._share.stream_arn, shard_id)
            for child in children or ():
                await self._open(child)
        except CallFailed as error:
            children = None
            self._note_failure("OpenChildren", error)
        if not children:  # perhaps the stream is disabled, or they could not be told
            self._discover_at = 0.0

    async def _is_listed(self, shard_id: str) -> bool:
        listing = await list_shards(self._streams, self._share.stream_arn)
        return any(shard.shard_id == shard_id for shard in listing.shards)

    def _is_over(self, leases: Sequence[Lease]) -> bool:
        """Whether the stream is disabled and everything in it dealt with."""
        finished = {lease.shard_id for lease in leases if lease.is_finished}
        return self._listing.is_disabled and all(
            shard.shard_id in finished for shard in self._listing.shards
        )

    # --- waiting

    def _note_failure(self, what: str, error: CallFailed) -> None:
        """Go on after a failure that time may heal, and end for any other."""
        if error.is_transient:
            self._observe(BackedOff(what, error.code, self._settings.lease_seconds / 3))
        else:
            self._fail(error)

    async def _rest(self) -> None:
        seconds = self._settings.lease_seconds / _RENEWALS_IN_A_LIFE
        cancel = self._clock.call_at(self._clock.now() + seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            cancel()
