"""Workers that start ahead of need."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import uvloop

from headwater.functions.runtime import Client
from tests.contract.workshop import Workshop, together, value, workshop


def telling(folder: Path) -> str:
    """A function whose workers tell when they start, and which returns once `gate` is there."""
    os.mkfifo(folder / "starts")
    return f"""
        import os, pathlib
        with open({str(folder / "starts")!r}, "w") as starts:
            print("started", file=starts)
        def handler(event, context):
            while not pathlib.Path({str(folder / "gate")!r}).exists():
                pass
            return os.getpid()
    """


def run(folder: Path, act: Callable[[Workshop], Awaitable[None]]) -> None:
    async def main() -> None:
        async with workshop(Client.OWN, folder, workers_max=4) as shop:
            await act(shop)

    uvloop.run(main())


def starts(folder: Path, count: int) -> None:
    """Return when so many workers have started."""
    pipe = os.open(folder / "starts", os.O_RDWR)  # for writing, too, so that it never ends
    told = b""
    while told.count(b"\n") < count:
        told += os.read(pipe, 100)
    os.close(pipe)


def test_one_more_starts_where_several_run_and_none_is_free(tmp_path: Path) -> None:
    async def act(shop: Workshop) -> None:
        function = shop.function(telling(tmp_path))
        started = asyncio.create_task(asyncio.to_thread(starts, tmp_path, 3))

        running = [
            asyncio.create_task(shop.invoke(function, None, f"id-{number}")) for number in range(2)
        ]
        await started
        (tmp_path / "gate").touch()

        assert len({value(result) for result in await together(*running)}) == 2

    run(tmp_path, act)


def test_worker_of_changed_code_starts_before_it_is_invoked(tmp_path: Path) -> None:
    async def act(shop: Workshop) -> None:
        (tmp_path / "gate").touch()
        function = shop.function(telling(tmp_path))
        started = asyncio.create_task(asyncio.to_thread(starts, tmp_path, 2))
        first = value(await shop.invoke(function))

        shop.pool.renew(replace(function, revision_id="two"))
        await started

        assert value(await shop.invoke(replace(function, revision_id="two"))) != first

    run(tmp_path, act)


def test_function_that_was_never_invoked_gets_no_worker(tmp_path: Path) -> None:
    async def act(shop: Workshop) -> None:
        function = shop.function("def handler(event, context): pass")

        shop.pool.renew(function)

        assert not list((tmp_path / "scratch").iterdir())

    run(tmp_path, act)
