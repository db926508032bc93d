"""Starts the processes of a server, replaces those that end, and stops them all together.

It owns no data and answers nobody: it makes what they inherit, tells each who the others are and
passes on what they ask each other. A process that dies is replaced at its place after a moment, at
first a tenth of a second; if several die quickly one after the other, the server gives up. One
whose loop has stood still for too long is ended, and so replaced. If the supervisor itself dies,
its processes see the end of their standard input and stop in good order.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process as Child
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from headwater.app import Ready
from headwater.app.channel import Channel
from headwater.app.edge import bound_by, endpoint_of, own_credential
from headwater.app.process import Plan
from headwater.app.silence import Silence
from headwater.clock import Clock, SystemChance, SystemClock
from headwater.config import ConfigError, Settings
from headwater.limits import (
    process_beat_seconds,
    process_quick_deaths_max,
    process_restart_seconds_first,
    process_restart_seconds_max,
    process_steady_seconds,
)
from headwater.storage.board import Board, new_board
from headwater.storage.relay import everything
from headwater.storage.sqlite import hold_store

# Longer than the processes themselves take for requests and deliveries that do not end.
_STOP_SECONDS_MAX: Final = 45.0
_BACKLOG: Final = 1024
_COMMAND: Final = (sys.executable, "-P", "-m", "headwater.app.member")
_log = structlog.get_logger(__name__)


class Unsteady(Exception):
    """Processes die as soon as they are started; the text says how the last one did."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """Wake-ups: each place's own socket, and the way to it for all the others."""

    own: Sequence[socket.socket]
    to: Sequence[socket.socket]


@dataclass(slots=True)
class _Running:
    """A process that has been started."""

    number: int
    child: Child
    channel: Channel
    silence: Silence = field(default_factory=Silence)
    is_ready: bool = False
    reason: str | None = None


