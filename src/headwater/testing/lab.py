"""The lab of a server, as one region sees it: streams, clock, faults, proofs.

Every method is one operation of target `Headwater_20261123`, but those that act on all open shards,
which ask for them first. Each raises LabError with the server's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.consumer.recording import Recording
from headwater.testing import recordings
from headwater.testing.fault import Encounter, Fault, encounter
from headwater.testing.wire import LabError, Wire

_DRAIN_SECONDS: Final = 30.0
_EVENT_ID_DIGITS: Final = 32


class NotDrained(LabError):
    """Consumers were still behind when time ran out; `laggards` names them."""

    def __init__(self, error: LabError) -> None:
        super().__init__(error.code, str(error).partition(": ")[2], error.members)
        self.laggards: Sequence[Any] = error.members["Laggards"]


def record_member(record: str | Mapping[str, Any]) -> dict[str, Any]:
    """How `Explain` names a record: by its number, its event's id, or its item's key."""
    if not isinstance(record, str):
        return {"Key": record}
    is_number = record.isdigit() and len(record) != _EVENT_ID_DIGITS
    return {"SequenceNumber" if is_number else "EventId": record}


@dataclass(frozen=True)
class Check:
    """What a stream was found to hold. faults: in words; none if it is sound."""

    records: int
    shards: int
    faults: Sequence[str]


class Clock:
    """The time of day of the whole server, which stands still or jumps as a test says."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.is_touched = False

    def now(self) -> float:
        """The epoch second."""
        now: float = self._wire.call("headwater", "DescribeClock")["Now"]
        return now

    def advance(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0) -> float:
        """Have so much time pass at once, with all that falls due in it; returns the new time."""
        self.is_touched = True
        seconds += 60 * minutes + 3600 * hours
        now: float = self._wire.call("headwater", "AdvanceClock", Seconds=seconds)["Now"]
        return now

    def freeze(self) -> None:
        """Have time stand still, but for `advance`."""
        self.is_touched = True
        self._wire.call("headwater", "FreezeClock")

    def thaw(self) -> None:
        """Have time run on."""
        self._wire.call("headwater", "ThawClock")
        self.is_touched = False


class Faults:
    """The faults of a region.

    seed: of `set` and `add` where they are given none; None has the server draw one.
    told: called with every seed that came into force.
    """

    def __init__(self, wire: Wire, seed: int | None, told: Callable[[int], None]) -> None:
        self._wire = wire
        self._seed = seed
        self._told = told
        self.seed: int | None = None

    def set(self, *faults: Fault, seed: int | None = None) -> int:
        """Have these faults instead of all that are there; returns their seed."""
        body: dict[str, Any] = {"Faults": [fault.on_the_wire() for fault in faults]}
        wanted = self._seed if seed is None else seed
        if wanted is not None:
            body["Seed"] = wanted
        self.seed = int(self._wire.call("headwater", "SetFaults", **body)["Seed"])
        self._told(self.seed)
        return self.seed

    def add(self, *faults: Fault) -> int:
        """Have these beside those that are there; returns their seed."""
        if self.seed is None:
            return self.set(*faults)
        added = [fault.on_the_wire() for fault in faults]
        self._wire.call("headwater", "AddFaults", Faults=added)
        return self.seed

    def clear(self) -> None:
        """Have none."""
        self._wire.call("headwater", "SetFaults", Faults=[])
        self.seed = None

    def met(self) -> list[Encounter]:
        """What was struck since the faults were set, oldest first; the latest 1,000."""
        described = self._wire.call("headwater", "DescribeFaults")
        return [encounter(said) for said in described["Met"]]

    def counts(self) -> list[int]:
        """How often each fault struck, in their order."""
        described = self._wire.call("headwater", "DescribeFaults")
        return [fault["Met"] for fault in described["Faults"]]


