"""`headwater serve`: runs a server. Its options are made from the settings themselves."""

from __future__ import annotations

import asyncio
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import uvloop

from headwater import __version__
from headwater.app import Ready, innermost, serve
from headwater.app.supervisor import Unsteady, supervise
from headwater.config import SETTINGS, TYPES, ConfigError, LogFormat, Settings, load, value_type
from headwater.storage.engine import StoreInUse, Unavailable
from headwater.telemetry import configure_log


def _option(name: str) -> click.Option:
    """The command line's option for a setting."""
    setting = SETTINGS[name]
    flag = "--" + name.replace("_", "-")
    wanted = value_type(name)
    default = "" if setting.default is None else f"  [default: {setting.default}]"
    if wanted is bool:
        return click.Option([flag], is_flag=True, default=None, help=setting.metadata["meaning"])
    kind: Any = {int: click.INT, float: click.FLOAT, str: click.STRING}.get(wanted)
    if wanted is Path:
        kind = click.Path(path_type=Path)
    elif isinstance(wanted, type) and issubclass(wanted, StrEnum):
        kind = click.Choice(list(wanted))
    return click.Option([flag], type=kind, help=setting.metadata["meaning"] + default)


def _run(config: Path | None, **options: Any) -> None:
    """Run a server until it is told to stop (SIGTERM or SIGINT)."""
    try:
        settings = load(options, file=config)
        configure_log(is_console=settings.log_format is LogFormat.console)
        runs = serve if settings.workers == 1 else supervise
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(runs(settings, lambda ready: _announce(settings, ready)))
    except* (ConfigError, StoreInUse, Unavailable, Unsteady) as faults:
        for fault in faults.exceptions:
            click.echo(f"headwater: {innermost(fault)}", err=True)
        sys.exit(2)


def _announce(settings: Settings, ready: Ready) -> None:
    """Say where the server is, with the line to paste. Other programs wait for that line.

    In one piece: who has read the first line may be gone before the next. A server that nobody
    listens to serves on.
    """
    kept = "in memory" if settings.memory else f"in {settings.data}"
    lines = [
        f"Headwater {__version__} is ready at {ready.endpoint}, data {kept}",
        "",
        f"    export AWS_ENDPOINT_URL={ready.endpoint}",
    ]
    if settings.credentials is None:
        lines.append(
            "    export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any "
            f"AWS_DEFAULT_REGION={settings.region}"
        )
    try:
        click.echo("\n".join([*lines, ""]))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer is written at the end, and would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


command = click.Command(
    "serve",
    callback=_run,
    help=_run.__doc__,
    params=[
        click.Option(
            ["--config"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="HEADWATER_CONFIG",
            show_envvar=True,
            help="TOML file with settings by the same names.",
        ),
        *(_option(name) for name in TYPES),
    ],
)
