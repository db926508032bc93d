"""A destination that keeps what it gets in lists and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from headwater.consumers.delivery import Batch, Delivered, GivenUp, Outcome, Partly
from headwater.consumers.policy import PolicySettings
from headwater.storage.keyspace import ShardId
from headwater.streams import entry as entries

DAY = 24 * 3600


@dataclass
class ListDestination:
    """offered: every batch, in order. delivered: those that were confirmed, as far as they were.
    given_up: those passed.

    answers: outcomes to give in turn, before `answer` is asked.
    gate: if set, deliveries wait for it.
    """

    answer: Callable[[Batch], Outcome] = lambda _: Delivered()
    answers: list[Outcome] = field(default_factory=list)
    gate: asyncio.Event | None = None
    offered: list[Batch] = field(default_factory=list)
    delivered: list[Batch] = field(default_factory=list)
    given_up: list[GivenUp] = field(default_factory=list)

    def size(self, entry: bytes) -> int:
        return len(entry)

    async def deliver(self, batch: Batch) -> Outcome:
        self.offered.append(batch)
        if self.gate is not None:
            await self.gate.wait()
        outcome = self.answers.pop(0) if self.answers else self.answer(batch)
        match outcome:
            case Delivered():
                self.delivered.append(batch)
            case Partly(count):
                self.delivered.append(replace(batch, entries=batch.entries[:count]))
        return outcome

    async def give_up(self, given_up: GivenUp) -> None:
        self.given_up.append(given_up)

    def numbers(self, shard_id: ShardId | None = None) -> list[int]:
        """The delivered records, in order."""
        return [
            stored.number
            for batch in self.delivered
            if shard_id in (None, batch.shard_id)
            for stored in batch.entries
        ]

    def sizes(self) -> list[int]:
        """How many records each batch offered had."""
        return [len(batch.entries) for batch in self.offered]


def settings(**changes: Any) -> PolicySettings:
    values: dict[str, Any] = {
        "batch_records_max": 100,
        "batch_bytes_max": 6 * 1024 * 1024,
        "window_seconds": 0.0,
        "retries_max": None,
        "age_seconds_max": DAY,
    }
    return PolicySettings(**(values | changes))


def change(stored: bytes) -> tuple[str, int]:
    """Key and count of a change that `LoggedStore.append` made."""
    image = orjson.loads(entries.decode(stored).new.body)
    return image["k"]["S"], int(image["n"]["N"])
