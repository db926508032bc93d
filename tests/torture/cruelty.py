"""Rounds: a server under load is killed, its directory checked, a new server proved and loaded.

After each kill, in this order: the directory as the kill left it passes `headwater verify`; what
was acknowledged is there; a transfer whose answer was lost, asked for again, happens once; the
stream tells every change of every key exactly once and in order; what was under way is finished.
The functions have been given everything, each key's records in order, whenever they are waited for;
the replicas of a global table agree, letters come, and what was to be invoked later is.

A server of several processes loses one of them first, and all of them a while later. It has no lab:
its shards roll over by themselves every few seconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headwater.audit.directory import verify
from headwater.audit.report import Report
from headwater.cli.client import Client, ServerGone, connected
from tests.server_process import ServerProcess, workers
from tests.torture import globe, invoked, letters, load, mapped
from tests.torture.works import OF_THE_LAB, WORKS, Finish, Work, reshard
from tests.torture.world import JOURNALED, World, items_of, prepare, settled

LANES: Final = 6
CONNECTIONS: Final = 32
_DRAIN_EVERY: Final = 5
_DRAIN_SECONDS: Final = 240
_STOP_SECONDS: Final = 120
_ROLLOVER_HOURS: Final = 0.002
_KILL_AFTER: Final = (0, 1, 20, 80, 200, 400, 800)
"""How many answers to writes there are before a kill, once the round's work has begun."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run has seen. told: records of the stream that the function follows."""

    kills: int
    acknowledged: int
    told: int
    delivered: int


def torture(world: World, kills: int, say: Callable[[str], object]) -> Figures:
    """Kill a server so many times; raises AssertionError, naming the round, for what is wrong."""
    with _serve(world) as server:
        asyncio.run(_prepare(world))
    known = [work for work in WORKS if world.workers == 1 or work not in OF_THE_LAB]
    works = [known[each % len(known)] for each in range(kills)]
    world.chance.shuffle(works)
    unfinished: list[Finish] = []
    for number, work in enumerate(works, 1):
        say(f"kill {number}: {work.__name__}\n")
        with _serve(world) as server:
            if number % _DRAIN_EVERY == 0:
                asyncio.run(_drain(world))
            asyncio.run(_prove(world, unfinished))
            unfinished = asyncio.run(_load(server, world, work, _deaths(server, world)))
        asyncio.run(_check_directory(world.data))
    return _ended(world, kills, unfinished)


def stop_gracefully(world: World) -> Figures:
    """Stop a server under load; what was delivered is not delivered again."""
    with _serve(world) as server:
        asyncio.run(_prepare(world))
        unfinished = asyncio.run(_load(server, world, reshard, [server.process.terminate]))
        assert server.process.wait(_STOP_SECONDS) == 0
    asyncio.run(_check_directory(world.data))
    return _ended(world, 0, unfinished)


def _ended(world: World, kills: int, unfinished: list[Finish]) -> Figures:
    with _serve(world) as server:
        asyncio.run(_prove(world, unfinished))
        delivered = asyncio.run(_drain(world))
        assert server.stop() == 0
    asyncio.run(_check_directory(world.data))
    return Figures(
        kills,
        sum(journal.acknowledged for journal in world.journals.values()),
        world.followers["orders"].records,
        delivered,
    )


def _serve(world: World) -> ServerProcess:
    server = _started(world)
    world.endpoint = server.endpoint
    return server


def _started(world: World) -> ServerProcess:
    durability = world.chance.choice(("strict", "relaxed"))
    # Not isolated: the function writes a file of this process's.
    options = ("--data", world.data, "--durability", durability, "--function-isolation", "none")
    if world.workers == 1:
        return ServerProcess.serve(*options, "--lab")
    several = ("--workers", str(world.workers), "--shard-rollover-hours", str(_ROLLOVER_HOURS))
    return ServerProcess.serve(*options, *several, "--log-format", "json")


def _deaths(server: ServerProcess, world: World) -> list[Callable[[], None]]:
    """What dies in a round, one after the other."""

    def kill_all() -> None:
        server.process.kill()  # first, so that none is replaced
        for process in workers(server).values():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def kill_one() -> None:
        os.kill(world.chance.choice(list(workers(server).values())), signal.SIGKILL)

    return [kill_all] if world.workers == 1 else [kill_one, kill_all]


