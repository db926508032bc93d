"""What a handler gets: records of one shard in their order, and the means to confirm them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from headwater.consumer.record import Record


@dataclass(slots=True)
class Progress:
    """How far a shard is handed out, confirmed and stored, by sequence numbers."""

    delivered: int = 0
    confirmed: int = 0
    stored: int = 0

    def confirm(self, number: int) -> None:
        """Note that everything up to a record is dealt with; it never moves back."""
        self.confirmed = max(self.confirmed, number)


class Batch(Sequence[Record]):
    """Records of one shard, oldest first, at least one.

    attempt: counts the deliveries, from one. Records confirmed in an earlier one are left out.
    """

    def __init__(
        self,
        shard_id: str,
        records: Sequence[Record],
        attempt: int,
        progress: Progress,
        store: Callable[[], Awaitable[None]],
    ) -> None:
        self.shard_id = shard_id
        self.attempt = attempt
        self._records = records
        self._progress = progress
        self._store = store

    def confirm(self, upto: Record | None = None) -> None:
        """Say that the records up to this one, or all, are dealt with; they never come again here.

        It takes effect with the next checkpoint. Records of earlier batches of the shard are
        confirmed with it. May be called from any thread, and after the handler has returned.
        """
        record = self._records[-1] if upto is None else upto
        if not self._records[0].sequence_number <= record.sequence_number:
            raise ValueError("the record is not of this batch")
        if record.sequence_number > self._records[-1].sequence_number:
            raise ValueError("the record is not of this batch")
        self._progress.confirm(record.sequence_number)

    async def checkpoint(self, upto: Record | None = None) -> None:
        """Confirm, and store the position now; raises LeaseGone if another has the shard."""
        self.confirm(upto)
        await self._store()

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        first, last = self._records[0].sequence_number, self._records[-1].sequence_number
        return f"<Batch of {len(self)}, {self.shard_id} {first} to {last}>"
