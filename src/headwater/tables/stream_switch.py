"""A table's stream switched on and off within a change of the table.

What a switch reads is known from the table as loaded; the change runs only if the table is still
so. A stream's label is its identity beside the table's name, so it is chosen after those of all
streams the name has had, and the commit makes sure that nobody else has taken it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from headwater.clock import Chance
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine, Span
from headwater.streams import window as windows
from headwater.streams.shard import Opening
from headwater.streams.window import ViewType
from headwater.tables import partitions
from headwater.tables.schema import Table

_LABEL: Final = "%Y-%m-%dT%H:%M:%S.%f"


class LabelTaken(Exception):
    """Another stream of the name has the label: choose again."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch reads beside the table, and the switch itself."""

    reads: tuple[bytes, ...]
    run: Callable[[View, Table], Table]

    def then(self, following: Switch) -> Switch:
        """This one, and then another."""

        def run(view: View, table: Table) -> Table:
            return following.run(view, self.run(view, table))

        return Switch((*self.reads, *following.reads), run)


def _unswitched(_view: View, table: Table) -> Table:
    return table


NO_SWITCH: Final = Switch((), _unswitched)


def off(table: Table, opening: Opening) -> Switch:
    """The stream switched off, if it is on; the log stays on if the table needs it."""
    if table.stream is None:
        return NO_SWITCH

    def run(view: View, present: Table) -> Table:
        if present.needs_log:
            return partitions.hide(view, present, opening)
        return partitions.switch_off(view, present, opening.now_us)

    return Switch(_stream_and_shards(table), run)


def log_off(table: Table, now_us: int) -> Switch:
    """The stream and the log switched off, so far as they are on."""
    if not table.has_log:
        return NO_SWITCH

    def run(view: View, present: Table) -> Table:
        if present.stream is not None:
            return partitions.switch_off(view, present, now_us)
        return partitions.log_off(view, present, now_us)

    return Switch(_stream_and_shards(table), run)


def on(table: Table, opening: Opening, view_type: ViewType) -> Switch:
    """The stream switched on under the opening's label; running it raises LabelTaken if it is."""
    stream_key = keyspace.stream(table.region, table.name, opening.stream_label)

    def run(view: View, present: Table) -> Table:
        if view.get(stream_key) is not None:
            raise LabelTaken
        return partitions.switch_on(view, present, opening, view_type)

    return Switch((stream_key, *partitions.open_shard_keys(table)), run)


def hidden(now: float, chance: Chance) -> Opening:
    """An opening of shards that no stream shows."""
    return Opening("", int(now * 1e6), chance)


async def opening(engine: Engine, table: Table, now: float, chance: Chance) -> Opening:
    """An opening whose label is of now, or just after the latest stream of the table's name."""
    start, stop = keyspace.streams_span(table.region, table.name)
    latest = await engine.scan(Span(start, stop, 1, reverse=True))
    label = windows.label(now)
    if latest:
        last = windows.decode(latest[0][1]).label
        if last >= label:
            label = _next(last)
    return Opening(label, int(now * 1e6), chance)


def _stream_and_shards(table: Table) -> tuple[bytes, ...]:
    keys = partitions.open_shard_keys(table)
    if table.stream is not None:
        keys.append(keyspace.stream(table.region, table.name, table.stream.label))
    return tuple(keys)


def _next(label: str) -> str:
    """The label of the millisecond after one's."""
    moment = datetime.strptime(label, _LABEL).replace(tzinfo=UTC)
    milliseconds = round(moment.timestamp() * 1000) + 1
    # Half a millisecond more, so that binary fractions do not round down to the one before.
    return windows.label((milliseconds + 0.5) / 1000)
