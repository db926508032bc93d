"""Invocations that nobody waits for: stored when they are taken, carried out until they are over.

What is taken survives a restart. Each process carries out what it takes, and what has come due and
is nobody's, or belongs to a process that has not said for a while that it lives. So an attempt can
happen twice, as on Lambda, and none is lost. What happens after an attempt is deferral.py's to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import structlog

from headwater.arn import parse_function
from headwater.clock import Chance, Clock
from headwater.errors import FunctionNotFound, ServiceError, TooManyRequestsException
from headwater.functions import deferral as deferrals
from headwater.functions.calls import Call
from headwater.functions.deferral import Account, Condition, Deferral
from headwater.functions.function import Function
from headwater.functions.outcome import InvokeResult
from headwater.functions.store import Change, Conflict, FunctionStore
from headwater.limits import (
    function_deferred_bytes_max,
    function_deferred_max,
    function_deferred_running_max,
)
from headwater.outbox.message import Message
from headwater.storage import function_keys
from headwater.storage.engine import Unavailable

_POLL_SECONDS: Final = 1.0
_PAGE_ENTRIES: Final = 1000
_OWNED_SECONDS: Final = 30.0
_RENEW_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be pending, in number and bytes, and how many are carried out at once."""

    count: int = function_deferred_max
    size: int = function_deferred_bytes_max
    running: int = function_deferred_running_max


class Calling(Protocol):
    """Runs functions by their names (`Calls`)."""

    async def latest(self, region: str, name: str) -> Function: ...

    async def invoke(self, call: Call) -> InvokeResult: ...


