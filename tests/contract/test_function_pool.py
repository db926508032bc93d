"""What a pool promises beyond one worker, on a clock that the test commands."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from headwater import limits
from headwater.clock import ManualClock
from headwater.errors import FunctionNotFound, ServiceException, TooManyRequestsException
from headwater.functions.concurrency import Concurrency
from headwater.functions.runtime import Client
from tests.contract.workshop import (
    ARN,
    PYTHON,
    Workshop,
    asked,
    ends,
    failure,
    value,
    workshop,
)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="waits for processes by pidfd"
)

PID = """
    import os
    def handler(event, context):
        return os.getpid()
"""


def blocking(begun: Path) -> str:
    """A function that tells its process id by a pipe and never returns."""
    os.mkfifo(begun)
    return f"""
        import os, pathlib
        def handler(event, context):
            pathlib.Path({str(begun)!r}).write_text(str(os.getpid()))
            while True:
                pass
    """


def with_clock(
    test: Callable[[Workshop, ManualClock], Coroutine[Any, Any, None]],
) -> Callable[[Path], None]:
    """Run an asynchronous test with a workshop of one worker at most, its clock standing still."""

    def run(tmp_path: Path) -> None:
        async def main() -> None:
            clock = ManualClock()
            async with workshop(Client.OWN, tmp_path, workers_max=1, clock=clock) as shop:
                await test(shop, clock)

        uvloop.run(main())

    run.__name__ = test.__name__
    return run


@with_clock
async def test_idle_worker_retires(shop: Workshop, clock: ManualClock) -> None:
    function = shop.function(PID)
    first = value(await shop.invoke(function))
    second = value(await shop.invoke(function))

    clock.advance(limits.function_worker_idle_seconds + 1)
    ended = await asyncio.to_thread(ends, first)
    third = value(await shop.invoke(function))

    assert second == first
    assert ended
    assert third != first


@with_clock
async def test_time_out_obeys_the_clock(shop: Workshop, clock: ManualClock) -> None:
    begun = shop.folder / "begun"
    function = replace(shop.function(blocking(begun)), timeout_seconds=900)
    call = asyncio.create_task(shop.invoke(function))
    await asyncio.to_thread(begun.read_text)

    clock.advance(900)

    account = failure(await call)
    assert account["errorMessage"] == "RequestId: id-1 Error: Task timed out after 900.00 seconds"


@with_clock
async def test_start_that_never_ends_is_timed_out(shop: Workshop, clock: ManualClock) -> None:
    begun = shop.folder / "begun"
    os.mkfifo(begun)
    function = shop.function(f"""
        open({str(begun)!r}, "w").close()
        while True:
            pass
    """)
    call = asyncio.create_task(shop.invoke(function))
    await asyncio.to_thread(begun.read_text)

    clock.advance(limits.function_init_seconds_max)

    assert failure(await call)["errorType"] == "Sandbox.Timedout"


@with_clock
async def test_started_at_is_when_the_event_was_taken(shop: Workshop, clock: ManualClock) -> None:
    function = shop.function(PID)
    await shop.invoke(function)
    clock.advance(7)

    result = await shop.invoke(function)

    assert result.started_at == clock.now()


@with_clock
async def test_leaving_the_pool_ends_what_runs_as_our_fault(
    shop: Workshop, clock: ManualClock
) -> None:
    begun = shop.folder / "begun"
    running = asyncio.create_task(shop.invoke(shop.function(blocking(begun))))
    pid = int(await asyncio.to_thread(begun.read_text))

    await shop.pool.close()
    with pytest.raises(ServiceException):
        await running
    with pytest.raises(ServiceException):
        await shop.invoke(shop.function(PID))

    assert ends(pid)


@with_clock
async def test_forgotten_function_refuses_what_waits(shop: Workshop, clock: ManualClock) -> None:
    begun = shop.folder / "begun"
    function = shop.function(blocking(begun))
    calls = [asyncio.create_task(shop.invoke(function, request_id=f"id-{n}")) for n in range(2)]
    await asyncio.to_thread(begun.read_text)

    shop.pool.forget(ARN)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [FunctionNotFound, FunctionNotFound]
    with pytest.raises(FunctionNotFound):
        await shop.invoke(function)


@with_clock
async def test_function_registered_anew_runs_again(shop: Workshop, clock: ManualClock) -> None:
    function = shop.function(PID)
    await shop.invoke(function)
    shop.pool.forget(ARN)

    result = await shop.invoke(replace(function, revision_id="two"))

    assert isinstance(value(result), int)


@with_clock
async def test_too_many_waiting_are_refused(shop: Workshop, clock: ManualClock) -> None:
    begun = shop.folder / "begun"
    function = shop.function(blocking(begun))
    running = asyncio.create_task(shop.invoke(function))
    await asyncio.to_thread(begun.read_text)
    waiting = [
        asyncio.create_task(shop.invoke(function))
        for _ in range(limits.function_concurrency_max - 1)
    ]
    await asyncio.sleep(0)

    with pytest.raises(TooManyRequestsException) as caught:
        await shop.invoke(function)

    assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    shop.pool.forget(ARN)
    await asyncio.gather(running, *waiting, return_exceptions=True)


@with_clock
async def test_functions_share_what_none_has_reserved(shop: Workshop, clock: ManualClock) -> None:
    begun = shop.folder / "begun"
    blocked = shop.function(blocking(begun))
    other = replace(blocked, arn=ARN + "-other", name="other")
    elsewhere = replace(other, region="eu-west-2")
    running = asyncio.create_task(shop.pool.invoke(blocked, asked(b"1"), Concurrency(None, 1)))
    await asyncio.to_thread(begun.read_text)

    with pytest.raises(TooManyRequestsException) as caught:
        await shop.pool.invoke(other, asked(b"2"), Concurrency(None, 1))
    unhindered = [
        asyncio.create_task(shop.pool.invoke(function, asked(b"3"), may))
        for function, may in ((other, Concurrency(1, 1)), (elsewhere, Concurrency(None, 1)))
    ]
    await asyncio.sleep(0)

    assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert not any(task.done() for task in unhindered)
    for arn in (blocked.arn, other.arn):
        shop.pool.forget(arn)
    await asyncio.gather(running, *unhindered, return_exceptions=True)


@with_clock
async def test_worker_that_cannot_be_started_is_our_fault(
    shop: Workshop, clock: ManualClock
) -> None:
    function = replace(
        shop.function(PID), runtime=replace(PYTHON, program=Path("/nonexistent/python"))
    )

    with pytest.raises(ServiceException, match="could not be started"):
        await shop.invoke(function)


@with_clock
async def test_worker_starts_although_the_scratch_folder_was_swept(
    shop: Workshop, clock: ManualClock
) -> None:
    await asyncio.to_thread(shutil.rmtree, shop.folder / "scratch")

    assert value(await shop.invoke(shop.function(PID))) > 1


@with_clock
async def test_nothing_of_a_worker_is_left_on_disk(shop: Workshop, clock: ManualClock) -> None:
    result = await shop.run("""
        import os, pathlib, tempfile
        def handler(event, context):
            pathlib.Path(tempfile.gettempdir(), "left").write_text("x")
            return tempfile.gettempdir()
    """)
    folder = Path(value(result))

    await shop.pool.close()

    assert folder.is_relative_to(shop.folder / "scratch")
    assert not await asyncio.to_thread(folder.exists)


SERVER = """
import asyncio, pathlib, sys, uvloop
from headwater.functions.concurrency import Concurrency
from headwater.functions.runtime import Client
from tests.contract.workshop import workshop

async def main():
    folder = pathlib.Path(sys.argv[1])
    async with workshop(Client.OWN, folder) as shop:
        await shop.run('''
            import os
            def handler(event, context):
                print(os.getpid())
                open(event, "w").write(str(os.getpid()))
                while True:
                    pass
        ''', str(folder / "begun"))

uvloop.run(main())
"""


def test_workers_die_with_a_server_that_is_killed(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)])
    pid = int(begun.read_text())

    server.kill()
    server.wait()

    assert ends(pid)
