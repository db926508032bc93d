"""`python -m headwater.app.member`: one of the processes of a server, started by its supervisor.

It says when it is ready, or why it cannot be; gives its metrics when asked, shows every few seconds
that its loop goes round, and stops when it is told to or when its supervisor is gone.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import uvloop

from headwater.app import Ready, innermost, run_process
from headwater.app.channel import Channel
from headwater.app.process import Fellows, Plan, one_of_several
from headwater.config import ConfigError, LogFormat
from headwater.limits import process_beat_seconds
from headwater.storage.engine import StoreInUse, Unavailable
from headwater.telemetry import Report, configure_log

_REPORT_SECONDS_MAX: Final = 2.0


class Member:
    """A process's dealings with its supervisor and, through it, with the others."""

    def __init__(self, plan: Plan, channel: Channel) -> None:
        self._plan = plan
        self._channel = channel
        self._stop = asyncio.Event()
        self._fellows = Fellows(plan)
        self._process = one_of_several(plan, self._fellows, self._gather)
        self._asked = 0
        self._reports: dict[str, Report] = {}
        self._told = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to stop. Raises what `run_process` does."""
        settings = self._plan.read_settings()
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]
        try:
            await run_process(settings, self._process, self._ready, self._stop)
        finally:
            for task in tasks:
                task.cancel()

    def _ready(self, _: Ready) -> None:
        self._channel.send({"kind": "ready"})

    async def _beat(self) -> None:
        while True:
            self._channel.send({"kind": "beat"})
            await asyncio.sleep(process_beat_seconds)

    async def _listen(self) -> None:
        """Take what the supervisor says, until it is gone."""
        while (message := await self._channel.receive()) is not None:
            self._take(message)
        self._stop.set()

    def _take(self, message: Mapping[str, Any]) -> None:
        match message["kind"]:
            case "members":
                self._fellows.learn(message["serving"], message["alive"], message["latest"])
                self._process.wakeups.wake_everybody()
            case "stop":
                self._stop.set()
            case "report":
                told = {"kind": "told", "to": message["from"], "question": message["question"]}
                self._channel.send({**told, "report": self._process.telemetry.report()})
            case "told" if message["question"] == self._asked:
                self._reports[message["label"]] = message["report"]
                self._told.set()

    async def _gather(self) -> Mapping[str, Report]:
        """The metrics of all processes; of one that does not answer in time, none."""
        return await asyncio.create_task(self._gathered())  # what asks need not be a task

    async def _gathered(self) -> Mapping[str, Report]:
        self._asked += 1
        reports = self._reports = {self._plan.label: self._process.telemetry.report()}
        self._channel.send({"kind": "report", "question": self._asked})
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_told(reports), _REPORT_SECONDS_MAX)
        return dict(sorted(reports.items(), key=lambda each: int(each[0])))

    async def _all_told(self, reports: Mapping[str, Report]) -> None:
        while len(reports) < len(self._fellows.serving()):
            self._told.clear()
            await self._told.wait()


async def main() -> int:
    """Run the process; returns its exit status."""
    channel = await Channel.open(socket.socket(fileno=sys.stdin.fileno()))
    message = await channel.receive()
    if message is None:
        return 1
    plan = Plan(**message)
    is_console = plan.read_settings().log_format is LogFormat.console
    configure_log(is_console=is_console, labels={"worker": plan.label})
    status = 0
    try:
        await Member(plan, channel).run()
    except* (ConfigError, StoreInUse, Unavailable) as faults:
        channel.send({"kind": "failed", "reason": str(innermost(faults))})
        status = 2
    await channel.close()
    return status


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(main()))