class Posting(Protocol):
    """Keeps messages until they are delivered (`Outbox`)."""

    async def put(self, message: Message) -> bool: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the invocations need. machine: the clock by which processes show that they live.

    is_alone: no other process uses the store, so what a former one owned is free at once.
    """

    calls: Calling
    outbox: Posting
    clock: Clock
    machine: Clock
    chance: Chance
    is_alone: bool
    bounds: Bounds = Bounds()


@dataclass(slots=True)
class _Entry:
    """A deferral as it is stored now."""

    key: bytes
    stored: bytes
    deferral: Deferral

    @property
    def payload_key(self) -> bytes:
        return function_keys.deferred_payload(UUID(self.deferral.request_id).bytes)


class DeferredInvocations:
    """The pending ones of a store, as one process sees them. Start `run` in a task group."""

    def __init__(self, store: FunctionStore, surroundings: Surroundings) -> None:
        self._store = store
        self._with = surroundings
        self._owner = surroundings.chance.uuid()
        self._in_hand: set[str] = set()
        self._count = 0
        self._size = 0
        self._woken = asyncio.Event()
        self._spawn: Spawn | None = None

    async def begin(self, deferral: Deferral, payload: bytes) -> None:
        """Take an invocation; it is stored when this returns.

        Raises TooManyRequestsException if too much is pending.
        """
        bounds = self._with.bounds
        is_full = self._count >= bounds.count
        if is_full or self._size + len(payload) > bounds.size:
            raise TooManyRequestsException(
                members={"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"}
            )
        is_ours = self._spawn is not None and len(self._in_hand) < bounds.running
        if is_ours:
            deferral = self._owned(deferral)
        entry = self._entry(deferral, deferral.accepted)
        if is_ours:
            self._in_hand.add(deferral.request_id)  # before anybody can see it
        self._count += 1
        self._size += len(payload)
        try:
            await self._store.commit(
                _change(entry.key, None, entry.stored, {entry.payload_key: payload})
            )
        except BaseException:
            self._in_hand.discard(deferral.request_id)
            self._forget(deferral)
            raise
        if is_ours:
            self._start(entry, payload)

    async def run(self) -> None:
        """Carry out what comes due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._spawn = tasks.create_task
            try:
                await self._count_stored()
                while True:
                    try:
                        await self._look()
                    except Unavailable as error:
                        _log.warning("deferred_not_read", error=str(error))
                    await self._pause()
            finally:
                self._spawn = None

    # finding what is due

    async def _count_stored(self) -> None:
        for _, stored in await self._store.every(function_keys.deferred_span()):
            self._count += 1
            self._size += deferrals.decode(stored).size

    async def _look(self) -> None:
        """Start what is due and nobody's, as much as there is room for."""
        room = self._with.bounds.running - len(self._in_hand)
        if room <= 0:
            return
        until = int(self._with.clock.now() * 1e6) + 1
        span = function_keys.deferred_span(until)
        for key, stored in await self._store.page(span, _PAGE_ENTRIES):
            found = _Entry(key, stored, deferrals.decode(stored))
            if not self._is_free(found.deferral):
                continue
            await self._take(found)
            room -= 1
            if room == 0:
                return

    def _is_free(self, deferral: Deferral) -> bool:
        if deferral.request_id in self._in_hand:
            return False
        if not deferral.owner or (self._with.is_alone and deferral.owner != self._owner):
            return True
        return deferral.owned_until < self._with.machine.now()

    async def _take(self, found: _Entry) -> None:
        owned = self._owned(found.deferral)
        taken = _Entry(found.key, owned.encode(), owned)
        with suppress(Conflict):  # another process was first
            await self._store.commit(_change(found.key, found.stored, taken.stored))
            payload = await self._store.get(taken.payload_key)
            assert payload is not None, "a payload goes with its deferral"
            self._in_hand.add(owned.request_id)
            self._start(taken, payload)

    async def _pause(self) -> None:
        clock = self._with.clock
        due = await self._store.page(function_keys.deferred_span(), 1)
        until = function_keys.due_of_deferred(due[0][0]) / 1e6 if due else None
        if until is not None and until <= clock.now():  # in hand, here or elsewhere
            until = None
        await clock.wait(self._woken, until, _POLL_SECONDS)
        self._woken.clear()

    # carrying one out

    def _start(self, entry: _Entry, payload: bytes) -> None:
        assert self._spawn is not None
        self._spawn(self._carry_out(entry, payload))

    async def _carry_out(self, entry: _Entry, payload: bytes) -> None:
        """One attempt, and what follows from it."""
        request_id = entry.deferral.request_id
        renewing = asyncio.ensure_future(self._renew(entry))
        try:
            await self._attempt(entry, payload, renewing)
        except Conflict:
            _log.warning("deferred_taken_over", request_id=request_id)
        except Unavailable as error:  # it is still stored: it will be found again
            _log.warning("deferred_not_stored", request_id=request_id, error=str(error))
        except Exception:  # noqa: BLE001 - a task's boundary: one must not stop the others
            _log.exception("deferred_failed", request_id=request_id)
        finally:
            renewing.cancel()
            self._in_hand.discard(request_id)
            self._woken.set()

    async def _attempt(self, entry: _Entry, payload: bytes, renewing: asyncio.Future[None]) -> None:
        deferral = entry.deferral
        calls, now = self._with.calls, self._with.clock.now()
        try:
            latest = await calls.latest(deferral.region, deferral.name)
        except FunctionNotFound:
            await self._stop(renewing)
            await self._finish(entry)
            return
        settings = deferrals.settings_of(latest, deferral.qualifier)
        result: InvokeResult | None = None
        if deferrals.is_too_old(deferral, settings, now):
            condition = Condition.TOO_OLD
        else:
            deferral, result = await self._invoke(deferral, payload)
            if deferral.refusals or (result is not None and result.error is not None):
                if deferral.refusals or deferrals.has_retries(deferral, settings):
                    await self._stop(renewing)
                    await self._put_off(entry, deferral)
                    return
                condition = Condition.RETRIES_EXHAUSTED
            elif result is None:  # the function, or its version, has been deleted
                await self._stop(renewing)
                await self._finish(entry)
                return
            else:
                condition = Condition.SUCCESS
        account = Account(deferral, latest.arn, condition, payload, result, self._with.clock.now())
        await self._tell(latest, account)
        await self._stop(renewing)
        await self._finish(entry)

    async def _invoke(
        self, deferral: Deferral, payload: bytes
    ) -> tuple[Deferral, InvokeResult | None]:
        """The deferral as it is after one attempt, and the result; None if there is none."""
        context = deferral.client_context
        call = Call(
            deferral.region,
            deferral.name,
            deferral.qualifier,
            payload,
            deferral.request_id,
            None if context is None else context.encode(),
        )
        try:
            result = await self._with.calls.invoke(call)
        except FunctionNotFound:
            return replace(deferral, refusals=0), None
        except ServiceError as error:
            _log.info("deferred_refused", request_id=deferral.request_id, error=error.code)
            return replace(deferral, refusals=deferral.refusals + 1), None
        if result.error is not None:
            return replace(deferral, failures=deferral.failures + 1, refusals=0), result
        return replace(deferral, refusals=0), result

    # telling how it ended

    async def _tell(self, latest: Function, account: Account) -> None:
        settings = deferrals.settings_of(latest, account.deferral.qualifier)
        is_success = account.condition is Condition.SUCCESS
        destination = settings.on_success if is_success else settings.on_failure
        if destination and parse_function(destination) is not None:
            await self._invoke_destination(destination, deferrals.record(account))
        elif destination:
            token = self._with.chance.uuid()
            await self._with.outbox.put(deferrals.message(account, destination, token))
        dead_letter = latest.configuration.dead_letter
        if dead_letter and not is_success:
            await self._with.outbox.put(deferrals.dead_letter(account, dead_letter))

    async def _invoke_destination(self, arn: str, payload: bytes) -> None:
        name = parse_function(arn)
        assert name is not None
        request_id, now = self._with.chance.uuid(), self._with.clock.now()
        told = Deferral(name.region, name.function, name.qualifier, request_id, now, len(payload))
        await self.begin(told, payload)

    # what is stored

    def _owned(self, deferral: Deferral) -> Deferral:
        until = self._with.machine.now() + _OWNED_SECONDS
        return replace(deferral, owner=self._owner, owned_until=until)

    def _entry(self, deferral: Deferral, due: float) -> _Entry:
        key = function_keys.deferred(int(due * 1e6), UUID(deferral.request_id).bytes)
        return _Entry(key, deferral.encode(), deferral)

    async def _renew(self, entry: _Entry) -> None:
        """Say that this process lives, until cancelled."""
        while True:
            await self._with.machine.sleep(_RENEW_SECONDS)
            owned = self._owned(entry.deferral)
            stored = owned.encode()
            change = _change(entry.key, entry.stored, stored)
            commit = asyncio.ensure_future(self._store.commit(change))
            try:
                await asyncio.shield(commit)
            except asyncio.CancelledError:
                await commit  # what is stored must be known
                entry.stored, entry.deferral = stored, owned
                raise
            except (Conflict, Unavailable) as error:
                _log.warning("deferred_not_renewed", error=str(error))
                return
            entry.stored, entry.deferral = stored, owned

    async def _stop(self, renewing: asyncio.Future[None]) -> None:
        """End the renewing, so that what is stored now is known."""
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing

    async def _put_off(self, entry: _Entry, deferral: Deferral) -> None:
        due = self._with.clock.now() + deferrals.wait_seconds(deferral)
        later = self._entry(replace(deferral, owner="", owned_until=0.0), due)
        await self._store.commit(_change(entry.key, entry.stored, None, {later.key: later.stored}))

    async def _finish(self, entry: _Entry) -> None:
        await self._store.commit(_change(entry.key, entry.stored, None, {entry.payload_key: None}))
        self._forget(entry.deferral)

    def _forget(self, deferral: Deferral) -> None:
        self._count = max(0, self._count - 1)
        self._size = max(0, self._size - deferral.size)


def _change(
    key: bytes,
    expected: bytes | None,
    value: bytes | None,
    beside: Mapping[bytes, bytes | None] | None = None,
) -> Change:
    return Change(key, expected, value, beside or {}, names_code=False)
