"""`headwater lab faults ...`: requests and deliveries that fail, come late or come twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

import click

from headwater.cli.endpoint import endpoint_options
from headwater.cli.lab_request import ask
from headwater.testing.fault import Encounter, Fault, Kind, encounter

Command = TypeVar("Command", bound=Callable[..., Any])

# Of a fault as the server tells it: what has its own place in a line, and what goes without saying.
_OWN_PLACE: Final = ("Kind", "Seen", "Met")
_USUAL: Final = {"Rate": 1, "Every": 1, "Skip": 0}


@click.group()
def faults() -> None:
    """Requests and deliveries that fail, come late or come twice; of the region."""


def _many(flag: str, name: str, text: str) -> Callable[[Command], Command]:
    return click.option(flag, name, multiple=True, help=f"{text} Can be given several times.")


@faults.command()
@click.argument("kind", type=click.Choice(get_args(Kind)), metavar="KIND")
@_many("--operation", "operations", "By AWS's name; Delivery is a batch's to a function.")
@_many("--table", "tables", "By name.")
@_many("--stream", "streams", "By ARN.")
@_many("--shard", "shards", "By id.")
@_many("--consumer", "consumers", "A mapping's id, or the access key of who asks.")
@click.option("--rate", type=float, help="With this probability.")
@click.option("--every", type=int, help="Each nth.")
@click.option("--skip", type=int, help="Spare the first so many.")
@click.option("--count", type=int, help="At most so often.")
@click.option("--seconds", type=float, help="How long, of Slow.")
@click.option("--share", type=float, help="Of a batch's members, of Unprocessed.")
@click.option("--readers", type=int, help="Only those beyond so many, of LimitExceeded.")
@click.option("--error", help="The code, of Throttled.")
@endpoint_options
def add(endpoint: str, region: str, **parameters: Any) -> None:
    """Have a fault beside those that are there.

    KIND is Throttled, InternalServerError, AnswerLost, Slow, Unprocessed, TransactionConflict,
    TransactionInProgress, EmptyPage, LimitExceeded, DeliveryFailed, DeliveredTwice or
    CrashBeforeCheckpoint.
    """
    body = {"Faults": [Fault(**parameters).on_the_wire()]}
    _tell(ask(("AddFaults", body), (endpoint, region)))


@faults.command()
@click.option("--met", is_flag=True, help="What was struck, too, oldest first.")
@endpoint_options
def show(endpoint: str, region: str, *, met: bool) -> None:
    """Show the faults, and how often each has struck."""
    described = ask(("DescribeFaults", {}), (endpoint, region))
    _tell(described)
    for said in described["Met"] if met else ():
        click.echo(_line(encounter(said)))


@faults.command()
@click.option("--seed", type=int, help="What the faults that are added next go by.")
@endpoint_options
def clear(seed: int | None, endpoint: str, region: str) -> None:
    """Have none; those that are added next strike by this seed, or by one that is drawn."""
    body = {"Faults": []} if seed is None else {"Faults": [], "Seed": seed}
    _tell(ask(("SetFaults", body), (endpoint, region)))


def _tell(described: dict[str, Any]) -> None:
    if "Seed" in described:
        click.echo(f"Seed {described['Seed']}")
    for index, fault in enumerate(described["Faults"]):
        parameters = "".join(
            f" {name}={','.join(value) if isinstance(value, list) else value}"
            for name, value in fault.items()
            if name not in _OWN_PLACE and _USUAL.get(name) != value
        )
        counts = f"struck {fault['Met']} of {fault['Seen']}"
        click.echo(f"{index}  {fault['Kind']}{parameters}  {counts}")
    if not described["Faults"]:
        click.echo("There are no faults.")


def _line(met: Encounter) -> str:
    places = (*met.tables, met.shard, met.consumer)
    return f"{met.time:.3f}  {met.fault}  {met.kind}  {met.operation}  " + " ".join(
        place for place in places if place is not None
    )
