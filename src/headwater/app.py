"""Puts a server together: the only place that reads settings, chooses engines and starts tasks.

Order of stopping, which is what makes a stop graceful: no more connections, requests in flight
finish, consumers finish and checkpoint, what was submitted is committed, the store closes.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import structlog

from headwater.api.batches import Batches
from headwater.api.http import HttpSettings, Request, Response, TlsFilesError, listen, tls_context
from headwater.api.items import Items
from headwater.api.operation import Dispatcher, Handler
from headwater.api.queries import Queries
from headwater.api.streams import StreamHandlers, StreamsSettings
from headwater.api.tables import TableHandlers
from headwater.api.transactions import Transactions
from headwater.auth.credentials import CredentialsError, load_credentials
from headwater.auth.signature import Verifier
from headwater.clock import Chance, Clock, SystemChance, SystemClock
from headwater.config import ConfigError, Durability, Settings
from headwater.limits import stream_retention_seconds
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.engine import Engine
from headwater.storage.memory import MemoryEngine
from headwater.storage.sqlite import SqliteSettings, open_engine
from headwater.streams.iterator import Iterators, load_secret
from headwater.streams.retention import RetentionSettings, Trimmer
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.count import Counts
from headwater.tables.transitions import Stores, Transitions
from headwater.tables.write import Writer
from headwater.telemetry import METRICS_CONTENT_TYPE, Telemetry

_GRACE_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)

Handlers: TypeAlias = Mapping[tuple[str, str], Handler]
Answer: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a server that is ready listens."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class Store:
    """The store of a server and what writes it."""

    engine: Engine
    wakeups: Wakeups
    committer: Committer
    clock: Clock
    chance: Chance


async def serve(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a server until SIGTERM or SIGINT.

    Raises ConfigError, StoreInUse or Unavailable if it cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock, chance = SystemClock(), SystemChance()
    verifier = _verifier(settings, clock)
    telemetry = Telemetry()
    async with _store(settings, clock, chance) as store, _handlers(settings, store) as handlers:
        dispatcher = Dispatcher(handlers, {}, verifier.authenticate, chance, settings.region)
        await _listen(settings, _edge(dispatcher, telemetry), clock, announce, stop)
    _log.info("stopped")


@asynccontextmanager
async def _store(settings: Settings, clock: Clock, chance: Chance) -> AsyncIterator[Store]:
    """The store, with its committer running; at the end what was submitted is committed."""
    engine = _engine(settings, clock)
    wakeups = Wakeups()
    committer = Committer(engine, wakeups)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.run())
            try:
                yield Store(engine, wakeups, committer, clock, chance)
            finally:
                committer.close()
    finally:
        await engine.close()


def _engine(settings: Settings, clock: Clock) -> Engine:
    if settings.memory:
        return MemoryEngine()
    sqlite = SqliteSettings(is_strict=settings.durability is Durability.strict)
    return open_engine(settings.data, sqlite, clock)


@asynccontextmanager
async def _handlers(settings: Settings, store: Store) -> AsyncIterator[Handlers]:
    """Every operation's handler, with the tasks behind them running."""
    catalog = Catalog(
        store.engine,
        store.committer,
        store.clock,
        store.chance,
        CatalogSettings(settings.account, settings.initial_partitions),
    )
    writer = Writer(store.committer, catalog)
    counts = Counts(store.engine, store.clock)
    transitions = Transitions(
        catalog,
        Stores(store.engine, store.committer),
        store.clock,
        settings.transition_seconds,
    )
    trimmer = Trimmer(store.engine, store.committer, store.clock, RetentionSettings())
    iterators = Iterators(await load_secret(store.committer, store.chance))
    streams = StreamsSettings(settings.account, stream_retention_seconds)
    async with _running(counts.run(), transitions.run(), trimmer.run()):
        yield {
            **TableHandlers(
                catalog, counts, store.clock, lambda: f"{settings.host}:{settings.port}"
            ).handlers(),
            **Items(catalog, store.engine, writer, store.clock).handlers(),
            **Queries(catalog, store.engine).handlers(),
            **Batches(catalog, store.engine, writer, store.clock).handlers(),
            **Transactions(catalog, store.engine, writer, store.clock).handlers(),
            **StreamHandlers(store.engine, store.clock, iterators, streams).handlers(),
        }


@asynccontextmanager
async def _running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Tasks that run beside the body and are cancelled after it; one that fails ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _verifier(settings: Settings, clock: Clock) -> Verifier:
    try:
        credentials = load_credentials(settings.credentials) if settings.credentials else None
    except CredentialsError as error:
        raise ConfigError(str(error)) from error
    return Verifier(credentials, clock, settings.region)


def _edge(
    dispatcher: Dispatcher, telemetry: Telemetry
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The metrics beside the operations; nothing else is served."""

    async def answer(request: Request) -> Response:
        if request.path == "/metrics" and request.method == "GET":
            return Response(200, [("content-type", METRICS_CONTENT_TYPE)], telemetry.exposition())
        return await dispatcher.dispatch(request)

    return answer


async def _listen(
    settings: Settings,
    handler: Answer,
    clock: Clock,
    announce: Callable[[Ready], None],
    stop: asyncio.Event,
) -> None:
    """Accept requests until told to stop, then let those in flight finish."""
    try:
        tls = (
            tls_context(settings.tls_cert, settings.tls_key)
            if settings.tls_cert and settings.tls_key
            else None
        )
        listener = await listen(handler, settings.host, settings.port, HttpSettings(), clock, tls)
    except TlsFilesError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        ) from error
    scheme = "http" if tls is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    announce(Ready(f"{scheme}://{host}:{listener.port}"))
    await stop.wait()
    await listener.close(_GRACE_SECONDS)
