"""Operations on sinks, of our own, target `Headwater_20261123`; they need no `--lab`.

    CreateSink {Name, Table, Kind, Start?: BACKFILL, TRIM_HORIZON or LATEST, Settings?: object,
                BatchSize?, BatchBytes?, BatchWindowSeconds?: number, Filters?: [text],
                Transform?, TransformFunction?, FailureDestination?}
            -> {Sink: sink}
        Has the changes of a table with a stream flow to where a kind of sink takes them. Start is
        BACKFILL if not given: the items first, then everything written since the call.
        ResourceInUseException if there is a sink of the name.
    DescribeSink {Name}
            -> {Sink: sink, Items?: number, Counts: {Read, Filtered, Written, Backfilled, Rejected,
                Retries, Trimmed: number}, ChangesPerSecond: number, LagSeconds?: number,
                LastError?, LastErrorAt?: number, Warnings: [text],
                Shards: [{ShardId, IsClosed, IsFinished: boolean, Position?, LastSequenceNumber,
                          Lag: number}]}
        Items: written by the back-fill so far, of a sink that began with one. Counts, speed, lag
        and error are those of the process that answers, since it started. Lag is in records.
    ListSinks {}  -> {Sinks: [sink]}
        The sinks of the region, by name.
    UpdateSink {Name, State?: RUNNING or PAUSED, Settings?, BatchSize?, BatchBytes?,
                BatchWindowSeconds?, Filters?, Transform?, TransformFunction?, FailureDestination?}
            -> {Sink: sink}
        Pauses a sink or has it go on, or changes what is given of it, Settings as a whole. It goes
        on from where it is. RUNNING has a sink go on that has STOPPED.
    DeleteSink {Name}  -> {Sink: sink}
        Has a sink deleted; what it has written stays.
    ReplaySink {Name, From?: BACKFILL, TRIM_HORIZON, LATEST or AT_TIMESTAMP, Timestamp?: number}
            -> {Sink: sink}
        Has a sink begin anew, with the stream that its table has now: from BACKFILL on if not said,
        or from the first record that is not older than the Timestamp of AT_TIMESTAMP.
    CheckSink {Name}  -> {Items: number, FaultCount: number, Faults: [text]}
        Compares what the sink holds with what it should: the items of the table, by its filters and
        its transform. What is written meanwhile is told as a fault, so it should have caught up. Of
        the faults the first 100 are told. ValidationException for a kind that cannot be read.
    sink: {Name, Region, Table, Kind, Start, StartTimestamp?: number, State: BACKFILLING, RUNNING,
           PAUSED, STOPPED or DELETING, Reason?, Settings, BatchSize, BatchBytes,
           BatchWindowSeconds, Filters, Transform?, TransformFunction?, FailureDestination?,
           StreamArn, Round: number, IsConfigured: boolean, CreatedAt, ChangedAt: number}
        Reason: why it has STOPPED. Round: how often it has begun. IsConfigured: it comes from the
        configuration file. Settings that are secret are not told.

All parameters are texts but for those that are marked; times are epoch seconds. Settings are those
of the kind, whose names are written as in the configuration file (`partition_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from headwater.api.lab import checked_empty, refuse_unknown
from headwater.api.mapping_progress import shard_members
from headwater.api.operation import Call, Handler, OwnOperation
from headwater.api.reply import Reply
from headwater.arn import stream_arn
from headwater.errors import ValidationException
from headwater.sinks import kinds, settings
from headwater.sinks.activity import SinkActivities
from headwater.sinks.kind import InvalidSettings
from headwater.sinks.request import MEMBERS, changed, checked_name, replay_start, request
from headwater.sinks.service import NewSink, SinkService
from headwater.sinks.sink import Sink, Start, State

_STATES: Final = (State.RUNNING.value, State.PAUSED.value)
_NAMES: Final = {
    name.title().replace("_", ""): name for name in (*sorted(MEMBERS), "from", "timestamp", "state")
}
_DEFINITION: Final = set(_NAMES) - {"From", "Timestamp", "State"}

Input = dict[str, Any]
Result = TypeVar("Result")


class SinkHandlers:
    """The handlers. account: of every ARN."""

    def __init__(self, service: SinkService, activities: SinkActivities, account: str) -> None:
        self._service = service
        self._activities = activities
        self._account = account

    def operations(self) -> Mapping[str, OwnOperation]:
        handlers: Mapping[str, tuple[Callable[[Input], Input], Handler]] = {
            "CreateSink": (_checked_create, self.create),
            "DescribeSink": (_checked_name_alone, self.describe),
            "ListSinks": (checked_empty, self.list_sinks),
            "UpdateSink": (_checked_update, self.update),
            "DeleteSink": (_checked_name_alone, self.delete),
            "CheckSink": (_checked_name_alone, self.check),
            "ReplaySink": (_checked_replay, self.replay),
        }
        return {name: OwnOperation(*each) for name, each in handlers.items()}

    async def create(self, call: Call) -> Reply:
        asked = request(call.input)
        new = NewSink(
            call.region, asked.name, asked.kind.name, asked.table_name, asked.start, asked.manner
        )
        return self._told(await self._service.create(new))

    async def describe(self, call: Call) -> Reply:
        sink = await self._sink(call)
        activity = self._activities.of(sink.key, sink.labels)
        told: dict[str, Any] = {
            "Sink": self._shape(sink),
            "Counts": {name.title(): count for name, count in activity.counts.items()},
            "ChangesPerSecond": activity.throughput,
            "Warnings": list(activity.warnings),
            "Shards": [shard_members(each) for each in await self._service.progress(sink)],
        }
        if sink.start is Start.BACKFILL:
            told["Items"] = (await self._service.filling(sink)).items
        if activity.lag_seconds is not None:
            told["LagSeconds"] = activity.lag_seconds
        if activity.last_error is not None:
            told["LastError"] = activity.last_error
            told["LastErrorAt"] = activity.last_error_at
        return Reply.json(told)

    async def list_sinks(self, call: Call) -> Reply:
        found = await self._service.of_region(call.region)
        return Reply.json({"Sinks": [self._shape(sink) for sink in found]})

    async def update(self, call: Call) -> Reply:
        sink = await self._sink(call)
        asked = {name: value for name, value in call.input.items() if name != "name"}
        state = asked.pop("state", None)
        if asked:
            manner = _checked(lambda: changed(kinds.kind(sink.kind), sink.manner, asked))
            sink = await self._service.change(sink, manner, is_configured=sink.is_configured)
        if state == State.PAUSED.value:
            sink = await self._service.pause(sink)
        elif state is not None:
            sink = await self._service.resume(sink)
        return self._told(sink)

    async def delete(self, call: Call) -> Reply:
        return self._told(await self._service.delete(await self._sink(call)))

    async def replay(self, call: Call) -> Reply:
        return self._told(
            await self._service.replay(await self._sink(call), *replay_start(call.input))
        )

    async def check(self, call: Call) -> Reply:
        verdict = await self._service.verify(await self._sink(call))
        told = {"Items": verdict.items, "FaultCount": verdict.count, "Faults": verdict.faults}
        return Reply.json(told)

    async def _sink(self, call: Call) -> Sink:
        return await self._service.get(call.region, call.input["name"])

    def _told(self, sink: Sink) -> Reply:
        return Reply.json({"Sink": self._shape(sink)})

    def _shape(self, sink: Sink) -> dict[str, Any]:
        manner = sink.manner
        shape: dict[str, Any] = {
            "Name": sink.name,
            "Region": sink.region,
            "Table": sink.table_name,
            "Kind": sink.kind,
            "Start": sink.start.value,
            "State": sink.told_state,
            "Settings": settings.shown(kinds.kind(sink.kind), manner.settings),
            "BatchSize": manner.batch_records_max,
            "BatchBytes": manner.batch_bytes_max,
            "BatchWindowSeconds": manner.window_seconds,
            "Filters": list(manner.patterns),
            "StreamArn": stream_arn(sink.region, self._account, sink.table_name, sink.label),
            "Round": sink.round,
            "IsConfigured": sink.is_configured,
            "CreatedAt": sink.created_at,
            "ChangedAt": sink.changed_at,
        }
        optional = {
            "StartTimestamp": sink.start_at,
            "Reason": sink.reason,
            "Transform": manner.transform,
            "TransformFunction": manner.function,
            "FailureDestination": manner.failure_destination,
        }
        return shape | {name: value for name, value in optional.items() if value not in (None, "")}


def _checked_create(body: Input) -> Input:
    members = _members(body, _DEFINITION)
    _checked(lambda: request(members))
    return members


def _checked_update(body: Input) -> Input:
    members = _members(body, _DEFINITION - {"Table", "Kind", "Start"} | {"State"})
    _checked(lambda: checked_name(members))
    if members.get("state", _STATES[0]) not in _STATES:
        raise ValidationException(f"State is not one of {', '.join(_STATES)}")
    if len(members) == 1:
        raise ValidationException("UpdateSink needs something to change")
    return members


def _checked_replay(body: Input) -> Input:
    members = _members(body, {"Name", "From", "Timestamp"})
    _checked(lambda: (checked_name(members), replay_start(members)))
    return members


def _checked_name_alone(body: Input) -> Input:
    members = _members(body, {"Name"})
    _checked(lambda: checked_name(members))
    return members


def _members(body: Input, known: set[str]) -> Input:
    """A body by the names that the configuration file has."""
    refuse_unknown(body, known)
    return {_NAMES[name]: value for name, value in body.items()}


def _checked(check: Callable[[], Result]) -> Result:
    """What a check gives; what it refuses, as a client is told it."""
    try:
        return check()
    except InvalidSettings as error:
        raise ValidationException(str(error)) from error
