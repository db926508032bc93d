"""The lab's operations, target `Headwater_20261123`. They are ours; AWS has nothing like them.

    Drain {TimeoutSeconds?: number}  -> {Seconds: number}
        Returns once every consumer, mapping, sink or registered, has passed what was written before
        the call.
        DrainTimeoutException with Laggards, [{Name, ShardId, Position?, Written}], when time runs
        out: who is behind, in which shard, up to which number all is behind it (none if it has not
        begun with the shard), and which number it was to pass.
    DescribeClock {}  -> {Now: number, AheadSeconds: number, Frozen: boolean, NextDueAt?: number}
        The time of the server, in epoch seconds; how far that is ahead of its machine's; whether it
        stands still; when the next thing falls due. The next three answer the same.
    FreezeClock {}
        Has the time stand still.
    ThawClock {}
        Has the time run on from where it stands.
    AdvanceClock {Seconds: number, TimeoutSeconds?: number}
        Has so many seconds pass at once: what falls due meanwhile happens at its moment, in order.
        Answers when all that this woke has come to rest. ClockTimeoutException with Now, where the
        time has come to and stays, and Busy, the tasks still at work, when TimeoutSeconds of the
        machine (60 if not given) are over first.
    DescribeDelivery {}  -> {Records: number, DelaySeconds: {p50?: number, p99?: number}}
        How long the latest records took from their commit to the start of their function.
    SplitShard {StreamArn, ShardId}  -> {ShardId, Children: [ShardId, ShardId]}
        Cuts the partition of an open shard in two and closes the shard.
    RollShard {StreamArn, ShardId}  -> {ShardId, Children: [ShardId]}
        Closes an open shard and opens one child in its place.
    TrimStream {StreamArn, ShardId?, SequenceNumber?}
            -> {Shards: [{ShardId, SequenceNumber}]}
        Trims everything, or one shard, or that up to and including a number. Answers the shards
        that lost records and the last number each has lost.
    ExpireIterators {StreamArn}  -> {}
        Expires the iterators that were issued before.
    Explain {StreamArn, SequenceNumber?, EventId?, Key?: key}
            -> {SequenceNumber, EventId, ShardId, Parents: [ShardId], Readable: boolean,
                At?: number, EventName?, Keys?: key, ByService?: boolean, PartitionKey?,
                Readers: [reader], Sinks: [sink], Consumers: [consumer]}
        Tells the story of a record, named by one of the three: the number, the event's id, or the
        key of an item, whose latest record it is; a record of a data stream has an id, which is the
        one that functions are given, and a PartitionKey, but no item. Parents: of its shard, the
        nearest first. What it says of the write is there as long as the record is stored.
        A reader, for each mapping of the stream: {UUID, FunctionArn, State, Fate, Position?,
        Deliveries: [delivery], GivenUpAt?: number, GivenUpReason?, SentTo?, SendState?,
        SendAttempts?: number, NextSendAt?: number, SendEndedAt?: number}. Fate: Delivering,
        Delivered, GivenUp, Filtered, Retrying, Passed (and not known how), Waiting or NotRead.
        Position: the number up to which all is behind the mapping in the shard. SendState, of the
        message to the failure destination: Waiting (for its next attempt, after SendAttempts in
        vain), Delivered, Lost, or Unknown if it is not remembered: of those that have left, the
        latest 10,000 are, in memory.
        A delivery is a batch with the record: {BeganAt: number, EndedAt?: number, Records: number,
        First, Last, Outcome: Delivered, Partly, Failed, Throttled, UnderWay or CutOff (its reader
        ended meanwhile), Reason?, RequestId?, NextAttemptAt?: number}. Deliveries are kept in
        memory: of 100,000 records, counted each time they are in a batch.
        A sink, for each of the stream: {Name, Kind, State, Fate, Position?, Deliveries}, as a
        reader has them. What a back-fill has written of it is not told.
        A consumer, for each that is registered for the stream: {Name, LeaseTable, Fate: Passed or
        Waiting, Position?, Owner?}. Position: the checkpoint of the shard's lease, if it has one.
    CheckStream {StreamArn}  -> {Records: number, Shards: number, Faults: [text]}
        Looks for faults, of which it tells the first 100: numbers out of order or given twice, old
        images that are not the image before, and items that are not what the records make of them,
        if the stream has been on since the table's creation and nothing of it is trimmed. Of a
        data stream the numbers are looked at.
    RegisterConsumer {Name, StreamArn, LeaseTable}
            -> {Name, StreamArn, LeaseTable, RegisteredAt: number}
        Makes a consumer outside the server known: drains wait for it, stories tell of it. What it
        has passed is read from its lease table, a table of the region in the format of
        `headwater.consumer` or of the Kinesis Client Library, which need not be there yet. A
        consumer of the same Name is replaced. Kept with the store.
    DeregisterConsumer {Name}  -> {}
        Forgets a consumer.
    ListConsumers {}  -> {Consumers: [{Name, StreamArn, LeaseTable, RegisteredAt: number}]}
        The registered consumers of the region.
    SetFaults {Faults: [Fault], Seed?: number}  -> {Seed, Faults: [Fault], Met: [Encounter]}
        Has these faults instead of those of the caller's region; an empty list clears them. Without
        a Seed one is drawn. The same requests in the same order meet the same faults of a seed.
    AddFaults {Faults: [Fault]}  -> {Seed, Faults, Met}
        Has these faults beside those that are there, whose counts go on.
    DescribeFaults {}  -> {Seed?, Faults, Met}
        The region's faults, each with Seen, how many requests and deliveries there were for it, and
        Met, how many of them it struck; and the latest 1,000 that were struck, oldest first.
    EraseRegion {}  -> {}
        Deletes all tables, data streams, functions, event source mappings, sinks, registered
        consumers, client tokens and faults of the caller's region.
    Fault {Kind, Operations?, TableNames?, StreamArns?, ShardIds?, Consumers?: [text],
           Rate?, Every?, Skip?, Count?: number, Seconds?, Share?, Readers?: number, Error?: text}
        What happens, to what and how often; described in the guide to tests of consumers.
    Encounter {Fault, Kind, Number, Operation, TableNames?, StreamArn?, ShardId?, Consumer?, Time}
        Fault is the place of the fault in the list, Number that of the request among those for it,
        both from 0.

All parameters are texts but for those that are marked. StreamArn is a table's stream or a data
stream; SplitShard and RollShard are for tables' streams, as Kinesis has operations of its own. A
server without `--lab` refuses them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from typing import Any, Final

from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.consumers.coordinator import Behind
from headwater.errors import AccessDeniedException, ServiceError, ValidationException
from headwater.lab.drain import Drain, NotDrained
from headwater.streams.shard import sequence_text
from headwater.telemetry import Delays

_TIMEOUT_SECONDS: Final = 60.0
_TIMEOUT_SECONDS_MAX: Final = 3600.0
_QUANTILES: Final = {"p50": 0.5, "p99": 0.99}

Input = dict[str, Any]


class DrainTimeoutException(ServiceError):
    """Consumers were still behind when time ran out."""


class LabHandlers:
    """The handlers, over the lab; without one, every operation is refused."""

    def __init__(self, drain: Drain, delays: Delays) -> None:
        self._drain = drain
        self._delays = delays

    def operations(self) -> Mapping[str, OwnOperation]:
        return {
            "Drain": OwnOperation(_checked_drain, self.drain),
            "DescribeDelivery": OwnOperation(checked_empty, self.describe_delivery),
        }

    async def drain(self, call: Call) -> Reply:
        try:
            seconds = await self._drain.wait(call.input["TimeoutSeconds"])
        except NotDrained as error:
            raise DrainTimeoutException(
                f"Consumers are {error}",
                {"Laggards": list(starmap(_laggard, error.laggards.items()))},
            ) from error
        return Reply.json({"Seconds": seconds})

    async def describe_delivery(self, call: Call) -> Reply:
        del call
        delays = {
            name: delay
            for name, fraction in _QUANTILES.items()
            if (delay := self._delays.quantile(fraction)) is not None
        }
        return Reply.json({"Records": self._delays.count, "DelaySeconds": delays})


def _laggard(name: str, behind: Behind) -> dict[str, Any]:
    told = {"Name": name, "ShardId": behind.shard_id, "Written": sequence_text(behind.number)}
    if behind.position is not None:
        told["Position"] = sequence_text(behind.position)
    return told


def refused() -> Mapping[str, OwnOperation]:
    """The lab's operations on a server that does not offer them."""
    checks: Mapping[str, Callable[[Input], Input]] = {
        "Drain": _checked_drain,
        "DescribeDelivery": checked_empty,
    }
    return {name: OwnOperation(check, refuse) for name, check in checks.items()}


async def refuse(call: Call) -> Reply:
    """The handler of an operation that is not offered."""
    raise AccessDeniedException(f"{call.operation} needs a server started with --lab")


def _checked_drain(body: Input) -> Input:
    refuse_unknown(body, {"TimeoutSeconds"})
    return {"TimeoutSeconds": timeout_seconds(body)}


def timeout_seconds(body: Input) -> float:
    """How long a request may take at most."""
    seconds: Any = body.get("TimeoutSeconds", _TIMEOUT_SECONDS)
    if type(seconds) not in (int, float) or not 0 <= seconds <= _TIMEOUT_SECONDS_MAX:
        raise ValidationException(
            f"TimeoutSeconds must be a number between 0 and {_TIMEOUT_SECONDS_MAX:g}"
        )
    return float(seconds)


def checked_empty(body: Input) -> Input:
    refuse_unknown(body, set())
    return body


def refuse_unknown(body: Input, known: set[str]) -> None:
    """Refuse what AWS would ignore: these operations have no older clients to be kind to."""
    unknown = sorted(body.keys() - known)
    if unknown:
        raise ValidationException(f"There is no parameter {unknown[0]}")