async def _prepare(world: World) -> None:
    async with connected(world.endpoint) as client:
        await prepare(client, world)
        await globe.prepare(client, world)
        arn = (await settled(client, "orders"))["LatestStreamArn"]
        attributes = {"Attributes": {"VisibilityTimeout": "1"}}
        await client.call("sqs", "CreateQueue", {"QueueName": letters.QUEUE, **attributes})
        queue = await client.call("sqs", "CreateQueue", {"QueueName": mapped.GIVEN_UP})
        asked = {**queue, "AttributeNames": ["QueueArn"]}
        found = await client.call("sqs", "GetQueueAttributes", asked)
    functions = world.functions()
    mapped.follow(world, functions, arn, found["Attributes"]["QueueArn"])
    invoked.prepare(world, functions)


async def _load(
    server: ServerProcess, world: World, work: Work, ends: list[Callable[[], None]]
) -> list[Finish]:
    """Write from many clients, begin the work, and end the server, in steps, after a while each."""
    left: int | None = None

    def tick() -> None:
        nonlocal left
        if left is not None:
            left -= 1
            if left <= 0 and ends:
                ends.pop(0)()
                left = world.chance.choice(_KILL_AFTER)

    async with (
        connected(server.endpoint, CONNECTIONS) as client,
        connected(server.endpoint, CONNECTIONS, globe.REGIONS[1]) as abroad,
    ):
        accounts = list(world.balances)
        writers = [
            *(
                load.write_journaled(client, world, (table, lane), tick)
                for table in JOURNALED
                for lane in range(LANES)
            ),
            *globe.writers((client, abroad), world, tick),
            letters.write(client, world, tick),
            letters.read(client, world),
            invoked.invoke(world, world.functions(), tick),
            load.transfer(client, world, accounts[::2], tick),
            load.transfer(client, world, accounts[1::2], tick),
            load.write_fleeting(client, world, tick),
            _follow(client, world),
        ]
        tasks = [asyncio.create_task(writer) for writer in writers]
        finish: list[Finish] = []
        try:
            finish.append(await work(client, world))
            left = world.chance.choice(_KILL_AFTER)
            tick()
        finally:
            if left is None:
                server.process.kill()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            while ends:
                ends.pop(0)()
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, ServerGone):
            raise result
    return finish


async def _follow(client: Client, world: World) -> None:
    while True:
        await world.followers["orders"].read(client)


async def _prove(world: World, unfinished: list[Finish]) -> None:
    """Everything acknowledged is there, and the streams tell of it."""
    async with connected(world.endpoint, CONNECTIONS) as client:
        for table in JOURNALED:
            items = items_of(client, table, ConsistentRead=True)
            world.journals[table].settle(dict([load.value_of(item) async for item in items]))
        for token in list(world.transfers):
            await load.make_transfer(client, world, token)
        balances = {
            item["pk"]["S"]: int(item["balance"]["N"])
            async for item in items_of(client, "bank", ConsistentRead=True)
        }
        assert balances == world.balances, "a transfer was lost, or made twice"
        await _prove_stream(client, world)
        for finish in unfinished:
            await finish(client)
        await _prove_expiry(client, world)
        await letters.prove(client, world)
        await globe.prove(world)


async def _prove_stream(client: Client, world: World) -> None:
    """Each key's records are its changes: none is missing, none is told twice, none overtakes."""
    follower, journal = world.followers["orders"], world.journals["orders"]
    await follower.read(client)
    for key, changes in journal.changes.items():
        told = [value for _, _, value, _ in follower.told[key]]
        assert told == changes, f"{key}: its records tell {told[-5:]}, its changes {changes[-5:]}"
    assert follower.told.keys() <= journal.changes.keys(), "the stream tells of what was not sent"


async def _prove_expiry(client: Client, world: World) -> None:
    """What has expired goes, once, by the service."""
    items = {"TableName": "fleeting", "Limit": 1}
    while (await client.call("dynamodb", "Scan", items))["Items"]:
        pass
    follower = world.followers["fleeting"]
    await follower.read(client)
    for key, records in follower.told.items():
        told = [(kind, is_by_service) for _, kind, _, is_by_service in records]
        assert told == [("INSERT", False), ("REMOVE", True)], f"{key}: {told}"


async def _drain(world: World) -> int:
    """Wait for the functions; they have been given everything. How often the writer was."""
    async with connected(world.endpoint) as client:
        if world.workers == 1:
            await client.call("headwater", "Drain", {"TimeoutSeconds": _DRAIN_SECONDS})
        await invoked.prove(client, world)
        return await mapped.prove(client, world)


async def _check_directory(data: Path) -> None:
    report = Report()
    await verify(data, report)
    assert not report.faults, "\n".join(report.faults)
