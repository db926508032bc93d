"""What runs beside the requests in one process alone: shards that roll over and split."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from headwater.app.core import Core, Duty
from headwater.app.running import running
from headwater.consumers.leadership import Leadership
from headwater.lab.clock import LabClock
from headwater.streams.load import SplitSettings
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import Resharder
from headwater.tables.rollover import Rollover
from headwater.tables.splitting import Splitting


def resharding_duties(core: Core, catalog: Catalog) -> Sequence[Duty]:
    """What rolls shards over and splits them as they fall due."""
    settings, clock = core.settings, core.clock
    resharder = Resharder(catalog, clock, core.chance)
    duties: list[Duty] = []
    if settings.shard_rollover_hours > 0:
        open_seconds = settings.shard_rollover_hours * 3600
        quiet_until = clock.quiet_until if isinstance(clock, LabClock) else clock.now
        rollover = Rollover(catalog, resharder, clock, open_seconds, quiet_until)
        duties.append(rollover.run)
    if settings.split_write_units > 0:
        split = split_settings(core)
        duties.append(Splitting(core.engine, catalog, resharder, clock, split).run)
    return duties


def split_settings(core: Core) -> SplitSettings:
    """When shards are split by themselves."""
    return SplitSettings(core.settings.split_write_units, core.settings.split_seconds)


@asynccontextmanager
async def leading(core: Core) -> AsyncIterator[None]:
    """The duties that one process of a store alone has, done as long as this one leads."""
    members = core.process.members
    leadership = Leadership(core.committer, core.wakeups, core.clock, members)
    async with running(leadership.run(lambda: [duty() for duty in core.duties])):
        yield
