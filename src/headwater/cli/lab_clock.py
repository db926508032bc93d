"""`headwater lab clock ...`: the server's time of day, stopped and made to jump."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from headwater.cli.endpoint import endpoint_options
from headwater.cli.lab_request import ask
from headwater.cli.lab_story import moment

_UNITS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")


class Duration(click.ParamType[float]):
    """Seconds, written as `24h`, `90s`, `1h30m`, or as a number of them."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value)
        parts = _PART.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
        try:
            return float(text)
        except ValueError:
            self.fail(f"{text} is no duration, such as 24h, 5m, 1h30m, 90s", param, ctx)


@click.group()
def clock() -> None:
    """The server's time of day: shown, stopped, made to jump."""


@clock.command()
@endpoint_options
def show(endpoint: str, region: str) -> None:
    """Show the server's time."""
    _tell("DescribeClock", {}, (endpoint, region))


@clock.command()
@click.argument("duration", type=Duration())
@click.option("--timeout", default=60.0, show_default=True, help="Seconds it may take.")
@endpoint_options
def advance(duration: float, timeout: float, endpoint: str, region: str) -> None:
    """Have 24h, 5m, 1h30m or 90s pass at once, and all that falls due happen at its moment."""
    _tell("AdvanceClock", {"Seconds": duration, "TimeoutSeconds": timeout}, (endpoint, region))


@clock.command()
@endpoint_options
def freeze(endpoint: str, region: str) -> None:
    """Have the time stand still."""
    _tell("FreezeClock", {}, (endpoint, region))


@clock.command()
@endpoint_options
def thaw(endpoint: str, region: str) -> None:
    """Have the time run on from where it stands."""
    _tell("ThawClock", {}, (endpoint, region))


def _tell(operation: str, body: dict[str, Any], server: tuple[str, str]) -> None:
    """Make a request, and print how the clock stands."""
    described = ask((operation, body), server)
    click.echo(f"It is {moment(described['Now'])}{', frozen' if described['Frozen'] else ''}.")
    ahead = described["AheadSeconds"]
    if abs(ahead) >= _UNITS["ms"]:
        direction = "ahead of" if ahead > 0 else "behind"
        click.echo(f"That is {_duration(abs(ahead))} {direction} the machine's clock.")
    if "NextDueAt" in described:
        due = described["NextDueAt"]
        left = _duration(max(0.0, due - described["Now"]))
        click.echo(f"Next falls due {moment(due)}, in {left}.")


def _duration(seconds: float) -> str:
    """Seconds in the units that `Duration` reads, to the millisecond."""
    left = round(seconds * 1000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    if left or not parts:
        parts.append(f"{left / 1000:g}s")
    return "".join(parts)
