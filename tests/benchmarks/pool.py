"""Warm invocations of an empty function in the pool: the Runtime API, and no client before it."""

from __future__ import annotations

import time
from pathlib import Path

import uvloop

from headwater.functions.runtime import Client
from tests.benchmarks.invoke import CODE, INVOCATIONS, WARM_UP
from tests.benchmarks.report import percentile
from tests.contract.workshop import asked, value, workshop


def measure_pool(folder: Path) -> dict[str, float]:
    """Figures by name; see `figures.py`."""
    folder.mkdir()
    waits = uvloop.run(_waits_ms(folder))
    return {
        "pool_invoke_p50_ms": percentile(waits, 0.5),
        "pool_invoke_p99_ms": percentile(waits, 0.99),
    }


async def _waits_ms(folder: Path) -> list[float]:
    async with workshop(Client.AWSLAMBDARIC, folder) as shop:
        function = shop.function(CODE)
        waits = []
        for _ in range(WARM_UP + INVOCATIONS):
            began = time.perf_counter()
            result = await shop.pool.invoke(function, asked(b"{}"))
            waits.append((time.perf_counter() - began) * 1000)
            assert value(result) is None
    return waits[WARM_UP:]
