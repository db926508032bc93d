"""`headwater function`: deploying functions, and reading what they print."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from headwater.cli.client import Client, ServerGone, ServerSaidNo, connected
from headwater.cli.deployment import (
    NotInstalled,
    deploy,
    files,
    own_runtime,
    packed,
    packed_with,
    python_of,
)
from headwater.cli.endpoint import endpoint_options, session
from headwater.cli.variables import variables_of
from headwater.clock import Clock, SystemClock

_LOOK_SECONDS: Final = 0.5
_SINCE: Final = re.compile(r"(\d+)([smhd])", re.ASCII)
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.group()
def command() -> None:
    """Work with functions."""


@dataclass(frozen=True, slots=True)
class _Deployment:
    """What is deployed, and how."""

    name: str
    directory: Path
    requirements: Path | None
    configuration: dict[str, Any]

    def code(self) -> bytes:
        """Raises NotInstalled."""
        if self.requirements is None:
            return packed(self.directory)
        runtime = self.configuration["Runtime"]
        if not runtime.startswith("python"):
            raise NotInstalled(f"--requirements is for Python; {runtime} is another runtime")
        return packed_with(self.requirements, python_of(runtime), self.directory)

    def print_of_files(self) -> frozenset[tuple[str, int, int]]:
        """Differs when a file has come, gone or changed."""
        found = files(self.directory)
        found += [] if self.requirements is None else [self.requirements]
        marks = set()
        for path in found:
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            marks.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(marks)


@command.command("deploy")
@click.argument("name")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--handler", required=True, help="Module and function, such as app.handler.")
@click.option("--runtime", default=own_runtime(), show_default="this Python's", help="AWS's name.")
@click.option("--timeout", default=60, show_default=True, help="Seconds an invocation may take.")
@click.option("--memory", default=128, show_default=True, help="Memory in MB.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable.")
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of requirements that pip installs into the package.",
)
@click.option("--watch", is_flag=True, help="Stay, and deploy again whenever a file changes.")
@endpoint_options
def deploy_command(
    name: str, directory: Path, endpoint: str, region: str, **options: object
) -> None:
    """Create the function NAME from DIRECTORY, or bring it up to date."""
    requirements, variables = options["requirements"], options["variables"]
    assert isinstance(variables, tuple), "click gives a repeated option as a tuple"
    assert requirements is None or isinstance(requirements, Path)
    configuration = {
        "Handler": options["handler"],
        "Runtime": options["runtime"],
        "Timeout": options["timeout"],
        "MemorySize": options["memory"],
        "Environment": {"Variables": variables_of(variables)},
    }
    deployment = _Deployment(name, directory, requirements, configuration)
    console = Console()
    functions = session(region).client("lambda", endpoint_url=endpoint)
    before = deployment.print_of_files()
    if not _deployed(functions, deployment, console) and not options["watch"]:
        sys.exit(1)
    if options["watch"]:
        console.print(f"Watching {directory}; Ctrl-C ends it.")
        again = partial(_deployed, functions, deployment, console)
        try:
            asyncio.run(_watch(deployment, before, again, SystemClock()))
        except KeyboardInterrupt:
            return


def _deployed(functions: Any, deployment: _Deployment, console: Console) -> bool:
    """Whether it could be deployed; says so, or why not."""
    try:
        code = deployment.code()
        deployed = deploy(functions, deployment.name, code, deployment.configuration)
    except (BotoCoreError, ClientError, NotInstalled, OSError) as error:
        console.print(f"[red]Not deployed:[/] {error}")
        return False
    console.print(f"{deployed['FunctionArn']} ({deployed['CodeSize']:,} bytes of code)")
    return True


async def _watch(
    deployment: _Deployment,
    before: frozenset[tuple[str, int, int]],
    again: Callable[[], bool],
    clock: Clock,
) -> None:
    """Deploy again whenever files have changed and then stayed the same for a look."""
    deployed = latest = before
    while True:
        await clock.sleep(_LOOK_SECONDS)
        found = deployment.print_of_files()
        if found != deployed and found == latest:
            again()
            deployed = found
        latest = found


@command.command("logs")
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Stay, and print what comes.")
@click.option("--since", help="How far back: 30s, 10m, 2h, 1d. Default: all that is kept.")
@endpoint_options
def logs_command(name: str, endpoint: str, region: str, **options: object) -> None:
    """Print what the function NAME has printed, with START, END and REPORT of each invocation."""
    clock = SystemClock()
    since = _since(options["since"], clock.now())
    try:
        asyncio.run(
            _print_log(name, (endpoint, region), since, clock, follows=bool(options["follow"]))
        )
    except (ServerGone, ServerSaidNo) as error:
        click.echo(error, err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        return


async def _print_log(
    name: str, server: tuple[str, str], since: float, clock: Clock, *, follows: bool
) -> None:
    endpoint, region = server
    asked: dict[str, Any] = {"FunctionName": name, "Since": since}
    async with connected(endpoint, 1, region) as client:
        while True:
            lines = await _print_page(client, asked)
            if not lines:
                if not follows:
                    return
                await clock.sleep(_LOOK_SECONDS)


async def _print_page(client: Client, asked: dict[str, Any]) -> int:
    """Print the next page and move on; returns how many lines it had."""
    page = await client.call("headwater", "GetFunctionLog", asked)
    for line in page["Lines"]:
        moment = datetime.fromtimestamp(line["Time"], UTC).isoformat(timespec="milliseconds")
        click.echo(f"{moment.replace('+00:00', 'Z')} {line['Text']}")
    asked["After"] = page["After"]
    return len(page["Lines"])


def _since(text: object, now: float) -> float:
    if text is None:
        return 0.0
    match = _SINCE.fullmatch(str(text))
    if match is None:
        raise click.BadParameter(f"{text!r} is not like 30s, 10m, 2h or 1d", param_hint="--since")
    return now - int(match[1]) * _UNIT_SECONDS[match[2]]
