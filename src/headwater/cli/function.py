"""`headwater function`: deploying functions."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from headwater.cli.deployment import deploy
from headwater.cli.endpoint import endpoint_options, session


@click.group()
def command() -> None:
    """Work with functions."""


@command.command("deploy")
@click.argument("name")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--handler", required=True, help="Module and function, such as app.handler.")
@click.option("--timeout", default=60, show_default=True, help="Seconds an invocation may take.")
@click.option("--memory", default=128, show_default=True, help="Memory in MB.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable.")
@endpoint_options
def deploy_command(
    name: str, directory: Path, endpoint: str, region: str, **options: object
) -> None:
    """Create the function NAME from DIRECTORY, or bring it up to date."""
    console = Console()
    configuration = {
        "Handler": options["handler"],
        "Timeout": options["timeout"],
        "MemorySize": options["memory"],
        "Environment": {"Variables": _parsed(options["variables"])},
    }
    functions = session(region).client("lambda", endpoint_url=endpoint)
    try:
        deployed = deploy(functions, name, directory, configuration)
    except (BotoCoreError, ClientError) as error:
        console.print(f"[red]Not deployed:[/] {error}")
        sys.exit(1)
    console.print(f"{deployed['FunctionArn']} ({deployed['CodeSize']:,} bytes of code)")


def _parsed(variables: object) -> dict[str, str]:
    assert isinstance(variables, tuple), "click gives a repeated option as a tuple"
    pairs = {}
    for variable in variables:
        name, equals, value = str(variable).partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{variable!r} is not NAME=VALUE", param_hint="--env")
        pairs[name] = value
    return pairs
