"""The group of commands. Each is imported only when called, so that the server starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from headwater import __version__

_COMMANDS: Final = {
    "backup": "headwater.cli.backup",
    "demo": "headwater.cli.demo.command",
    "diff": "headwater.cli.diff.command",
    "export": "headwater.cli.replay.export",
    "function": "headwater.cli.function",
    "lab": "headwater.cli.lab",
    "mapping": "headwater.cli.mapping",
    "replay": "headwater.cli.replay.command",
    "serve": "headwater.cli.serve",
    "sink": "headwater.cli.sink",
    "tail": "headwater.cli.tail",
    "verify": "headwater.cli.verify",
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headwater")
def main() -> None:
    """A table store that speaks DynamoDB's wire protocol, built around its change stream."""
