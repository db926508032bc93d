"""Stores in memory, each a server with regions of its own, that reach each other without a network.

Requests and answers are the bytes that would be sent; `Weather` says what befalls them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson

from headwater.clock import ManualClock
from headwater.consumers.consumer import Consumer, destination_of
from headwater.consumers.delivery import Destination
from headwater.errors import ServiceError
from headwater.peers import Peer
from headwater.replication.consultation import CONSULT
from headwater.replication.exchange import EXCHANGE
from headwater.replication.wire import PeerRefused, PeerUnreachable, no_peer
from headwater.tables.schema import Table, TableStatus
from tests.replicated_store import NAME, Outside, ReplicatedStore, settle

UNAVAILABLE = 500


class Weather:
    """Lets everything through; another may do worse."""

    async def befall(self, source: str, target: str, send: Any) -> Any:
        """What comes of a request between two servers. May raise PeerUnreachable."""
        del source, target
        return await send()


class Loop:
    """`Wire` of one server. others: servers by their regions."""

    def __init__(self, world: LinkedStores, name: str, others: Mapping[str, str]) -> None:
        self._world = world
        self._name = name
        self._others = dict(others)

    @property
    def regions(self) -> Collection[str]:
        return self._others.keys()

    def forget(self, region: str) -> None:
        """Have a peer taken out of the configuration."""
        del self._others[region]

    def server_of(self, region: str) -> str | None:
        return self._others.get(region)

    async def call(self, region: str, operation: str, body: bytes) -> Any:
        if region not in self._others:
            raise no_peer(region)
        target = self._others[region]

        async def send() -> Any:
            return await self._world.answer(self._name, target, operation, body)

        return await self._world.weather.befall(self._name, target, send)


class LinkedStores:
    """Servers by name, with the regions each has."""

    def __init__(
        self, servers: Mapping[str, Sequence[str]], weather: Weather | None = None
    ) -> None:
        self.clock = ManualClock()
        self.weather = Weather() if weather is None else weather
        self.down: set[str] = set()
        self.home = {region: name for name, own in servers.items() for region in own}
        self.wires: dict[str, Loop] = {}
        self.peers: dict[str, dict[str, Peer]] = {}
        self.stores = {
            name: self._store(name, index) for index, name in enumerate(servers, start=1)
        }

    def _store(self, name: str, seed: int) -> ReplicatedStore:
        others = {region: other for region, other in self.home.items() if other != name}
        self.wires[name] = Loop(self, name, others)
        self.peers[name] = {
            region: Peer(region, "http://x", _key(name, other), "secret")
            for region, other in others.items()
        }
        return ReplicatedStore(
            self.reach, Outside(self.wires[name], self.peers[name], self.clock, seed)
        )

    def reach(self, consumer: Consumer) -> Destination:
        return destination_of(consumer)

    def of(self, region: str) -> ReplicatedStore:
        """The server that has a region."""
        return self.stores[self.home[region]]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LinkedStores]:
        async with AsyncExitStack() as stack:
            for store in self.stores.values():
                await stack.enter_async_context(store.running())
            yield self

    async def answer(self, source: str, target: str, operation: str, body: bytes) -> Any:
        """Have a server answer; as over a wire, errors become their codes."""
        if target in self.down:
            raise PeerUnreachable("refused")
        caller, content = _key(source, target), orjson.loads(body)
        reception = self.stores[target].reception
        try:
            if operation == CONSULT:
                await reception.consult(caller, content)
                return {}
            if operation == EXCHANGE:
                return orjson.loads(await reception.exchange(caller, content))
            return {"Applied": await reception.take(caller, content)}
        except ServiceError as error:
            if error.status >= UNAVAILABLE:
                raise PeerUnreachable(str(error)) from error
            raise PeerRefused(error.code, str(error)) from error

    async def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass for all servers."""
        end = self.clock.now() + seconds
        while (left := end - self.clock.now()) > 0:
            self.clock.advance(min(step, left))
            await settle()

    async def table(self, region: str, name: str = NAME) -> Table:
        return await self.of(region).catalog.describe(region, name)

    async def until_members(self, *regions: str) -> None:
        """Let time pass until exactly these regions are replicas, and all know it."""
        for _ in range(2000):
            if await self._agree(regions):
                return
            await self.advance(0.1)
        raise AssertionError(f"these do not become the replicas: {regions}")

    async def _agree(self, regions: Sequence[str]) -> bool:
        for region in regions:
            if not await self.of(region).has_table(region):
                return False
            table = await self.table(region)
            others = {each.region for each in table.replicas}
            is_at_rest = table.status is TableStatus.ACTIVE and not table.has_pending_replicas
            if not is_at_rest or others != set(regions) - {region}:
                return False
        return True

    async def drained(self) -> None:
        """Let time pass until every link of every server has sent everything."""
        for _ in range(400):
            behind = [
                await store.service.behind(await store.written()) for store in self.stores.values()
            ]
            if not any(behind):
                return
            await self.advance(1)
        raise AssertionError(f"behind: {behind}")


def _key(one: str, other: str) -> str:
    return "-".join(sorted((one, other)))


def in_servers(body: Any, servers: Mapping[str, Sequence[str]]) -> None:
    """Run a test's body over servers with these regions."""

    async def main() -> None:
        async with LinkedStores(servers).running() as world:
            await body(world)

    asyncio.run(main())
