"""Which request, read or delivery meets a fault: a pure decision, and the counts it is made from.

A `Fault` says what happens (`Kind`), to what (`Scope`) and how often (`Frequency`). What could meet
one is an `Occasion`. Whether a fault strikes depends on the faults, the seed and how many occasions
of its scope came before, on nothing else: the same occasions in the same order meet the same
faults.

Each region has faults of its own. They are kept in memory, as the lab is for tests: a restart
clears them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Final, NamedTuple

from headwater.clock import Chance, Clock
from headwater.limits import lab_encounters_max

DELIVERY: Final = "Delivery"
"""The operation of a batch that is brought to a destination."""

TOOLS_KEY: Final = "headwater-lab"
"""The access key of the lab's own tools. Faults are for what is tested, and so spare them."""

_SEED_BYTES: Final = 4
_FRACTION_BYTES: Final = 8


class Kind(Enum):
    """What a fault does; the values are its names on the wire."""

    THROTTLED = "Throttled"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    ANSWER_LOST = "AnswerLost"
    SLOW = "Slow"
    UNPROCESSED = "Unprocessed"
    TRANSACTION_CONFLICT = "TransactionConflict"
    TRANSACTION_IN_PROGRESS = "TransactionInProgress"
    EMPTY_PAGE = "EmptyPage"
    LIMIT_EXCEEDED = "LimitExceeded"
    DELIVERY_FAILED = "DeliveryFailed"
    DELIVERED_TWICE = "DeliveredTwice"
    CRASH_BEFORE_CHECKPOINT = "CrashBeforeCheckpoint"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a fault can befall; an empty set is no bound.

    consumers: ids of mappings, for deliveries; access keys, for requests.
    """

    operations: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    shards: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often a fault strikes among the occasions of its scope.

    skip: so many at the beginning are spared. every: of the rest each nth counts. rate: with this
    probability it strikes. count: at most so often; None is no bound.
    """

    rate: float = 1.0
    every: int = 1
    skip: int = 0
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """seconds: how long SLOW takes. share: of a batch's members that UNPROCESSED holds back.

    readers: LIMIT_EXCEEDED strikes who reads a shard beside so many others. error: the code of
    THROTTLED, where it is not to be the operation's usual one.
    """

    kind: Kind
    scope: Scope = Scope()
    frequency: Frequency = Frequency()
    seconds: float = 0.0
    share: float = 1.0
    readers: int = 0
    error: str | None = None


class Occasion(NamedTuple):
    """What could meet a fault.

    kinds: those that have a meaning here. tables: their names. stream: its ARN. consumer: who reads
    or asks. reader: which of those who read the shard now, from 1; 0 where nobody counts.
    """

    operation: str
    kinds: AbstractSet[Kind]
    tables: AbstractSet[str] = frozenset()
    stream: str | None = None
    shard: str | None = None
    consumer: str | None = None
    reader: int = 0


class Encounter(NamedTuple):
    """A fault that struck. fault: its position in the list. number: of the occasion, from 0."""

    fault: int
    kind: Kind
    number: int
    occasion: Occasion
    time: float


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that strikes, with the chance that belongs to this occasion alone."""

    fault: Fault
    _seed: int
    _index: int
    _number: int

    def fraction(self, member: int) -> float:
        """A number from 0 up to 1 for each member of what is struck; always the same one."""
        return fraction(self._seed, self._index, self._number, member)

    def member(self, count: int) -> int:
        """One of so many members."""
        return int(fraction(self._seed, self._index, self._number, -1) * count)


@dataclass(slots=True)
class Counted:
    """A fault, how many occasions of its scope there were, and how many of them it struck."""

    fault: Fault
    seen: int = 0
    met: int = 0


@dataclass(slots=True)
class _Region:
    seed: int
    faults: list[Counted] = field(default_factory=list)
    encounters: deque[Encounter] = field(default_factory=lambda: deque(maxlen=lab_encounters_max))


@dataclass(frozen=True, slots=True)
class Described:
    """A region's faults. encounters: the latest, oldest first."""

    seed: int
    faults: Sequence[Counted]
    encounters: Sequence[Encounter]


