"""Puts a server together: the only place that reads settings, chooses engines and starts tasks.

Order of stopping, which is what makes a stop graceful: no more connections, requests in flight
finish, consumers finish and checkpoint, workers end, what was submitted is committed, the store
closes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog

from headwater.api import lab, lab_streams
from headwater.api.backups import BackupHandlers
from headwater.api.batches import Batches
from headwater.api.exports import ExportHandlers
from headwater.api.functions import FunctionHandlers
from headwater.api.http import (
    HttpSettings,
    Request,
    Response,
    TlsFilesError,
    bound_socket,
    listen,
    tls_context,
)
from headwater.api.imports import ImportHandlers
from headwater.api.items import Items
from headwater.api.mappings import MappingHandlers
from headwater.api.operation import Dispatcher, Frame, Handler, OwnOperation
from headwater.api.queries import Queries
from headwater.api.statement_groups import StatementGroups
from headwater.api.statements import Statements
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.api.tables import TableHandlers
from headwater.api.time_to_live import TimeToLiveHandlers
from headwater.api.transactions import Transactions
from headwater.auth.credentials import (
    Credential,
    Credentials,
    CredentialsError,
    load_credentials,
)
from headwater.auth.signature import Verifier
from headwater.clock import Chance, Clock, SystemChance, SystemClock
from headwater.config import ConfigError, Durability, Settings
from headwater.consumers.coordinator import Holder
from headwater.consumers.reader import Services
from headwater.functions.environment import Surroundings
from headwater.functions.interpreter import Interpreters
from headwater.functions.package import CodeFolder
from headwater.functions.pool import Pool
from headwater.functions.registry import Machine, Registry
from headwater.functions.store import EngineFunctionStore
from headwater.functions.worker import Client, WorkerSettings
from headwater.lab.drain import Drain
from headwater.lab.streams import StreamStore
from headwater.limits import MB, function_upload_bytes_max
from headwater.mappings.local import LocalFunctions
from headwater.mappings.service import MappingService, MappingSettings
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine
from headwater.storage.memory import MemoryEngine
from headwater.storage.objects import DirectoryObjects, ObjectStore
from headwater.storage.s3 import S3Objects
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.streams.iterator import Iterators, load_secret
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables import export as exports
from headwater.tables import imports
from headwater.tables.backups import Backups
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.copying import BackupMaker
from headwater.tables.count import Counts
from headwater.tables.expirer import Expirer
from headwater.tables.exporter import Exporter
from headwater.tables.importer import Importer
from headwater.tables.jobs import Codec, Stored
from headwater.tables.metering import Meters
from headwater.tables.recovery import kept_since
from headwater.tables.resharding import Resharder
from headwater.tables.rollover import Rollover
from headwater.tables.splitting import SplitSettings, Splitting
from headwater.tables.tokens import TokenSweeper
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Writer, WriteWork
from headwater.telemetry import METRICS_CONTENT_TYPE, Telemetry

_GRACE_SECONDS: Final = 10.0
# Code for functions is the largest that is sent; with the allowance, too large a zip is refused in
# Lambda's words. Tables' operations have their own, smaller limit.
_HTTP: Final = HttpSettings(body_bytes_max=function_upload_bytes_max + MB)
_GARBAGE_OBJECTS: Final = 50_000
_log = structlog.get_logger(__name__)

Handlers: TypeAlias = Mapping[tuple[str, str], Handler]
Answer: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a server that is ready listens."""

    endpoint: str


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


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a server and the workers that run them."""

    registry: Registry
    pool: Pool


async def serve(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a server until SIGTERM or SIGINT.

    Raises ConfigError, StoreInUse or Unavailable if it cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    credentials = _credentials(settings)
    bound = _bound(settings)
    endpoint = _endpoint(settings, bound)
    async with _core(settings) as core:
        own = _own_credential(core.chance)
        catalog = _catalog(core)
        async with (
            _functions(core, _surroundings(endpoint, own)) as functions,
            _mappings(core, functions) as mappings,
            _resharding(core, catalog) as resharder,
            _handlers(core, catalog, functions, mappings, endpoint) as handlers,
        ):
            if credentials is not None:
                credentials = {**credentials, own.access_key_id: own}
            verifier = Verifier(credentials, core.clock, settings.region)
            frame = Frame(settings.region, core.chance, core.clock, core.telemetry.requests.note)
            own_operations = _lab(core, catalog, resharder, mappings)
            dispatcher = Dispatcher(handlers, own_operations, verifier.authenticate, frame)
            listener = await listen(
                _edge(dispatcher, core.telemetry), bound, _HTTP, core.clock, _tls(settings)
            )
            _quieten_collector()
            announce(Ready(endpoint))
            await stop.wait()
            await listener.close(_GRACE_SECONDS)
    _log.info("stopped")


def _quieten_collector() -> None:
    """Keep the collector of reference cycles from what cannot be garbage.

    Modules and everything built until now stay for good, yet a full collection looks at each of
    them: 30 ms in which nobody is answered, once a second under load. Requests leave no cycles
    behind, so collecting seldom costs nothing either.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS, 10, 10)