class Lab:
    """The lab of a server at an endpoint, for the streams of a region.

    Streams are named by their ARN or by their table's name.
    """

    def __init__(
        self,
        endpoint: str,
        region: str = "us-east-1",
        *,
        seed: int | None = None,
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        """seed, told: as of `Faults`."""
        self.wire = Wire(endpoint, region)
        self.clock = Clock(self.wire)
        self.faults = Faults(self.wire, seed, told)

    @property
    def endpoint(self) -> str:
        return self.wire.endpoint

    @property
    def region(self) -> str:
        return self.wire.region

    def split(self, stream: str, shard: str | None = None) -> list[str]:
        """Close a shard, or every open one, and open two in its place; returns the new ones."""
        return self._reshard("SplitShard", stream, shard)

    def roll(self, stream: str, shard: str | None = None) -> list[str]:
        """Close a shard, or every open one, and open one in its place; returns the new ones."""
        return self._reshard("RollShard", stream, shard)

    def trim(
        self, stream: str, shard: str | None = None, upto: str | None = None
    ) -> dict[str, str]:
        """Trim everything, or one shard, or that up to and including a sequence number.

        Returns the last number that each shard lost.
        """
        asked = {"ShardId": shard, "SequenceNumber": upto}
        given = {name: value for name, value in asked.items() if value is not None}
        answer = self._ask("TrimStream", stream, **given)
        return {each["ShardId"]: each["SequenceNumber"] for each in answer["Shards"]}

    def expire_iterators(self, stream: str) -> None:
        """Expire every iterator that has been issued so far."""
        self._ask("ExpireIterators", stream)

    def check(self, stream: str) -> Check:
        """Look for gaps, repeats, disorder, and items that do not follow from the records."""
        answer = self._ask("CheckStream", stream)
        return Check(answer["Records"], answer["Shards"], answer["Faults"])

    def explain(self, stream: str, record: str | Mapping[str, Any]) -> dict[str, Any]:
        """The story of a record: its place, and what each mapping and consumer made of it.

        record: a sequence number, an event id, or the key of an item, whose latest record it is.

        As `Explain` tells it: the `Fate` of each of its `Readers` is `Delivered`, `Filtered`,
        `GivenUp`, `Retrying`, and so on.
        """
        return self._ask("Explain", stream, **record_member(record))

    def replay(self, recording: Recording, table: str) -> None:
        """Make the changes of a recording in a table, in their order: its stream tells them.

        Raises LabError, and ValueError for a recording without new images.
        """
        recordings.replay(self.wire, recording, table)

    def drain(self, timeout: float = _DRAIN_SECONDS) -> float:
        """Wait until every mapping and registered consumer has passed what is written now.

        Returns the seconds that took. Raises NotDrained.
        """
        try:
            answer = self.wire.call("headwater", "Drain", TimeoutSeconds=timeout)
        except LabError as error:
            if "Laggards" in error.members:
                raise NotDrained(error) from None
            raise
        return float(answer["Seconds"])

    def register(self, name: str, stream: str, lease_table: str) -> None:
        """Have drains wait for a consumer outside the server, and stories tell of it.

        lease_table: a table of this server, as headwater.consumer or the KCL keep it; it need not
        be there yet. A consumer of the same name is replaced.
        """
        self._ask("RegisterConsumer", stream, Name=name, LeaseTable=lease_table)

    def deregister(self, name: str) -> None:
        """Have drains wait for a registered consumer no longer."""
        self.wire.call("headwater", "DeregisterConsumer", Name=name)

    def consumers(self) -> list[dict[str, Any]]:
        """The registered consumers: `Name`, `StreamArn`, `LeaseTable`, `RegisteredAt` of each."""
        found: list[dict[str, Any]] = self.wire.call("headwater", "ListConsumers")["Consumers"]
        return found

    def open_shards(self, stream: str) -> list[str]:
        """The ids of a stream's open shards."""
        arn = self.stream_arn(stream)
        found: list[str] = []
        start: dict[str, str] = {}
        while True:
            asked = {"StreamArn": arn, **start}
            page = self.wire.call("dynamodbstreams", "DescribeStream", **asked)["StreamDescription"]
            found += (
                shard["ShardId"]
                for shard in page["Shards"]
                if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
            )
            if "LastEvaluatedShardId" not in page:
                return found
            start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def stream_arn(self, stream: str) -> str:
        """The ARN of a stream; of a table its latest one. Raises LookupError if it has none."""
        if stream.startswith("arn:"):
            return stream
        table = self.wire.call("dynamodb", "DescribeTable", TableName=stream)["Table"]
        arn: str | None = table.get("LatestStreamArn")
        if arn is None:
            raise LookupError(f"{stream} has no stream")
        return arn

    def erase(self) -> None:
        """Delete all tables, functions, mappings, registrations and faults of the region."""
        self.wire.call("headwater", "EraseRegion")
        self.faults.seed = None

    def close(self) -> None:
        """Give back the connection; a later call opens another."""
        self.wire.close()

    def _reshard(self, operation: str, stream: str, shard: str | None) -> list[str]:
        arn = self.stream_arn(stream)
        closed = self.open_shards(arn) if shard is None else [shard]
        return [
            child
            for each in closed
            for child in self._ask(operation, arn, ShardId=each)["Children"]
        ]

    def _ask(self, operation: str, stream: str, **body: Any) -> dict[str, Any]:
        return self.wire.call("headwater", operation, StreamArn=self.stream_arn(stream), **body)
