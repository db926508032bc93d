"""One line of the server's log for every delivery of a batch, when it is asked for."""

from __future__ import annotations

from typing import Any

import structlog

from headwater.consumers.delivery import Batch, Delivered, Outcome, Throttled
from headwater.consumers.observer import Dropped, Ended, Happening
from headwater.streams.shard import sequence_text

_log = structlog.get_logger(__name__)


class BatchTrace:
    """`Observer` of one mapping: what was in a batch is not told, only where it lies."""

    def __init__(self, mapping_uuid: str) -> None:
        self._log = _log.bind(mapping=mapping_uuid)

    def note(self, happening: Happening) -> None:
        match happening:
            case Ended(attempt, batch, outcome, at, next_at):
                self._log.info(
                    "batch_delivered",
                    shard=batch.shard_id,
                    attempt=attempt,
                    **_extent(batch),
                    deliveries_before=batch.deliveries,
                    window_closed=batch.is_closing,
                    at=at,
                    next_at=next_at,
                    **_told(outcome),
                )
            case Dropped(given_up, at):
                batch = given_up.batch
                self._log.info(
                    "batch_given_up",
                    shard=batch.shard_id,
                    **_extent(batch),
                    deliveries_before=batch.deliveries,
                    reason=given_up.reason.value,
                    at=at,
                )
            case _:
                pass


def _extent(batch: Batch) -> dict[str, Any]:
    entries, shard_id = batch.entries, batch.shard_id
    if not entries:
        return {"records": 0}
    first = sequence_text(entries[0].number, shard_id)
    last = sequence_text(entries[-1].number, shard_id)
    return {"records": len(entries), "first": first, "last": last}


def _told(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"outcome": type(outcome).__name__}
    if not isinstance(outcome, Delivered):
        told["reason"] = outcome.reason
    if not isinstance(outcome, Throttled) and outcome.answer is not None:
        told["request_id"] = outcome.answer.request_id
        told["version"] = outcome.answer.version
        told["error"] = outcome.answer.error
        told["started_at"] = outcome.answer.started_at
    return told
