"""What a mapping does, as an operation of ours, target `Headwater_20261123`; needs no `--lab`.

    DescribeMapping {UUID}  -> {
        Mapping: as GetEventSourceMapping answers it,
        Counts: {Polled, Filtered, Invoked, Failed, Dropped, Trimmed, OnFailure: number},
        IteratorAgeSeconds?: number,
        Shards: [{ShardId, IsClosed, IsFinished, Position?, LastSequenceNumber, Lag: number,
                  Attempts: number, RetryAt?: number, LastError?, LastErrorAt?: number,
                  Window?: {Start, End: number, StateBytes: number},
                  Batches: [{Records, DeliveriesBefore: number, BeganAt: number,
                             FirstSequenceNumber?, LastSequenceNumber?}]}]}

Lag is in records, times are epoch seconds. Counts, attempts, errors and batches are those of the
process that answers, since it started. ResourceNotFoundException if there is no such mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api.mapping_form import shape
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.consumers.progress import ShardProgress
from headwater.errors import ValidationException
from headwater.mappings.activity import Activities, Delivering, ShardActivity
from headwater.mappings.service import MappingService
from headwater.streams.shard import sequence_text

Input = dict[str, Any]


class MappingProgressHandlers:
    """The handler of DescribeMapping."""

    def __init__(self, service: MappingService, activities: Activities) -> None:
        self._service = service
        self._activities = activities

    def operations(self) -> Mapping[str, OwnOperation]:
        return {"DescribeMapping": OwnOperation(_checked, self.describe)}

    async def describe(self, call: Call) -> Reply:
        mapping = await self._service.get(call.region, call.input["UUID"])
        activity = self._activities.of(mapping.uuid)
        shards = await self._service.progress(mapping)
        counts = {name.title().replace("_", ""): count for name, count in activity.counts.items()}
        answer: dict[str, Any] = {
            "Mapping": shape(mapping),
            "Counts": counts,
            "Shards": [
                {**shard_members(each), **_activity(activity.shards.get(each.shard.shard_id))}
                for each in shards
            ],
        }
        if activity.iterator_age_seconds is not None:
            answer["IteratorAgeSeconds"] = activity.iterator_age_seconds
        return Reply.json(answer)


def shard_members(progress: ShardProgress) -> dict[str, Any]:
    """What is told of a shard and where its consumer stands in it."""
    shown: dict[str, Any] = {
        "ShardId": progress.shard.shard_id,
        "IsClosed": progress.head.is_closed,
        "IsFinished": False,
        "LastSequenceNumber": sequence_text(progress.head.last, progress.shard.shard_id),
        "Lag": progress.lag_records,
    }
    checkpoint = progress.checkpoint
    if checkpoint is not None:
        shown["IsFinished"] = checkpoint.is_finished
        shown["Position"] = sequence_text(checkpoint.position, progress.shard.shard_id)
        window = checkpoint.windows.open
        if window is not None:
            shown["Window"] = {
                "Start": window.start_us / 1e6,
                "End": window.end_us / 1e6,
                "StateBytes": len(window.state),
            }
    return shown


def _activity(found: ShardActivity | None) -> dict[str, Any]:
    activity = found or ShardActivity()
    shown: dict[str, Any] = {
        "Attempts": activity.attempts,
        "Batches": [_batch(each) for each in activity.delivering.values()],
    }
    if activity.retry_at is not None:
        shown["RetryAt"] = activity.retry_at
    if activity.last_error is not None:
        shown["LastError"] = activity.last_error
        shown["LastErrorAt"] = activity.last_error_at
    return shown


def _batch(delivering: Delivering) -> dict[str, Any]:
    entries, shard_id = delivering.batch.entries, delivering.batch.shard_id
    shown: dict[str, Any] = {
        "Records": len(entries),
        "DeliveriesBefore": delivering.batch.deliveries,
        "BeganAt": delivering.began_at,
    }
    if entries:
        shown["FirstSequenceNumber"] = sequence_text(entries[0].number, shard_id)
        shown["LastSequenceNumber"] = sequence_text(entries[-1].number, shard_id)
    return shown


def _checked(body: Input) -> Input:
    if set(body) != {"UUID"} or not isinstance(body["UUID"], str):
        raise ValidationException("DescribeMapping takes UUID, a text, and nothing else")
    return body
