"""One worker: a process that runs one function's events, one after the other.

    STARTING -> IDLE -> BUSY -> ANSWERED -> IDLE ...      any of them -> GONE

It is STARTING until its runtime first asks for an event, BUSY from taking one until it has posted
how that ended, ANSWERED until it asks again. Every invocation given to it ends exactly once: by
what the runtime posts, by its time being over, or by the end of the process. All waits that are
policy go by the machine's clock; the owner decides what runs where.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from headwater import limits
from headwater.clock import Chance, Clock
from headwater.errors import ServiceException
from headwater.functions import outcome, process, runtime_api
from headwater.functions.environment import Place, Surroundings, worker_environment
from headwater.functions.function import FunctionVersion
from headwater.functions.journal import Journals
from headwater.functions.log_format import Logger, log_format
from headwater.functions.runtime import BOOTSTRAP, Client, Family
from headwater.functions.sandbox import TMP, Sandbox, end_of
from headwater.functions.transcript import Transcript
from headwater.functions.user import user_of


class State(Enum):
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    ANSWERED = "answered"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What all workers share.

    clock: the server's time of day, for logs. machine_clock: for what is about processes, which
    have the machine's time: deadlines, measured durations, idleness.
    scratch: the folder in which each gets a folder of its own. has_users: whether each function has
    a user of its own. sandbox: in which each runs, if there is one.
    """

    clock: Clock
    machine_clock: Clock
    chance: Chance
    surroundings: Surroundings
    client: Client
    scratch: Path
    journals: Journals
    has_users: bool = False
    sandbox: Sandbox | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks of a function.

    request_id: unique among running invocations. payload: JSON. arn: as it was called, with the
    version or alias if one was named. client_context: JSON, if the caller gave it.
    """

    request_id: str
    payload: bytes
    arn: str
    client_context: bytes | None = None


@dataclass(slots=True, eq=False)
class Invocation:
    """One call of a function, from being asked for to its end."""

    request: Request
    ended: asyncio.Future[outcome.InvokeResult]

    def end(self, result: outcome.InvokeResult) -> None:
        if not self.ended.done():
            self.ended.set_result(result)

    def fail(self, error: Exception) -> None:
        """End it without a result: the server failed, not the function."""
        if not self.ended.done():
            self.ended.set_exception(error)


class Owner(Protocol):
    """Who decides what a worker runs."""

    def worker_ready(self, worker: Worker) -> None:
        """It is IDLE: give it an invocation now or later, or dismiss it."""

    def worker_gone(self, worker: Worker) -> None:
        """Its process has ended; what it was running has been told."""


class Worker:
    """A worker process and what it is doing."""

    def __init__(self, version: FunctionVersion, settings: WorkerSettings, owner: Owner) -> None:
        self.version = version
        self.state = State.STARTING
        self.has_started = False
        self.is_dismissed = False
        self.scratch = settings.scratch / settings.chance.token(8).hex()
        self._user = user_of(version.arn) if settings.has_users else 0
        self._settings = settings
        self._clock = settings.clock
        self._machine_clock = settings.machine_clock
        self._owner = owner
        day = outcome.day(self._clock.now())
        stream = f"{day}/[{version.version}]{settings.chance.token(16).hex()}"
        self._log = Transcript(
            log_format(version.log, Logger(version.name, version.arn, version.version)),
            settings.journals.of(version.region, version.name),
            self._clock,
            stream,
        )
        self._listener: runtime_api.Listener | None = None
        self._process: process.Process | None = None
        self._taker: runtime_api.EventTaker | None = None
        self._invocation: Invocation | None = None
        self._start_account: bytes | None = None
        self._born = self._machine_clock.monotonic()
        self._init_seconds: float | None = None
        self._taken_at = 0.0
        self._taken_monotonic = self._born
        self._deadline = 0.0
        self._is_out_of_time = False
        self._exit_reason = ""
        self._cancel_check: Callable[[], None] = _nothing

    async def start(self) -> None:
        """Start the process. Raises OSError or ValueError if the system refuses."""
        self.scratch.parent.mkdir(parents=True, exist_ok=True, mode=0o711)  # it may be swept
        self.scratch.mkdir(mode=0o700)
        if self._user:
            os.chown(self.scratch, self._user, self._user)
        self._listener = await runtime_api.listen(self)
        self._watch(max(limits.function_init_seconds_max, self.version.timeout_seconds))
        self._log.init_started()
        try:
            self._process = await process.start(self._command(), self._log.printed, self._exited)
        except (OSError, ValueError):
            self._end()
            raise
        if self.is_dismissed:
            self._process.kill()

    def give(self, invocation: Invocation) -> None:
        """Hand the event to the waiting runtime. Only when `can_take`."""
        assert self.state is State.IDLE
        assert self._taker is not None
        self.state = State.BUSY
        self._invocation = invocation
        self._log.started(invocation.request.request_id)
        self._taken_at = self._clock.now()
        self._taken_monotonic = self._machine_clock.monotonic()
        self._watch(self.version.timeout_seconds)
        request = invocation.request
        taker, self._taker = self._taker, None
        taker.send(
            runtime_api.Event(
                request.request_id,
                int(self._deadline * 1000),
                request.arn,
                request.payload,
                outcome.trace_id(self._taken_at, self._settings.chance),
                request.client_context,
            )
        )

    def can_take(self) -> bool:
        """Whether it waits for an event and its process is there to take it."""
        if self.state is not State.IDLE or self.is_dismissed:
            return False
        # Without a process yet, `start` has not returned, but who asks for an event is alive.
        return self._process is None or self._process.is_alive()

    def dismiss(self) -> None:
        """End it, now; an invocation it runs is told that the server failed."""
        self.is_dismissed = True
        if self._invocation is not None and self.state is State.BUSY:
            self._invocation.fail(ServiceException("The function's worker was stopped."))
        if self._process is not None:
            self._process.kill()

    def fail_start(self, invocation: Invocation) -> None:
        """End an invocation that waited for this worker, which never came to be ready."""
        assert not self.has_started
        request_id = invocation.request.request_id
        self._taken_at = self._clock.now()
        self._taken_monotonic = self._born
        self._log.started(request_id)
        if self._start_account is not None:
            payload = outcome.start_error(request_id, self._start_account)
        else:
            payload = self._ending(request_id)
        invocation.end(self._result(request_id, payload, self._end_status))

    # runtime_api.Runtime

    def next_asked(self, taker: runtime_api.EventTaker) -> bool:
        if self.state not in (State.STARTING, State.ANSWERED) or self.is_dismissed:
            return False
        if not self.has_started:
            self.has_started = True
            self._init_seconds = self._machine_clock.monotonic() - self._born
            self._log.init_ended(outcome.SUCCESS, self._init_seconds)
        self._cancel_check()
        self._taker = taker
        self.state = State.IDLE
        self._owner.worker_ready(self)
        return True

    def next_abandoned(self, taker: runtime_api.EventTaker) -> None:
        if taker is self._taker and self.state is State.IDLE:
            self.dismiss()  # it will never hear of an event

    def is_running(self, request_id: str) -> bool:
        invocation = self._invocation
        if self.state is not State.BUSY or invocation is None:
            return False
        return invocation.request.request_id == request_id

    def response_posted(self, body: bytes) -> None:
        self._answered(body, outcome.SUCCESS)

    def response_refused(self) -> None:
        account = outcome.result_too_large()
        self._answered(account, outcome.failure(account))

    def error_posted(self, body: bytes) -> None:
        self._answered(body, outcome.failure(body))

    def start_failed(self, body: bytes) -> bool:
        if self.state is not State.STARTING:
            return False
        self._start_account = body  # told when the process has exited, with all it printed
        return True

    # how an invocation ends

    def _answered(self, payload: bytes, status: outcome.Status) -> None:
        assert self.state is State.BUSY
        assert self._invocation is not None
        invocation, self._invocation = self._invocation, None
        self.state = State.ANSWERED
        if self._process is not None:
            self._process.drain()
        invocation.end(self._result(invocation.request.request_id, payload, status))

    def _exited(self, status: int) -> None:
        invocation, self._invocation = self._invocation, None
        if self._settings.sandbox is not None:
            status = end_of(status)
        self._exit_reason = outcome.exit_reason(status)
        if not self.has_started:
            seconds = self._machine_clock.monotonic() - self._born
            self._log.init_ended(self._end_status, seconds)
        if invocation is not None:
            payload = self._ending(invocation.request.request_id)
            result = self._result(invocation.request.request_id, payload, self._end_status)
            invocation.end(result)
        self._end()
        self._owner.worker_gone(self)

    @property
    def _end_status(self) -> outcome.Status:
        """Of what the process did not live to finish."""
        if self._is_out_of_time:
            return outcome.TIMED_OUT
        if self._start_account is not None:
            return outcome.failure(self._start_account)
        return outcome.EXITED

    def _ending(self, request_id: str) -> bytes:
        """The payload for an invocation that the process did not live to answer."""
        seconds = self.version.timeout_seconds
        if self._is_out_of_time:
            self._log.timed_out(request_id, seconds)
            return outcome.time_out(request_id, seconds)
        self._log.exited(request_id, self._exit_reason)
        return outcome.exit_error(request_id, self._exit_reason)

    def _result(
        self, request_id: str, payload: bytes, status: outcome.Status
    ) -> outcome.InvokeResult:
        """The result, after closing the invocation's log."""
        used = self._process.memory_used_bytes() if self._process is not None else None
        usage = outcome.Usage(
            seconds=self._machine_clock.monotonic() - self._taken_monotonic,
            memory_mb=self.version.memory_mb,
            memory_used_bytes=used,
            init_seconds=self._init_seconds,
            produced_bytes=len(payload) if status.is_success else 0,
        )
        self._init_seconds = None
        tail = self._log.ended(request_id, status, usage)
        return outcome.InvokeResult(
            payload,
            None if status.is_success else "Unhandled",
            tail,
            self.version.version,
            self._taken_at,
        )

    # watching it

    def _watch(self, seconds: float) -> None:
        self._cancel_check()
        self._deadline = self._machine_clock.now() + seconds
        self._plan_check()

    def _plan_check(self) -> None:
        soon = self._machine_clock.now() + limits.function_memory_check_seconds
        self._cancel_check = self._machine_clock.call_at(min(soon, self._deadline), self._check)

    def _check(self) -> None:
        if self._process is not None:
            if self._machine_clock.now() >= self._deadline:
                self._is_out_of_time = True
                self._process.kill()
                return
            used = self._process.memory_bytes()
            if used is not None and used > self.version.memory_mb * limits.MB:
                self._process.kill()
                return
        self._plan_check()

    # its process

    def _command(self) -> process.Command:
        assert self._listener is not None
        place = Place(
            runtime_api=self._listener.host_and_port,
            scratch=self.scratch if self._settings.sandbox is None else TMP,
            log_stream=self._log.stream,
        )
        environment = worker_environment(self.version, self._settings.surroundings, place)
        sandbox = self._settings.sandbox
        if sandbox is None:
            words = self._words(os.getpid())
        else:
            # It ends with its sandbox, and that one with us.
            code = (self.version.code, self.version.opt)
            words = [*sandbox.words(self.scratch, code), *self._words(0)]
        return process.Command(words, self.version.code, environment, sandbox is not None)

    def _words(self, parent: int) -> list[str]:
        version = self.version
        runtime = version.runtime
        is_python = runtime.family is Family.PYTHON
        # Other runtimes reserve far more than they use: what they use is watched all the same.
        data_bytes = version.memory_mb * limits.MB + limits.function_memory_spare_bytes
        return [
            str(runtime.program) if is_python else sys.executable,
            str(BOOTSTRAP / "launch.py"),
            str(parent),
            str(data_bytes if is_python else 0),
            str(version.ephemeral_mb * limits.MB),
            str(self._user),
            *runtime.words(self._settings.client, version.code, version.opt, version.handler),
        ]

    def _end(self) -> None:
        self.state = State.GONE
        self._cancel_check()
        if self._listener is not None:
            self._listener.close()


def _nothing() -> None:
    """Cancels nothing."""
