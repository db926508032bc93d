"""A pool on real processes and a real clock, and functions written on the spot."""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop

from headwater.clock import Clock, SeededChance, SystemClock
from headwater.functions.environment import Surroundings
from headwater.functions.function import FunctionVersion
from headwater.functions.journal import Journals
from headwater.functions.outcome import InvokeResult
from headwater.functions.pool import Pool
from headwater.functions.runtime import Client, Family, Runtime
from headwater.functions.worker import Request, WorkerSettings

CLIENTS = [Client.OWN]
if sys.platform.startswith("linux"):
    CLIENTS.append(Client.AWSLAMBDARIC)
PYTHON = Runtime(f"python3.{sys.version_info.minor}", Family.PYTHON, Path(sys.executable))
ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f"


@dataclass(frozen=True)
class Workshop:
    """Makes functions in a folder and runs them in a pool."""

    pool: Pool
    folder: Path
    journals: Journals

    def function(self, source: str, handler: str = "app.handler") -> FunctionVersion:
        """A function of one module, app.py."""
        code = self.folder / "code"
        code.mkdir(exist_ok=True)
        (code / "app.py").write_text(textwrap.dedent(source))
        return FunctionVersion(
            name="f",
            arn=ARN,
            region="eu-west-1",
            version="$LATEST",
            revision_id="one",
            runtime=PYTHON,
            handler=handler,
            timeout_seconds=10,
            memory_mb=128,
            ephemeral_mb=512,
            environment={},
            log_group="/aws/lambda/f",
            code=code,
            opt=self.folder / "opt",
        )

    async def run(self, source: str, event: object = None, **changes: Any) -> InvokeResult:
        """Invoke a function of this source once."""
        function = replace(self.function(source), **changes)
        return await self.invoke(function, event)

    async def invoke(
        self, function: FunctionVersion, event: object = None, request_id: str = "id-1"
    ) -> InvokeResult:
        return await self.pool.invoke(function, asked(json.dumps(event).encode(), request_id))


def asked(payload: bytes, request_id: str = "id-1") -> Request:
    return Request(request_id, payload, ARN)


def surroundings() -> Surroundings:
    return Surroundings(
        endpoint_url="http://127.0.0.1:8000",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="not-a-secret",
        session_token=None,
        libraries=Path(boto3.__file__).parent.parent,
    )


@asynccontextmanager
async def workshop(
    client: Client, folder: Path, workers_max: int = 4, clock: Clock | None = None
) -> AsyncIterator[Workshop]:
    settings = WorkerSettings(
        clock=clock or SystemClock(),
        machine_clock=clock or SystemClock(),
        chance=SeededChance(1),
        surroundings=surroundings(),
        client=client,
        scratch=folder / "scratch",
        journals=Journals(folder / "logs", SystemClock(), SeededChance(2)),
    )
    async with Pool(settings, workers_max) as pool:
        yield Workshop(pool, folder, settings.journals)
    settings.journals.close()


def value(result: InvokeResult) -> Any:
    """What the function returned; it must have succeeded."""
    assert result.error is None, result
    return json.loads(result.payload)


def failure(result: InvokeResult) -> Mapping[str, Any]:
    """The account of how the function failed; it must have failed."""
    assert result.error == "Unhandled", result
    account: Mapping[str, Any] = json.loads(result.payload)
    return account


async def together(*calls: Any) -> list[Any]:
    return list(await asyncio.gather(*calls))


def ends(pid: int) -> bool:
    """Whether a process ends within five seconds, if it has not already."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 5)[0])
    finally:
        os.close(handle)


def on_every_client(
    test: Callable[[Workshop], Awaitable[None]],
) -> Callable[[Client, Path], None]:
    """Run an asynchronous test with a workshop, once per client."""

    @pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name.lower())
    def run(client: Client, tmp_path: Path) -> None:
        async def main() -> None:
            async with workshop(client, tmp_path) as shop:
                await test(shop)

        uvloop.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
