"""Puts a server together: the only place that reads settings, chooses engines and starts tasks.

Order of stopping, which is what makes a stop graceful: no more connections, requests in flight
finish, consumers finish and checkpoint, workers end, what was submitted is committed, the store
closes.

process.py     a process of a server: alone, or one of several
supervisor.py  starts the several processes of a server and replaces those that end
silence.py     when a process is taken for one that stands still
member.py      such a process's dealings with its supervisor
channel.py     what they tell each other
core.py        the store and what every part is built on
outside.py     queues, objects, and the messages that go there
functions.py   functions, their workers, Lambda's operations on them
running.py     tasks that end with what they run beside
services.py    shards that roll over and split; the duties of a leader
consumers.py   what consumers work with, and how they come to a stop
mappings.py    event source mappings
replication.py links between the replicas of global tables
sinks.py       sinks, to which changes flow
datastreams.py data streams
streaming.py   streaming of tables' changes to data streams
parts.py       what operations are about, all of it running
handlers.py    every operation's handler
memory.py      how memory is kept while it serves
edge.py        where the server listens, who may ask, what answers
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from headwater.api.gate import Gate
from headwater.api.http import Edge, HttpSettings, listen, listen_with_others
from headwater.api.operation import Dispatcher, Frame
from headwater.api.peers import clients_of
from headwater.app import memory
from headwater.app.core import core_of
from headwater.app.edge import credentials_of, edge_of, endpoint_of, tls_of
from headwater.app.functions import surroundings_of
from headwater.app.handlers import handlers_of, own_operations_of
from headwater.app.parts import parts_of
from headwater.app.process import Process, alone
from headwater.auth.signature import Verifier
from headwater.clock import SystemChance
from headwater.config import Settings
from headwater.limits import MB, function_upload_bytes_max

_GRACE_SECONDS: Final = 10.0
# Code for functions is the largest that is sent; with the allowance, too large a zip is refused in
# Lambda's words. Tables' operations have their own, smaller limit.
_HTTP: Final = HttpSettings(body_bytes_max=function_upload_bytes_max + MB)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a server that is ready listens."""

    endpoint: str


async def serve(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a server of one process until SIGTERM or SIGINT.

    Raises ConfigError, StoreInUse or Unavailable if it cannot start.
    """
    process = alone(settings, SystemChance())
    with process.bound:
        await run_process(settings, process, announce, asyncio.Event())


async def run_process(
    settings: Settings, process: Process, announce: Callable[[Ready], None], stop: asyncio.Event
) -> None:
    """Run a process of a server until SIGTERM, SIGINT or the event. Raises what `serve` does."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    credentials, tls = credentials_of(settings), tls_of(settings)
    bound, own = process.bound, process.own
    endpoint = endpoint_of(settings, bound)
    async with (
        core_of(settings, process) as core,
        parts_of(core, surroundings_of(endpoint, own)) as parts,
        handlers_of(core, parts, endpoint) as handlers,
    ):
        if credentials is not None:
            credentials = {**credentials, own.access_key_id: own}
        verifier = Verifier(credentials, core.machine_clock, settings.region)
        permit = None if credentials is None else Gate(parts.catalog, core.clock).check
        note = core.telemetry.requests.note
        frame = Frame(settings.region, core.chance, core.machine_clock, note, permit)
        own_operations = own_operations_of(core, parts)
        authenticate = clients_of(settings.peers, verifier)
        dispatcher = Dispatcher(handlers, own_operations, authenticate, frame)
        answer = edge_of(dispatcher, process.exposition, parts.functions.locations)
        if process.shared is None:
            listener = await listen(answer, bound, _HTTP, core.machine_clock, tls)
        else:
            edge = Edge(answer, _HTTP, loop)
            listener = listen_with_others(
                edge, bound, process.shared.board, core.machine_clock, tls
            )
        memory.settle()
        announce(Ready(endpoint))
        await stop.wait()
        await listener.close(_GRACE_SECONDS)
    _log.info("stopped")


def innermost(fault: BaseException) -> BaseException:
    """What was raised within the groups of tasks that passed it on."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
