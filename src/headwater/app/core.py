"""The store of a server and what every part of it is built on."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from headwater.app.process import Process, Shared
from headwater.clock import Chance, Clock, SystemChance, SystemClock
from headwater.config import ConfigError, Durability, Settings
from headwater.lab.clock import ClockState, LabClock
from headwater.lab.faults import Faults
from headwater.lab.journal import Journal
from headwater.lab.sending import Departures
from headwater.lab.timekeeper import TimeAhead, leave_lab, load_state
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine
from headwater.storage.memory import MemoryEngine
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.telemetry import Telemetry

Duty: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Starts what the process that leads does beside the requests, until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Core:
    """What every part of a server is built on.

    clock: the time of day, for all that happens to data: the machine's, or the lab's, which can
    stand still and jump. machine_clock: for what is about real processes and networks: the skew of
    signatures, slow clients, time-outs of functions, the grace of a stop, measured durations.
    folder: for what is not in the store. faults, journal, departures: the lab's, None where there
    is no lab.
    duties: of the process that leads, from all parts of the server.
    """

    settings: Settings
    clock: Clock
    machine_clock: Clock
    chance: Chance
    process: Process
    engine: Engine
    wakeups: Wakeups
    committer: Committer
    folder: Path
    faults: Faults | None
    journal: Journal | None
    departures: Departures | None
    duties: list[Duty] = field(default_factory=list)

    @property
    def telemetry(self) -> Telemetry:
        return self.process.telemetry


@asynccontextmanager
async def core_of(settings: Settings, process: Process) -> AsyncIterator[Core]:
    """The store, with its committer running; at the end what was submitted is committed."""
    machine_clock = SystemClock()
    shared, wakeups = process.shared, process.wakeups
    engine = _engine(settings, machine_clock, shared)
    committer = Committer(engine, wakeups)
    # A server that keeps nothing needs a place for its functions' code all the same.
    place = nullcontext(os.fspath(settings.data))
    with tempfile.TemporaryDirectory() if settings.memory else place as folder:
        if settings.memory:
            _let_through(folder)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(committer.run())
                relaying = None
                if shared is not None:
                    relaying = tasks.create_task(shared.relay(wakeups).run())
                try:
                    clock = await _clock(settings, engine, committer, machine_clock)
                    chance = SystemChance()
                    yield Core(
                        settings,
                        clock,
                        machine_clock,
                        chance,
                        process,
                        engine,
                        wakeups,
                        committer,
                        absolute(folder),
                        Faults(clock, chance) if settings.lab else None,
                        Journal() if settings.lab else None,
                        Departures() if settings.lab else None,
                    )
                finally:
                    committer.close()
                    if relaying is not None:
                        relaying.cancel()
        finally:
            await engine.close()


def _let_through(folder: str) -> None:
    """Let functions reach what is theirs in a folder, as users of their own."""
    Path(folder).chmod(0o711)


def absolute(folder: str | Path) -> Path:
    """A folder as functions see it, which run in folders of their own."""
    return Path(folder).absolute()


async def _clock(
    settings: Settings, engine: Engine, committer: Committer, machine_clock: Clock
) -> Clock:
    """The time of day of what is stored. Raises ConfigError if it needs the lab and has none."""
    if settings.lab:
        return LabClock(machine_clock, await load_state(engine) or ClockState())
    try:
        await leave_lab(engine, committer, machine_clock)
    except TimeAhead as error:
        raise ConfigError(str(error)) from error
    return machine_clock


def _engine(settings: Settings, clock: Clock, shared: Shared | None) -> Engine:
    if settings.memory:
        return MemoryEngine()
    sqlite = SqliteSettings(is_strict=settings.durability is Durability.strict)
    sharing = None if shared is None else shared.sharing
    return open_engine(settings.data, sqlite, clock, sharing)