class Faults:
    """The faults of all regions, and what they have struck."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock = clock
        self._chance = chance
        self._regions: dict[str, _Region] = {}

    def set(self, region: str, faults: Sequence[Fault], seed: int | None) -> None:
        """Have these faults instead of all that are there; without a seed one is drawn."""
        if seed is None:
            seed = int.from_bytes(self._chance.token(_SEED_BYTES))
        self._regions[region] = _Region(seed, [Counted(fault) for fault in faults])

    def add(self, region: str, faults: Sequence[Fault]) -> None:
        """Have these beside those that are there, whose counts go on."""
        if region not in self._regions:
            self.set(region, (), None)
        self._regions[region].faults += (Counted(fault) for fault in faults)

    def forget(self, region: str) -> None:
        """Have none, and no memory of any."""
        self._regions.pop(region, None)

    def describe(self, region: str) -> Described | None:
        """A region's faults, or None if it never had any."""
        found = self._regions.get(region)
        if found is None:
            return None
        return Described(found.seed, found.faults, list(found.encounters))

    def can_befall(self, region: str) -> bool:
        """Whether a region has any."""
        found = self._regions.get(region)
        return found is not None and bool(found.faults)

    def has(self, region: str, kind: Kind) -> bool:
        """Whether a region has any of a kind."""
        found = self._regions.get(region)
        return found is not None and any(each.fault.kind is kind for each in found.faults)

    def meet(self, region: str, occasion: Occasion) -> Sequence[Struck]:
        """What strikes, in order: any number of delays, then at most one that decides.

        Faults behind the one that decides do not see the occasion.
        """
        found = self._regions.get(region)
        struck: list[Struck] = []
        for index, counted in enumerate(found.faults if found else ()):
            assert found is not None, "an absent region has no faults"
            if not _concerns(counted.fault, occasion):
                continue
            number = counted.seen
            counted.seen += 1
            if strikes(counted.fault.frequency, (found.seed, index, number), counted.met):
                counted.met += 1
                kind = counted.fault.kind
                found.encounters.append(Encounter(index, kind, number, occasion, self._clock.now()))
                struck.append(Struck(counted.fault, found.seed, index, number))
                if kind is not Kind.SLOW:
                    break
        return struck


def strikes(frequency: Frequency, place: tuple[int, int, int], met: int) -> bool:
    """Whether a fault strikes.

    place: the seed, the fault's position, and the number of occasions before this one.
    met: how often it has struck.
    """
    number = place[2] - frequency.skip
    if number < 0 or (frequency.count is not None and met >= frequency.count):
        return False
    return (number + 1) % frequency.every == 0 and fraction(*place) < frequency.rate


def fraction(*place: int) -> float:
    """A number from 0 up to 1 that is another for each place and always the same for one."""
    text = ":".join(map(str, place)).encode()
    drawn = int.from_bytes(blake2b(text, digest_size=_FRACTION_BYTES).digest())
    return (drawn >> 11) / 2**53  # as many bits as a float holds exactly


def _concerns(fault: Fault, occasion: Occasion) -> bool:
    scope = fault.scope
    return (
        fault.kind in occasion.kinds
        and (not scope.operations or occasion.operation in scope.operations)
        and (not scope.tables or not scope.tables.isdisjoint(occasion.tables))
        and (not scope.streams or occasion.stream in scope.streams)
        and (not scope.shards or occasion.shard in scope.shards)
        and (not scope.consumers or occasion.consumer in scope.consumers)
        and (not fault.readers or occasion.reader > fault.readers)
    )


KINDS: Final[Mapping[str, Kind]] = {kind.value: kind for kind in Kind}
