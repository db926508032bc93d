"""A thousand connections, of which a few are busy, at half of what the server can do.

Requests are paced: each connection asks in its turn, whether or not the others were answered. Then
the same again beside clients that send a byte now and then and clients that never read an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from tests.benchmarks import usage
from tests.benchmarks.load import Figures
from tests.benchmarks.report import percentile
from tests.benchmarks.servers import Server
from tests.benchmarks.wire import Wire
from tests.benchmarks.workload import DYNAMODB, Body, keys

CONNECTIONS = 1_000
BUSY = 64
UNREAD = 20  # clients that ask for much and read nothing
UNREAD_REQUESTS = 32
UNREAD_ITEMS = 1_000
DRIPPING = 180  # clients that send a byte a second
PACE_SECONDS = 0.002


@dataclass
class _Client(asyncio.Protocol):
    """A busy connection: asks when told and notes how long each answer took."""

    requests: Sequence[bytes]
    asked_at: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    transport: asyncio.Transport | None = None
    unread: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self) -> None:
        assert self.transport is not None
        number = len(self.asked_at)
        self.asked_at.append(time.perf_counter())
        self.transport.write(self.requests[number % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        received = self.unread + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(received) < end + 4 + size:
                break
            assert head.startswith(b"http/1.1 200"), received
            received = received[end + 4 + size :]
            self.waits.append(time.perf_counter() - self.asked_at[len(self.waits)])
        self.unread = received

    @property
    def is_answered(self) -> bool:
        return len(self.waits) == len(self.asked_at)


@dataclass(frozen=True)
class Pace:
    """So many requests a second, for so many seconds."""

    per_second: float
    seconds: float


def measure_many_clients(server: Server, full: Figures, seconds: float) -> dict[str, float]:
    """Figures by name. full: GetItem of the items table with as many requests as are answered."""
    signer = server.signer()
    requests = [signer.request(f"{DYNAMODB}.GetItem", _get(key)) for key in keys()]
    rate = full.per_second / 2
    with ExitStack() as stack:
        for _ in range(CONNECTIONS - BUSY):
            stack.enter_context(closing(Wire(server.host).socket))
        alone, alone_cpu = _paced(server, requests, rate, seconds)
        scan = signer.request(f"{DYNAMODB}.Scan", _scan())
        for _ in range(UNREAD):
            wire = Wire(server.host)
            stack.enter_context(closing(wire.socket))
            wire.send(scan * UNREAD_REQUESTS)
        dripping = [Wire(server.host) for _ in range(DRIPPING)]
        for wire in dripping:
            stack.enter_context(closing(wire.socket))
        usage.await_idle(server.process)
        beside, beside_cpu = _paced(server, requests, rate, seconds, dripping)
    waits = [wait * 1000 for client in alone for wait in client.waits]
    counts = [len(client.waits) for client in alone]
    p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
    return {
        "clients_per_second": sum(counts) / seconds,
        "clients_p50_ms": p50,
        "clients_p99_ms": p99,
        "clients_p99_to_p50": p99 / p50,
        "clients_least_share": min(counts) * BUSY / sum(counts),
        "clients_cpu_us": alone_cpu,
        "beside_stalled_p99_ms": percentile([1000 * w for c in beside for w in c.waits], 0.99),
        "beside_stalled_cpu_us": beside_cpu,
        "clients_memory_mib": usage.peak_bytes(server.process) / 2**20,
    }


def _get(key: str) -> Body:
    return {"TableName": "bench-items", "Key": {"pk": {"S": key}}}


def _scan() -> Body:
    return {"TableName": "bench-items", "Limit": UNREAD_ITEMS}


def _paced(
    server: Server,
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    dripping: Sequence[Wire] = (),
) -> tuple[list[_Client], float]:
    """The busy connections after so many seconds, and the server's CPU us of a request."""
    cpu = usage.cpu_seconds(server.process)
    clients = asyncio.run(_ask(server, requests, Pace(rate, seconds), dripping))
    cpu = usage.cpu_seconds(server.process) - cpu
    return clients, cpu / sum(len(client.waits) for client in clients) * 1e6


async def _ask(
    server: Server, requests: Sequence[bytes], pace: Pace, dripping: Sequence[Wire]
) -> list[_Client]:
    """Ask at a rate, one connection after the other; those still unanswered miss their turn."""
    loop = asyncio.get_running_loop()
    name, _, port = server.host.rpartition(":")
    clients = [
        (await loop.create_connection(lambda: _Client(requests), name, int(port)))[1]
        for _ in range(BUSY)
    ]
    began, asked, dripped = time.perf_counter(), 0, 0
    while (passed := time.perf_counter() - began) < pace.seconds:
        for number in range(asked, int(passed * pace.per_second)):
            client = clients[number % BUSY]
            if client.is_answered:
                client.ask()
        asked = int(passed * pace.per_second)
        for number in range(dripped, int(passed * len(dripping))):
            dripping[number % len(dripping)].send(requests[0][number // len(dripping) :][:1])
        dripped = int(passed * len(dripping))
        await asyncio.sleep(PACE_SECONDS)
    while not all(client.is_answered for client in clients):  # noqa: ASYNC110 - many, not one
        await asyncio.sleep(PACE_SECONDS)
    for client in clients:
        assert client.transport is not None
        client.transport.close()
    return clients
