"""What a batch makes of a warehouse: which of its changes are new there, and what they leave. Pure.

A warehouse keeps for each origin the number it has come to: that of a shard's last change, that of
the back-fill's last step. It is in the transaction of what was written, so of a batch that comes
again, longer or shorter, it tells what is there:

    origin     its number                       what of the batch is new
    ---------  -------------------------------  --------------------------------------------------
    a shard    as the warehouse has it          the changes with greater numbers
    back-fill  below that of the warehouse      none: somebody has gone on since
    back-fill  that of the warehouse            items that the step has not brought yet: when it is
                                                read again there may be others in it
    back-fill  above that of the warehouse      all
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeAlias
from uuid import UUID

import orjson

from headwater.sinks.change import Change
from headwater.sinks.kind import BACKFILL, ChangeBatch
from headwater.values.item import Item

Key: TypeAlias = str
"""What a warehouse knows an item by: short, however long its key is."""

Keyed: TypeAlias = tuple[Key, Change]

_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Merge:
    """What is to become of items: those to hold, and those of which nothing is held, by key."""

    held: Mapping[Key, Change]
    removed: Mapping[Key, Change]


def key_of(keys: Item) -> Key:
    """The same for the same key, whatever the order of its attributes."""
    canonical = orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)
    return str(UUID(bytes=blake2b(canonical, digest_size=_KEY_BYTES).digest()))


def comes_again(batch: ChangeBatch, number: int | None) -> bool:
    """Whether a batch is the step of the back-fill that a warehouse has written last."""
    return batch.origin == BACKFILL and batch.number == number


def keyed(batch: ChangeBatch) -> list[Keyed]:
    """The changes of a batch, each with what its item is known by."""
    return [(key_of(change.keys), change) for change in batch.changes]


def new_changes(
    batch: ChangeBatch, changes: list[Keyed], number: int | None, known: Collection[Key] = ()
) -> list[Keyed]:
    """The changes of a batch that a warehouse does not have.

    number: that the warehouse has come to, of the batch's origin; None if it has nothing of it.
    known: items that a step which comes again has brought already.
    """
    if number is None:
        return changes
    if batch.origin != BACKFILL:
        return [(key, change) for key, change in changes if change.version > number]
    if batch.number < number:
        return []
    return [(key, change) for key, change in changes if key not in known]


def number_after(batch: ChangeBatch) -> int:
    """The number that a warehouse comes to with a batch."""
    return batch.number if batch.origin == BACKFILL else batch.changes[-1].version


def merged(changes: Iterable[Keyed], versions: Mapping[Key, int]) -> Merge:
    """What changes, in their order, leave of items of which a warehouse has versions.

    An equal version is the same image, perhaps transformed otherwise since.
    """
    latest: dict[Key, Change] = {}
    for key, change in changes:
        known = latest[key].version if key in latest else versions.get(key, 0)
        if change.version >= known:
            latest[key] = change
    return Merge(
        {key: change for key, change in latest.items() if change.document is not None},
        {key: change for key, change in latest.items() if change.document is None},
    )
