"""The store of a server and what every part of it is built on."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from headwater.clock import Chance, Clock, SystemChance, SystemClock
from headwater.config import Durability, Settings
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine
from headwater.storage.memory import MemoryEngine
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Core:
    """What every part of a server is built on. folder: for what is not in the store."""

    settings: Settings
    clock: Clock
    chance: Chance
    telemetry: Telemetry
    engine: Engine
    wakeups: Wakeups
    committer: Committer
    folder: Path


@asynccontextmanager
async def core_of(settings: Settings) -> AsyncIterator[Core]:
    """The store, with its committer running; at the end what was submitted is committed."""
    clock = SystemClock()
    engine = _engine(settings, clock)
    wakeups = Wakeups()
    committer = Committer(engine, wakeups)
    # A server that keeps nothing needs a place for its functions' code all the same.
    place = nullcontext(os.fspath(settings.data))
    with tempfile.TemporaryDirectory() if settings.memory else place as folder:
        core = Core(
            settings,
            clock,
            SystemChance(),
            Telemetry(),
            engine,
            wakeups,
            committer,
            absolute(folder),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(committer.run())
                try:
                    yield core
                finally:
                    committer.close()
        finally:
            await engine.close()


def absolute(folder: str | Path) -> Path:
    """A folder as functions see it, which run in folders of their own."""
    return Path(folder).absolute()


def _engine(settings: Settings, clock: Clock) -> Engine:
    if settings.memory:
        return MemoryEngine()
    sqlite = SqliteSettings(is_strict=settings.durability is Durability.strict)
    return open_engine(settings.data, sqlite, clock)
