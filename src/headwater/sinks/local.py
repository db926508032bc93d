"""The functions of this server, as transforms invoke them."""

from __future__ import annotations

from headwater.clock import Chance
from headwater.functions.calls import Call, Calls
from headwater.sinks.transform import FunctionFailed


class LocalFunctions:
    """Functions by their names, each with its qualifier if it has one: `f` or `f:alias`."""

    def __init__(self, calls: Calls, chance: Chance) -> None:
        self._calls = calls
        self._chance = chance

    async def check(self, region: str, function: str) -> None:
        """Raises FunctionNotFound, and what would keep the function from being invoked."""
        await self._calls.check(region, *_parts(function))

    async def invoke(self, region: str, function: str, payload: bytes) -> bytes:
        """Run a function to its end; its result. Raises ServiceError, FunctionFailed."""
        call = Call(region, *_parts(function), payload, self._chance.uuid())
        result = await self._calls.invoke(call)
        if result.error is not None:
            raise FunctionFailed(result.error)
        return result.payload


def _parts(function: str) -> tuple[str, str | None]:
    name, _, qualifier = function.partition(":")
    return name, qualifier or None
