"""The functions of this server, as mappings invoke them."""

from __future__ import annotations

from headwater.errors import FunctionNotFound
from headwater.functions.calls import Call, Calls
from headwater.functions.outcome import InvokeResult
from headwater.mappings.invoke import Invocation


class LocalFunctions:
    """`Invoker` over the functions of this server."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def exists(self, region: str, function: tuple[str, str | None]) -> bool:
        try:
            await self._calls.check(region, *function)
        except FunctionNotFound:
            return False
        return True

    async def invoke(self, invocation: Invocation) -> InvokeResult:
        name, qualifier = invocation.function
        call = Call(invocation.region, name, qualifier, invocation.payload, invocation.request_id)
        return await self._calls.invoke(call)
