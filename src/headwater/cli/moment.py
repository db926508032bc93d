"""Moments as commands take them: a date and time, a while ago, or the start of what there is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import click

from headwater.cli.lab_clock import Duration

START: Final = "start"


class Ago(float):
    """So many seconds ago, by a clock that is asked later."""


Moment: TypeAlias = float | Ago | None


class MomentType(click.ParamType[Moment]):
    """`2026-11-28T09:00`, UTC unless it says otherwise, as an epoch second; `24h` as `Ago`.

    `start` is the oldest there is, and given as None.
    """

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Moment:
        text = str(value)
        if text == START:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        try:
            return Ago(Duration().convert(text, param, ctx))
        except click.BadParameter:
            self.fail(f"{text} is no moment, such as 2026-11-28T09:00, 24h (ago), or start")


def second_of(moment: Moment, now: float) -> float | None:
    """The epoch second that is meant at a time; raises click.UsageError for a later one."""
    if moment is None:
        return None
    second = now - moment if isinstance(moment, Ago) else moment
    if second > now:
        raise click.UsageError("--from and --until cannot be in the future")
    return second
