"""Invoking a function by its name: what the API, mappings and asynchronous invocations share."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.errors import ServiceError
from headwater.functions.function import LATEST, Function
from headwater.functions.outcome import InvokeResult
from headwater.functions.pool import Pool
from headwater.functions.shelf import Shelf
from headwater.functions.worker import Request


@dataclass(frozen=True, slots=True)
class Call:
    """One call. payload: JSON. client_context: JSON, if there is one."""

    region: str
    name: str
    qualifier: str | None
    payload: bytes
    request_id: str
    client_context: bytes | None = None


class Calls:
    """Functions by name, run in the pool."""

    def __init__(self, shelf: Shelf, pool: Pool) -> None:
        self._shelf = shelf
        self._pool = pool

    async def check(self, region: str, name: str, qualifier: str | None) -> None:
        """Raises FunctionNotFound, and what would keep the function from being invoked."""
        await self._shelf.take(region, name, qualifier)

    async def latest(self, region: str, name: str) -> Function:
        """A function with what all its versions share. Raises FunctionNotFound."""
        return await self._shelf.latest(region, name)

    async def renew(self, latest: Function) -> None:
        """A function has changed: if it is warm, it is to be so again before it is invoked."""
        if not self._pool.is_warm(latest.arn, LATEST):
            return
        try:
            callee = await self._shelf.take(latest.region, latest.name, None)
        except ServiceError:
            return  # whoever invokes it is told
        self._pool.renew(callee.version)

    async def invoke(self, call: Call) -> InvokeResult:
        """Run a function once, to its end; cancelling ends it.

        Raises FunctionNotFound, TooManyRequestsException, ServiceException.
        """
        callee = await self._shelf.take(call.region, call.name, call.qualifier)
        request = Request(call.request_id, call.payload, callee.arn, call.client_context)
        return await self._pool.invoke(callee.version, request, callee.concurrency)
