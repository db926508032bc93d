"""A replay from its source to its target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from headwater.cli.lab_story import moment
from headwater.cli.replay.batches import Record, batches
from headwater.cli.replay.progress import Meter
from headwater.cli.replay.source import Source
from headwater.cli.replay.target import Refused, Target


class Ended(Exception):
    """A replay ended at a batch that was not taken; the text says why, and how to go on."""


@dataclass(slots=True)
class Tally:
    """What became of the records so far. passed: the target does not want them."""

    records: int = 0
    batches: int = 0
    passed: int = 0


def run(source: Source, target: Target, meter: Meter, *, is_dry: bool = False) -> Tally:
    """Deliver all records; raises Ended, and what reading raises.

    is_dry: count only.
    """
    tally = Tally()

    async def wanted() -> AsyncIterator[Record]:
        async for record in meter.over(source.records):
            if target.wants(record):
                yield record
            else:
                tally.passed += 1

    async def deliver_all() -> None:
        async for batch in batches(wanted(), target.bounds):
            if not is_dry:
                await asyncio.to_thread(_deliver, target, batch, tally)
            tally.records += len(batch)
            tally.batches += 1

    asyncio.run(deliver_all())
    return tally


def _deliver(target: Target, batch: Sequence[Record], tally: Tally) -> None:
    try:
        target.deliver(batch)
    except (BotoCoreError, ClientError, Refused) as error:
        written = moment(batch[0]["dynamodb"]["ApproximateCreationDateTime"])
        raise Ended(
            f"{error}\nThat was after {tally.records:,} records. To go on with the batch, "
            f"replay from {written[:19].replace(' ', 'T')}: what is of that second comes again."
        ) from error