class Supervisor:
    """The processes of one server. Made by `supervise`, which has bound the port."""

    def __init__(self, settings: Settings, bound: socket.socket, clock: Clock) -> None:
        """Raises StoreInUse or Unavailable if the data directory cannot be had."""
        chance = SystemChance()
        self._settings = settings
        self._bound = bound
        self._clock = clock
        self._hold = hold_store(settings.data)
        self._own = own_credential(chance)
        self._run = chance.uuid()
        places = settings.workers
        self._board_descriptor = new_board(places)
        self._board = Board(self._board_descriptor, places, 0)
        self._ways = _ways(places)
        self._latest = 0
        self._running: dict[int, _Running] = {}
        self._quick_deaths = 0
        self._is_stopping = asyncio.Event()
        self._all_ready = asyncio.Event()

    async def run(self, announce: Callable[[], None]) -> None:
        """Keep every place taken until `stop`. Raises ConfigError or Unsteady."""
        async with asyncio.TaskGroup() as tasks:
            places = [
                tasks.create_task(self._keep(place)) for place in range(self._settings.workers)
            ]
            first = tasks.create_task(self._announce(announce))
            watch = tasks.create_task(self._watch())
            try:
                await asyncio.gather(*places)
            finally:
                first.cancel()
                watch.cancel()

    def stop(self) -> None:
        """Have every process stop; `run` returns when all have."""
        self._is_stopping.set()
        for running in self._running.values():
            running.channel.send({"kind": "stop"})
        self._clock.call_at(self._clock.now() + _STOP_SECONDS_MAX, self._kill_all)

    async def end(self) -> None:
        """End what still runs, if it can be in good order; give up what the processes inherited."""
        if self._running:
            self.stop()
            await asyncio.gather(*(each.child.wait() for each in self._running.values()))
        for each in (*self._ways.own, *self._ways.to):
            each.close()
        os.close(self._board_descriptor)
        self._hold.release()

    async def _announce(self, announce: Callable[[], None]) -> None:
        await self._all_ready.wait()
        announce()

    async def _keep(self, place: int) -> None:
        """Start a process at a place, and another whenever it ends, until told to stop."""
        while not self._is_stopping.is_set():
            began = self._clock.monotonic()
            running = await self._start(place)
            await self._follow(running, place)
            status = await running.child.wait()
            self._bury(running, place)
            if self._is_stopping.is_set():
                return
            self._judge(running, place, status, self._clock.monotonic() - began)
            wait = process_restart_seconds_first * 2 ** max(0, self._quick_deaths - 1)
            await self._stopped_within(min(wait, process_restart_seconds_max))

    async def _start(self, place: int) -> _Running:
        self._latest += 1
        number = self._latest
        others = [each.fileno() for index, each in enumerate(self._ways.to) if index != place]
        plan = Plan.new(
            self._settings,
            self._own,
            run=self._run,
            number=number,
            place=place,
            places=self._settings.workers,
            members=self._serving(),
            hold=self._hold.descriptor,
            board=self._board_descriptor,
            listener=self._bound.fileno(),
            wakeups=self._ways.own[place].fileno(),
            others=others,
        )
        here, there = socket.socketpair()
        inherited = (plan.hold, plan.board, plan.listener, plan.wakeups, *others)
        with there:
            child = await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=there.fileno(), pass_fds=inherited
            )
        channel = await Channel.open(here)
        channel.send(plan)
        running = _Running(number, child, channel)
        self._running[place] = running
        self._tell_members()
        if self._is_stopping.is_set():
            channel.send({"kind": "stop"})
        return running

    async def _follow(self, running: _Running, place: int) -> None:
        """Take what a process says until it says no more."""
        while (message := await running.channel.receive()) is not None:
            running.silence.end()
            match message["kind"]:
                case "ready":
                    running.is_ready = True
                    _log.info("worker_ready", worker=place + 1, pid=running.child.pid)
                    self._tell_members()
                    if len(self._serving()) == self._settings.workers:
                        self._all_ready.set()
                case "failed":
                    running.reason = message["reason"]
                case "report":
                    self._pass_on(message, running.number)
                case "told":
                    self._answer(message, place)
        await running.channel.close()

    def _bury(self, running: _Running, place: int) -> None:
        """Do for a dead process what it had still to do, and let the others know."""
        del self._running[place]
        self._board.count_for(place)
        for way in self._ways.to:
            with suppress(OSError):  # full: it is a hint
                way.send(everything(), socket.MSG_DONTWAIT)
        self._tell_members()

    def _judge(self, running: _Running, place: int, status: int, seconds: float) -> None:
        """Log a death, and raise if there is no use in going on."""
        if running.reason is not None and not self._all_ready.is_set():
            raise ConfigError(running.reason)
        how = running.reason or _how(status)
        _log.warning("worker_ended", worker=place + 1, pid=running.child.pid, how=how)
        if seconds >= process_steady_seconds:
            self._quick_deaths = 0
            return
        self._quick_deaths += 1
        if self._quick_deaths >= process_quick_deaths_max:
            raise Unsteady(
                f"{self._quick_deaths} workers ended within {process_steady_seconds:.0f} seconds "
                f"of their start; the last one: {how}"
            )

    def _serving(self) -> list[int]:
        return sorted(each.number for each in self._running.values() if each.is_ready)

    def _tell_members(self) -> None:
        message = {
            "kind": "members",
            "serving": self._serving(),
            "alive": sorted(each.number for each in self._running.values()),
            "latest": self._latest,
        }
        for running in self._running.values():
            running.channel.send(message)

    def _pass_on(self, question: Mapping[str, Any], asker: int) -> None:
        """Pass a question on to all the others."""
        for running in self._running.values():
            if running.number != asker:
                running.channel.send({**question, "from": asker})

    def _answer(self, answer: Mapping[str, Any], place: int) -> None:
        """Pass an answer on to who asked."""
        for running in self._running.values():
            if running.number == answer["to"]:
                running.channel.send({**answer, "label": str(place + 1)})

    async def _watch(self) -> None:
        """End every process that has said nothing for too long."""
        while True:
            await self._clock.sleep(process_beat_seconds)
            for place, running in self._running.items():
                if running.silence.lasts_too_long() and running.child.returncode is None:
                    _log.warning("worker_stands_still", worker=place + 1, pid=running.child.pid)
                    running.child.kill()

    async def _stopped_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_stopping.wait(), seconds)

    def _kill_all(self) -> None:
        for running in self._running.values():
            if running.child.returncode is None:
                running.child.kill()


async def supervise(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Run a server of several processes until SIGTERM or SIGINT.

    Raises ConfigError, StoreInUse or Unavailable if it cannot start, Unsteady if its processes do
    not live.
    """
    with bound_by(settings) as bound:
        bound.listen(_BACKLOG)
        supervisor = Supervisor(settings, bound, SystemClock())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stop)
        ready = Ready(endpoint_of(settings, bound))
        try:
            await supervisor.run(lambda: announce(ready))
        finally:
            await supervisor.end()
    _log.info("stopped")


def _ways(places: int) -> _Ways:
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(places)]
    return _Ways([own for own, _ in pairs], [to for _, to in pairs])


def _how(status: int) -> str:
    """How a process ended, from its exit status."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
