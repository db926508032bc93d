"""Erasing what is left of a deleted table, index or data stream, in steps of a commit each.

Promises that nothing is left in the span when `erase` returns, provided that nothing is added any
more: what it is of is in the state DELETING, which writes obey. Begun again after a
restart it goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.limits import table_step_bytes_max, table_step_items_max
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span


@dataclass(frozen=True, slots=True)
class Erasure:
    """Keys deleted in one commit."""

    keys: Sequence[bytes]

    @property
    def reads(self) -> Sequence[bytes]:
        return ()

    def run(self, view: View) -> None:
        for key in self.keys:
            view.delete(key)


async def erase(engine: Engine, committer: Committer, span: tuple[bytes, bytes]) -> None:
    """Delete every key from a span's start up to its stop.

    Raises Unavailable.
    """
    start, stop = span
    while rows := await engine.scan(
        Span(start, stop, table_step_items_max, bytes_max=table_step_bytes_max)
    ):
        keys = [key for key, _ in rows]
        await committer.submit(Erasure(keys))
        start = keys[-1]