@asynccontextmanager
async def _core(settings: Settings) -> AsyncIterator[Core]:
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
            _absolute(folder),
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


def _absolute(folder: str | Path) -> Path:
    """A folder as functions see it, which run in folders of their own."""
    return Path(folder).absolute()


def _engine(settings: Settings, clock: Clock) -> Engine:
    if settings.memory:
        return MemoryEngine()
    sqlite = SqliteSettings(is_strict=settings.durability is Durability.strict)
    return open_engine(settings.data, sqlite, clock)


@asynccontextmanager
async def _functions(core: Core, surroundings: Surroundings) -> AsyncIterator[Functions]:
    """The registered functions, and the pool that runs them."""
    machine = Machine(
        CodeFolder(core.folder / "functions"), Interpreters(), core.clock, core.chance
    )
    store = EngineFunctionStore(core.engine, core.committer)
    registry = Registry(store, core.settings.account, machine)
    # The official client has wheels for Linux alone; elsewhere ours speaks the same protocol.
    client = Client.AWSLAMBDARIC if sys.platform == "linux" else Client.OWN
    workers = WorkerSettings(core.clock, core.chance, surroundings, client, core.folder / "workers")
    async with Pool(workers) as pool:
        yield Functions(registry, pool)


def _surroundings(endpoint: str, own: Credential) -> Surroundings:
    """What functions find: this server, credentials it takes, and boto3 beside their code."""
    boto3 = find_spec("boto3")
    assert boto3 is not None, "boto3 is among the dependencies"
    assert boto3.origin is not None, "boto3 is a package in a folder"
    libraries = Path(boto3.origin).parent.parent
    return Surroundings(endpoint, own.access_key_id, own.secret_access_key, None, libraries)


