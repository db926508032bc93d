"""The tasks that run beside the requests: functions, mappings, shards that roll over and split."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

from headwater.app.core import Core, Duty
from headwater.auth.credentials import Credential
from headwater.consumers.leadership import Leadership
from headwater.functions.environment import Surroundings
from headwater.functions.interpreter import Interpreters
from headwater.functions.package import CodeFolder
from headwater.functions.pool import Pool
from headwater.functions.registry import Machine, Registry
from headwater.functions.store import EngineFunctionStore
from headwater.functions.worker import Client, WorkerSettings
from headwater.tables.catalog import Catalog
from headwater.tables.resharding import Resharder
from headwater.tables.rollover import Rollover
from headwater.tables.splitting import SplitSettings, Splitting

_GRACE_SECONDS: Final = 10.0

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a server and the workers that run them."""

    registry: Registry
    pool: Pool


@asynccontextmanager
async def functions_of(core: Core, surroundings: Surroundings) -> AsyncIterator[Functions]:
    """The registered functions, and the pool that runs them."""
    machine = Machine(
        CodeFolder(core.folder / "functions"), Interpreters(), core.clock, core.chance
    )
    store = EngineFunctionStore(core.engine, core.committer)
    registry = Registry(store, core.settings.account, machine)
    # The official client has wheels for Linux alone; elsewhere ours speaks the same protocol.
    client = Client.AWSLAMBDARIC if sys.platform == "linux" else Client.OWN
    workers = WorkerSettings(
        core.clock,
        core.machine_clock,
        core.chance,
        surroundings,
        client,
        core.folder / "workers",
    )
    async with Pool(workers) as pool:
        yield Functions(registry, pool)


def _scratch(core: Core) -> Path:
    """Where functions' workers have their folders: every process has a place of its own."""
    shared = core.process.shared
    folder = core.folder / "workers"
    return folder if shared is None else folder / str(shared.place)


def surroundings_of(endpoint: str, own: Credential) -> Surroundings:
    """What functions find: this server, credentials it takes, and boto3 beside their code."""
    boto3 = find_spec("boto3")
    assert boto3 is not None, "boto3 is among the dependencies"
    assert boto3.origin is not None, "boto3 is a package in a folder"
    libraries = Path(boto3.origin).parent.parent
    return Surroundings(endpoint, own.access_key_id, own.secret_access_key, None, libraries)


def resharding_duties(core: Core, catalog: Catalog) -> Sequence[Duty]:
    """What rolls shards over and splits them as they fall due."""
    settings, clock = core.settings, core.clock
    resharder = Resharder(catalog, clock, core.chance)
    duties: list[Duty] = []
    if settings.shard_rollover_hours > 0:
        open_seconds = settings.shard_rollover_hours * 3600
        duties.append(Rollover(catalog, resharder, clock, open_seconds).run)
    if settings.split_write_units > 0:
        split = SplitSettings(settings.split_write_units, settings.split_seconds)
        duties.append(Splitting(core.engine, catalog, resharder, clock, split).run)
    return duties


@asynccontextmanager
async def leading(core: Core) -> AsyncIterator[None]:
    """The duties that one process of a store alone has, done as long as this one leads."""
    members = core.process.members
    leadership = Leadership(core.committer, core.wakeups, core.clock, members)
    async with running(leadership.run(lambda: [duty() for duty in core.duties])):
        yield


@asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[Spawn]:
    """Tasks that run beside the body and are cancelled after it; one that fails ends the body.

    Gives a function that starts further ones.
    """
    tasks: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            task = group.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        for work in works:
            spawn(work)
        try:
            yield spawn
        finally:
            for task in tuple(tasks):
                task.cancel()
