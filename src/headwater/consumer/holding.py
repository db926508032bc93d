"""A lease that is held: what is known of it, and until when it surely is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from headwater.clock import Clock
from headwater.consumer.lease import Lease
from headwater.consumer.lease_table import LeaseGone, LeaseTable
from headwater.consumer.position import Position


class Holding:
    """The right to read a shard and move its position.

    It lasts for the lease's life from the moment before the last successful write: others see that
    write later than this and wait for at least as long, so nobody has the shard before it ends.
    Writes of one lease go one after the other, as each needs the counter of the one before.
    """

    def __init__(
        self, table: LeaseTable, clock: Clock, lease: Lease, life: tuple[float, float]
    ) -> None:
        """life: the monotonic second before the lease was taken, and for how long it lasts."""
        self.lease = lease
        self._table = table
        self._clock = clock
        since, self._seconds = life
        self._until = since + self._seconds
        self._is_lost = False
        self._turn = asyncio.Lock()

    @property
    def is_valid(self) -> bool:
        """Whether nobody else can have the lease."""
        return not self._is_lost and self._clock.monotonic() < self._until

    @property
    def is_promised(self) -> bool:
        """Whether somebody has asked for it."""
        return self.lease.promised is not None

    async def renew(self) -> None:
        """Keep it; raises LeaseGone or CallFailed."""
        await self._write(self._table.renew)

    async def checkpoint(self, position: Position) -> None:
        """Store a position; raises LeaseGone or CallFailed."""
        await self._write(lambda lease: self._table.checkpoint(lease, position))

    async def finish(self) -> None:
        """Store that everything is dealt with, and let it go; raises LeaseGone or CallFailed."""
        await self._write(self._table.finish, is_last=True)

    async def release(self) -> None:
        """Let it go, to whom it is promised; raises LeaseGone or CallFailed."""
        await self._write(self._table.release, is_last=True)

    async def _write(
        self, write: Callable[[Lease], Awaitable[Lease]], *, is_last: bool = False
    ) -> None:
        async with self._turn:
            if self._is_lost:
                raise LeaseGone
            since = self._clock.monotonic()
            try:
                self.lease = await write(self.lease)
            except LeaseGone:
                self._is_lost = True
                raise
            self._until = since + self._seconds
            self._is_lost = is_last
