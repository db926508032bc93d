"""Where records come from: a table's stream, over the API, or a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from headwater.cli.moment import Moment, second_of
from headwater.cli.replay.batches import Record
from headwater.cli.replay.server import Server
from headwater.consumer import TRIM_HORIZON, AtTimestamp, CallFailed, Period, Stretch, services
from headwater.consumer.aws import client_config
from headwater.consumer.recording import NotARecording, Origin, on_the_wire, opened


@dataclass(frozen=True, slots=True)
class Source:
    """Records in the order in which they were written, and where they are from."""

    origin: Origin
    records: AsyncIterator[Record]


@contextmanager
def of_recording(path: Path) -> Iterator[Source]:
    """A recording, open while it is read; raises NotARecording, OSError, here or while reading."""

    async def one_after_another(records: Iterator[Record]) -> AsyncIterator[Record]:
        for record in records:
            yield record

    with opened(path) as (origin, records):
        yield Source(origin, one_after_another(records))


def of_table(server: Server, table: str, start: Moment, until: Moment) -> Source:
    """A period of a table's latest stream; raises click.ClickException, and what boto3 raises.

    start: None is the oldest record there is. until: None is now.
    """
    described = server.client("dynamodb").describe_table(TableName=table)["Table"]
    arn = described.get("LatestStreamArn")
    if arn is None:
        raise click.ClickException(f"{table} has no stream; enable one with UpdateTable")
    streams = server.client("dynamodbstreams")
    view = streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamViewType"]
    now = server.now()
    first, end = second_of(start, now), second_of(until, now)
    period = Period(
        TRIM_HORIZON if first is None else AtTimestamp(first), now if end is None else end
    )
    origin = Origin(arn, described["KeySchema"], view, first, period.until)
    return Source(origin, _read(server, arn, period))


async def _read(server: Server, arn: str, period: Period) -> AsyncIterator[Record]:
    config = client_config()
    clients = (server.client(each, config) for each in ("dynamodbstreams", "dynamodb"))
    async for record in Stretch(services(*clients), arn, period).records():
        yield on_the_wire(record.raw)


def of_either(
    server: Server, table: str | None, recording: Path | None, period: tuple[Moment, Moment]
) -> AbstractContextManager[Source]:
    """What a command names: a table's period, or a recording, which is taken whole."""
    if (table is None) == (recording is None):
        raise click.UsageError("give a table, or a recording with --recording")
    if recording is None:
        assert table is not None, "one of them is given"
        return nullcontext(of_table(server, table, *period))
    if period != (None, None):
        raise click.UsageError("a recording is taken whole: --from and --until are a table's")
    return of_recording(recording)


READING_FAILED: Final = (CallFailed, NotARecording, OSError)
