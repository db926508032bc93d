"""The functions of this server, as mappings invoke them."""

from __future__ import annotations

from headwater.clock import Chance
from headwater.errors import FunctionNotFound
from headwater.functions.outcome import InvokeResult
from headwater.functions.pool import Pool
from headwater.functions.registry import Registry


class LocalFunctions:
    """`Invoker` over a registry and the pool that runs its functions."""

    def __init__(self, registry: Registry, pool: Pool, chance: Chance) -> None:
        self._registry = registry
        self._pool = pool
        self._chance = chance

    async def exists(self, region: str, function_name: str) -> bool:
        try:
            await self._registry.get(region, function_name)
        except FunctionNotFound:
            return False
        return True

    async def invoke(self, region: str, function_name: str, payload: bytes) -> InvokeResult:
        version = await self._registry.version(region, function_name)
        return await self._pool.invoke(version, payload, self._chance.uuid())
