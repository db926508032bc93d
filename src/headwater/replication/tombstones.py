"""Versions of deleted items, removed once no older write of them can arrive any more.

Everything from before the moment up to which all links of a global table are sound has been
delivered to all its replicas, so no write from before it is under way. A tombstone that is older
than that moment by the whole retention of the log has nothing left to keep out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from headwater.clock import Clock, pause
from headwater.limits import table_step_items_max, tombstone_sweep_seconds
from headwater.replication import link as links
from headwater.replication.link import Link
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span, Unavailable
from headwater.tables import schema
from headwater.tables import version as versions
from headwater.tables.schema import Table
from headwater.values.order import after_prefix

_log = structlog.get_logger(__name__)


class TombstoneSweeper:
    """Run it in a task group; cancelling it is safe at any moment."""

    def __init__(
        self, engine: Engine, committer: Committer, clock: Clock, retention_seconds: float
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock
        self._retention_us = int(retention_seconds * 1e6)

    async def run(self) -> None:
        """Sweep until cancelled; a store that cannot serve is swept next time."""
        while True:
            await pause(self._clock, tombstone_sweep_seconds)
            try:
                await self.sweep()
            except Unavailable as error:
                _log.warning("tombstones cannot be swept", error=str(error))

    async def sweep(self) -> int:
        """Remove what is not needed any more; returns how many."""
        found = await links.every(self._engine)
        count = 0
        for key, horizon in horizons(found, self._retention_us).items():
            (stored,) = await self._engine.get([key])
            if stored is not None:
                count += await self._sweep(schema.decode(stored), horizon)
        return count

    async def _sweep(self, table: Table, horizon: int) -> int:
        count = 0
        start, stop = table.versions_prefix, after_prefix(table.versions_prefix)
        while rows := await self._engine.scan(Span(start, stop, table_step_items_max)):
            old = [key for key, stored in rows if versions.decode(stored).time_us < horizon]
            if old:
                count += await self._committer.submit(_Sweep(table, old, horizon))
            start = rows[-1][0] + b"\x00"
        return count


def horizons(found: Sequence[Link], retention_us: int) -> Mapping[bytes, int]:
    """Microseconds before which tombstones go, by the keys of the tables; names are of groups.

    Of a table with a link that must scan none go: what it sends may be of any age. The links of
    other servers are heard of.
    """
    sound: dict[str, list[int | None]] = {}
    for link in found:
        moments = sound.setdefault(link.name, [])
        moments.append(None if link.must_scan else link.sound_us)
        if link.is_remote:
            moments.append(link.heard_us)
    horizons = {}
    for link in found:
        known = [moment for moment in sound[link.name] if moment is not None]
        if len(known) == len(sound[link.name]):
            horizons[link.source_key] = min(known) - retention_us
    return horizons


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Versions removed in one commit, of items that are not there."""

    table: Table
    keys: Sequence[bytes]
    horizon: int

    @property
    def reads(self) -> Sequence[bytes]:
        return (*self.keys, *(versions.item_key_of(self.table, key) for key in self.keys))

    def run(self, view: View) -> int:
        count = 0
        for key in self.keys:
            stored = view.get(key)
            has_item = view.get(versions.item_key_of(self.table, key)) is not None
            if stored is not None and not has_item and self._is_old(stored):
                view.delete(key)
                count += 1
        return count

    def _is_old(self, stored: bytes) -> bool:
        return versions.decode(stored).time_us < self.horizon
