"""A change of one stored table, as work for the committer: planned first, and run if still true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headwater.storage.committer import View
from headwater.tables import schema, unsettled
from headwater.tables.schema import Table
from headwater.tables.sharing import stamped

Step = Callable[[View, Table], Table | None]
"""The table as it shall be stored, or None to remove it; may write more to the view."""


class Outrun(Exception):
    """What is stored is not what the change was planned from: plan again."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """One change of one table as work for the committer.

    planned: the table as stored when the change was planned, None if there was none. before: what
    the step is given.
    """

    key: bytes
    planned: bytes | None
    before: Table
    step_reads: Sequence[bytes]
    step: Step

    @property
    def reads(self) -> Sequence[bytes]:
        return (self.key, *self.step_reads)

    def run(self, view: View) -> Table | None:
        if view.get(self.key) != self.planned:
            raise Outrun
        changed = self.step(view, self.before)
        if changed is not None:
            changed = stamped(self.before, changed)
        if changed is None:
            view.delete(self.key)
        elif changed is not self.before or self.planned is None:
            view.put(self.key, schema.encode(changed))
        unsettled.mark(view, self.key, changed)
        return changed
