"""The functions of this server, as mappings invoke them."""

from __future__ import annotations

from headwater.errors import FunctionNotFound
from headwater.functions.outcome import InvokeResult
from headwater.functions.pool import Pool
from headwater.functions.registry import Registry
from headwater.mappings.invoke import Invocation


class LocalFunctions:
    """`Invoker` over a registry and the pool that runs its functions."""

    def __init__(self, registry: Registry, pool: Pool) -> None:
        self._registry = registry
        self._pool = pool

    async def exists(self, region: str, function: tuple[str, str | None]) -> bool:
        name, qualifier = function
        if qualifier is not None:
            return False
        try:
            await self._registry.get(region, name)
        except FunctionNotFound:
            return False
        return True

    async def invoke(self, invocation: Invocation) -> InvokeResult:
        name, _ = invocation.function
        version = await self._registry.version(invocation.region, name)
        return await self._pool.invoke(version, invocation.payload, invocation.request_id)