@asynccontextmanager
async def _mappings(core: Core, functions: Functions) -> AsyncIterator[MappingService]:
    """The event source mappings, running; at the end they finish what they deliver, if it is soon.

    What is cut off is delivered again after the next start.
    """
    service = MappingService(
        Services(core.engine, core.committer, core.wakeups, core.clock),
        LocalFunctions(functions.registry, functions.pool, core.chance),
        Holder(core.chance.uuid(), is_alone=True),
        core.chance,
        MappingSettings(
            core.settings.account, core.settings.retention_seconds, core.telemetry.delays.note
        ),
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(service.run())
        try:
            yield service
        finally:
            service.stop()
            deadline = core.clock.now() + _GRACE_SECONDS
            call_off = core.clock.call_at(deadline, lambda: _cancel(task))
            task.add_done_callback(lambda _: call_off())


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _catalog(core: Core) -> Catalog:
    settings = CatalogSettings(
        core.settings.account,
        core.settings.initial_partitions,
        core.settings.item_collection_bytes_max,
    )
    return Catalog(core.engine, core.committer, core.clock, core.chance, settings)


@asynccontextmanager
async def _resharding(core: Core, catalog: Catalog) -> AsyncIterator[Resharder]:
    """Shards rolled over and split as they fall due; gives what does so on command."""
    settings, clock = core.settings, core.clock
    resharder = Resharder(catalog, clock, core.chance)
    works = []
    if settings.shard_rollover_hours > 0:
        open_seconds = settings.shard_rollover_hours * 3600
        works.append(Rollover(catalog, resharder, clock, open_seconds).run())
    if settings.split_write_units > 0:
        split = SplitSettings(settings.split_write_units, settings.split_seconds)
        works.append(Splitting(core.engine, catalog, resharder, clock, split).run())
    async with _running(*works):
        yield resharder


def _lab(
    core: Core, catalog: Catalog, resharder: Resharder, mappings: MappingService
) -> Mapping[str, OwnOperation]:
    if not core.settings.lab:
        return {**lab.refused(), **lab_streams.refused()}
    drain = Drain(core.engine, mappings, core.clock)
    store = StreamStore(core.engine, core.committer, core.clock, core.settings.retention_seconds)
    return {
        **lab.LabHandlers(drain, core.telemetry.delays).operations(),
        **lab_streams.LabStreamHandlers(store, catalog, resharder).operations(),
    }


@asynccontextmanager
async def _handlers(
    core: Core,
    catalog: Catalog,
    functions: Functions,
    mappings: MappingService,
    endpoint: str,
) -> AsyncIterator[Handlers]:
    """Every operation's handler, with the tasks behind them running."""
    settings, engine, committer, clock = core.settings, core.engine, core.committer, core.clock
    meters = Meters(clock, settings.account) if settings.enforce_throughput else None
    writer = Writer(committer, catalog, WriteWork if meters is None else meters.work)
    counts = Counts(engine, clock)
    stores = Stores(engine, committer)
    transitions = Transitions(catalog, stores, clock, settings.transition_seconds)
    backups = Backups(engine, committer, catalog, clock, core.chance)
    maker = BackupMaker(backups, catalog, stores, clock)
    objects = _objects(core)
    exporter = Exporter(catalog, _jobs(core, exports.decode), objects, core.chance)
    importer = Importer(catalog, _jobs(core, imports.decode), objects, core.chance)
    expirer = Expirer(engine, writer, core.wakeups, clock)
    retention = RetentionSettings(settings.retention_seconds, kept_since=kept_since(catalog, clock))
    trimmer = Trimmer(engine, committer, clock, retention)
    iterators = Iterators(await load_secret(committer, core.chance))
    streams = StreamsSettings(settings.account, settings.retention_seconds)
    address = endpoint.partition("://")[2]
    tokens = TokenSweeper(engine, committer, clock)
    works = (counts, transitions, maker, exporter, importer, expirer, trimmer, tokens)
    async with _running(*(work.run() for work in works)) as spawn:
        yield {
            **TableHandlers(catalog, counts, clock, lambda: address).handlers(),
            **TimeToLiveHandlers(catalog).handlers(),
            **BackupHandlers(catalog, backups, clock, core.chance).handlers(),
            **ExportHandlers(catalog, exporter, objects, clock).handlers(),
            **ImportHandlers(importer, objects, settings.account).handlers(),
            **Items(catalog, engine, writer, clock, meters).handlers(),
            **Queries(catalog, engine, meters).handlers(),
            **Batches(catalog, engine, writer, clock, meters).handlers(),
            **Transactions(catalog, engine, writer, clock, meters).handlers(),
            **Statements(catalog, engine, writer, clock, meters).handlers(),
            **StatementGroups(catalog, engine, writer, clock, meters).handlers(),
            **StreamHandlers(engine, clock, iterators, streams).handlers(),
            **FunctionHandlers(
                functions.registry, functions.pool, settings.account, clock, spawn
            ).handlers(),
            **MappingHandlers(mappings, settings.account).handlers(),
        }


def _objects(core: Core) -> ObjectStore:
    """Where exports go and imports come from."""
    settings = core.settings
    if settings.s3_endpoint is not None:
        return S3Objects(settings.s3_endpoint, settings.region)
    return DirectoryObjects(_absolute(settings.objects or core.folder / "objects"), core.chance)


def _jobs(core: Core, decode: Codec) -> Stored:
    return Stored(core.engine, core.committer, core.clock, decode)


@asynccontextmanager
async def _running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[Spawn]:
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


def _credentials(settings: Settings) -> Credentials | None:
    try:
        return load_credentials(settings.credentials) if settings.credentials else None
    except CredentialsError as error:
        raise ConfigError(str(error)) from error


def _own_credential(chance: Chance) -> Credential:
    """What functions sign with when they call back; good for this run of the server alone."""
    return Credential(
        f"HEADWATER{chance.token(6).hex().upper()}", chance.token(30).hex(), "function"
    )


def _bound(settings: Settings) -> socket.socket:
    try:
        return bound_socket(settings.host, settings.port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        ) from error


def _endpoint(settings: Settings, bound: socket.socket) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{bound.getsockname()[1]}"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return tls_context(settings.tls_cert, settings.tls_key)
    except TlsFilesError as error:
        raise ConfigError(str(error)) from error


def _edge(dispatcher: Dispatcher, telemetry: Telemetry) -> Answer:
    """The metrics beside the operations; nothing else is served."""

    async def answer(request: Request) -> Response:
        if request.path == "/metrics" and request.method == "GET":
            return Response(200, [("content-type", METRICS_CONTENT_TYPE)], telemetry.exposition())
        return await dispatcher.dispatch(request)

    return answer
