"""Which process of a store does the work that one alone may do: the one with the leader's lease.

The lease is stored and taken like a shard's. A leader that is known dead is followed at once, one
that stands still when its lease has run out; it stops its work as soon as it sees that it has lost
it. Between the two, both may work: so every step of such work is a commit that looks at what it
changes, and only time would be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import structlog

from headwater.clock import Clock
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers.checkpoint import Claim, Lease
from headwater.consumers.members import Members
from headwater.limits import lease_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Unavailable
from headwater.storage.keyspace import SequenceNumber

Works: TypeAlias = Callable[[], Sequence[Coroutine[Any, Any, None]]]
_log = structlog.get_logger(__name__)


class Leadership:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self, committer: Committer, wakeups: Wakeups, clock: Clock, members: Members
    ) -> None:
        self._committer = committer
        self._wakeups = wakeups
        self._clock = clock
        self._members = members

    async def run(self, works: Works) -> None:
        """Run works, which end by being cancelled, whenever this process leads."""
        if self._members.is_alone:
            await self._work(works)
            return
        woken = asyncio.Event()
        self._wakeups.subscribe(keyspace.leader(), woken)
        try:
            while True:
                lease = await self._win(woken)
                _log.info("leading")
                task = asyncio.create_task(self._work(works))
                try:
                    await self._keep(lease, task)
                finally:
                    task.cancel()
                    await asyncio.wait([task])
                if not task.cancelled():
                    task.result()
                _log.warning("lead_lost")
        finally:
            self._wakeups.unsubscribe(keyspace.leader(), woken)

    async def _work(self, works: Works) -> None:
        async with asyncio.TaskGroup() as tasks:
            for work in works():
                tasks.create_task(work)

    async def _win(self, woken: asyncio.Event) -> Lease:
        """Wait for the lease."""
        while True:
            woken.clear()
            now = self._clock.now()
            claim = Claim(self._members.owner, now, now + lease_seconds, self._members.is_dead)
            work = checkpoints.take(keyspace.leader(), SequenceNumber(0), claim)
            try:
                taken = await self._committer.submit(work)
            except Unavailable as error:
                _log.warning("store_unavailable", error=str(error))
            else:
                if taken is not None:
                    lease: Lease = taken[0]
                    return lease
            await self._clock.wait(woken, None, lease_seconds / 3)

    async def _keep(self, lease: Lease, task: asyncio.Task[None]) -> None:
        """Renew the lease until it is lost, or the work has failed."""
        expires_at = self._clock.now() + lease_seconds
        ended = asyncio.Event()
        task.add_done_callback(lambda _: ended.set())
        while self._clock.now() < expires_at:
            await self._clock.wait(ended, None, lease_seconds / 3)
            if task.done():
                return
            ended.clear()
            until = self._clock.now() + lease_seconds
            try:
                if await self._committer.submit(checkpoints.renew([lease], until)):
                    return
                expires_at = until
            except Unavailable as error:
                _log.warning("store_unavailable", error=str(error))
