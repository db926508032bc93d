"""Options that say which records are meant, and failures told in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from headwater.cli.moment import MomentType
from headwater.cli.replay.run import Ended
from headwater.cli.replay.source import READING_FAILED
from headwater.cli.replay.target import Refused

Command = TypeVar("Command", bound=Callable[..., Any])


def period_options(command: Command) -> Command:
    """Add the options that say from when to when."""
    start = click.option("--from", "start", type=MomentType(), default="start", show_default=True,
                         help="2026-11-28T09:00 (UTC), 24h (ago), or start.")  # fmt: skip
    until = click.option("--until", type=MomentType(), default=None,
                         help="The moment before which to end.  [default: now]")  # fmt: skip
    return start(until(command))


def recording_option(command: Command) -> Command:
    """Add the option of a recording in place of a table."""
    recording = click.option(
        "--recording",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file of `headwater export`, in place of a table's stream.",
    )
    return recording(command)


@contextmanager
def failures_told(kind: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """What cannot be done is told in a line, not a traceback; the kind has the exit status."""
    try:
        yield
    except (BotoCoreError, ClientError, Refused, Ended, *READING_FAILED) as error:
        raise kind(str(error)) from error
