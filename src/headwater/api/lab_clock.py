"""The lab's operations on its clock; their shapes are listed in `lab.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from headwater.api.lab import checked_empty, refuse, refuse_unknown, timeout_seconds
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.errors import ServiceError, ValidationException
from headwater.lab.clock import NotAtRest
from headwater.lab.timekeeper import Timekeeper
from headwater.limits import lab_clock_latest

Input = dict[str, Any]


class ClockTimeoutException(ServiceError):
    """What fell due had not come to rest when time ran out."""


class LabClockHandlers:
    """The handlers; without the lab, every operation is refused."""

    def __init__(self, timekeeper: Timekeeper) -> None:
        self._timekeeper = timekeeper

    def operations(self) -> Mapping[str, OwnOperation]:
        handlers: Mapping[str, Callable[[Call], Awaitable[Reply]]] = {
            "DescribeClock": self.describe,
            "FreezeClock": self.freeze,
            "ThawClock": self.thaw,
            "AdvanceClock": self.advance,
        }
        return {name: OwnOperation(check, handlers[name]) for name, check in _CHECKS.items()}

    async def describe(self, call: Call) -> Reply:
        del call
        clock = self._timekeeper.clock
        described = {
            "Now": clock.now(),
            "AheadSeconds": clock.ahead_seconds,
            "Frozen": clock.is_frozen,
        }
        if clock.next_due_at is not None:
            described["NextDueAt"] = clock.next_due_at
        return Reply.json(described)

    async def freeze(self, call: Call) -> Reply:
        await self._timekeeper.freeze()
        return await self.describe(call)

    async def thaw(self, call: Call) -> Reply:
        await self._timekeeper.thaw()
        return await self.describe(call)

    async def advance(self, call: Call) -> Reply:
        seconds = call.input["Seconds"]
        clock = self._timekeeper.clock
        if clock.now() + seconds > lab_clock_latest:
            raise ValidationException("The clock cannot be advanced beyond the year 2099")
        try:
            await self._timekeeper.advance(seconds, call.input["TimeoutSeconds"])
        except NotAtRest as error:
            raise ClockTimeoutException(
                "What fell due has not come to rest", {"Now": clock.now(), "Busy": error.busy}
            ) from error
        return await self.describe(call)


def refused() -> Mapping[str, OwnOperation]:
    """The operations on a server that does not offer them."""
    return {name: OwnOperation(check, refuse) for name, check in _CHECKS.items()}


def _checked_advance(body: Input) -> Input:
    refuse_unknown(body, {"Seconds", "TimeoutSeconds"})
    seconds: Any = body.get("Seconds")
    if type(seconds) not in (int, float) or not 0 <= seconds <= lab_clock_latest:
        raise ValidationException("Seconds must be a number, and cannot be negative")
    return {"Seconds": seconds, "TimeoutSeconds": timeout_seconds(body)}


_CHECKS: Final[Mapping[str, Callable[[Input], Input]]] = {
    "DescribeClock": checked_empty,
    "FreezeClock": checked_empty,
    "ThawClock": checked_empty,
    "AdvanceClock": _checked_advance,
}
