"""One request of a command of the lab, whose answer is printed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from headwater.cli.client import ServerGone, ServerSaidNo, connected


def ask(
    request: tuple[str, Mapping[str, Any]], server: tuple[str, str], service: str = "headwater"
) -> dict[str, Any]:
    """The answer of a request, an operation and its body, to an endpoint in a region."""
    endpoint, region = server

    async def call() -> dict[str, Any]:
        async with connected(endpoint, region=region) as client:
            return await client.call(service, *request)

    try:
        return asyncio.run(call())
    except (ServerSaidNo, ServerGone) as error:
        fail(str(error))


def fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(1)
