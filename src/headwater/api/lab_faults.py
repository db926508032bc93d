"""The lab's operations on faults; their shapes are listed in `lab.py`.

A fault on the wire is one object; what it can say is checked here, so that none is set that could
never strike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from headwater.api import shapes
from headwater.api.fault_kinds import can_befall
from headwater.api.lab import refuse, refuse_unknown
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.errors import ValidationException
from headwater.lab.faults import (
    DELIVERY,
    KINDS,
    Counted,
    Described,
    Encounter,
    Fault,
    Faults,
    Frequency,
    Kind,
    Scope,
)
from headwater.limits import lab_faults_max

_SERVICES: Final = ("dynamodb", "dynamodbstreams", "lambda", "kinesis")
_NAMES_MAX: Final = 100
_COUNT_MAX: Final = 10**9
_SECONDS_MAX: Final = 3600.0
_SEED_MAX: Final = 2**53  # the largest that every JSON reader gives back unchanged
_THROTTLES: Final = ("ProvisionedThroughputExceededException", "ThrottlingException")

_SCOPE: Final = {
    "Operations": "operations",
    "TableNames": "tables",
    "StreamArns": "streams",
    "ShardIds": "shards",
    "Consumers": "consumers",
}
# The member that only one kind has.
_OWN_MEMBER: Final = {
    "Seconds": Kind.SLOW,
    "Share": Kind.UNPROCESSED,
    "Readers": Kind.LIMIT_EXCEEDED,
    "Error": Kind.THROTTLED,
}
_MEMBERS: Final = {"Kind", "Rate", "Every", "Skip", "Count", *_SCOPE, *_OWN_MEMBER}

Input = dict[str, Any]


class LabFaultHandlers:
    """The handlers; without the lab, every operation is refused."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def operations(self) -> Mapping[str, OwnOperation]:
        handlers = {
            "SetFaults": self.set_faults,
            "AddFaults": self.add_faults,
            "DescribeFaults": self.describe_faults,
        }
        return {name: OwnOperation(check, handlers[name]) for name, check in _CHECKS.items()}

    async def set_faults(self, call: Call) -> Reply:
        faults = [_fault(each) for each in call.input["Faults"]]
        self._faults.set(call.region, faults, call.input.get("Seed"))
        return self._described(call.region)

    async def add_faults(self, call: Call) -> Reply:
        there = self._faults.describe(call.region)
        if there is not None and len(there.faults) + len(call.input["Faults"]) > lab_faults_max:
            raise ValidationException(f"There are at most {lab_faults_max} faults")
        self._faults.add(call.region, [_fault(each) for each in call.input["Faults"]])
        return self._described(call.region)

    async def describe_faults(self, call: Call) -> Reply:
        return self._described(call.region)

    def _described(self, region: str) -> Reply:
        found = self._faults.describe(region)
        if found is None:
            return Reply.json({"Faults": [], "Met": []})
        return Reply.json(_answer(found))


def refused() -> Mapping[str, OwnOperation]:
    """The operations on a server that does not offer them."""
    return {name: OwnOperation(check, refuse) for name, check in _CHECKS.items()}


def _answer(described: Described) -> Input:
    return {
        "Seed": described.seed,
        "Faults": [_counted(each) for each in described.faults],
        "Met": [_encounter(each) for each in described.encounters],
    }


def _counted(counted: Counted) -> Input:
    """A fault as it was given, with its counts."""
    fault, frequency = counted.fault, counted.fault.frequency
    said: Input = {"Kind": fault.kind.value}
    for member, name in _SCOPE.items():
        said[member] = sorted(getattr(fault.scope, name))
    said |= {
        "Rate": frequency.rate,
        "Every": frequency.every,
        "Skip": frequency.skip,
        "Count": frequency.count,
        "Error": fault.error,
    }
    own = {"Seconds": fault.seconds, "Share": fault.share, "Readers": fault.readers}
    said |= {name: value for name, value in own.items() if _OWN_MEMBER[name] is fault.kind}
    given = {name: value for name, value in said.items() if value not in ([], None)}
    return {**given, "Seen": counted.seen, "Met": counted.met}


def _encounter(met: Encounter) -> Input:
    occasion = met.occasion
    said = {
        "Fault": met.fault,
        "Kind": met.kind.value,
        "Number": met.number,
        "Operation": occasion.operation,
        "TableNames": sorted(occasion.tables) or None,
        "StreamArn": occasion.stream,
        "ShardId": occasion.shard,
        "Consumer": occasion.consumer,
        "Time": met.time,
    }
    return {name: value for name, value in said.items() if value is not None}


def _fault(said: Input) -> Fault:
    """A fault that was checked."""
    scope = {name: frozenset(said.get(member, ())) for member, name in _SCOPE.items()}
    return Fault(
        KINDS[said["Kind"]],
        Scope(**scope),
        Frequency(
            said.get("Rate", 1.0), said.get("Every", 1), said.get("Skip", 0), said.get("Count")
        ),
        said.get("Seconds", 0.0),
        said.get("Share", 0.5),
        said.get("Readers", 0),
        said.get("Error"),
    )


def _checked_set(body: Input) -> Input:
    refuse_unknown(body, {"Faults", "Seed"})
    seed = body.get("Seed", 0)
    if type(seed) is not int or not 0 <= seed <= _SEED_MAX:
        raise ValidationException(f"Seed must be a whole number between 0 and {_SEED_MAX}")
    return _checked_faults(body)


def _checked_add(body: Input) -> Input:
    refuse_unknown(body, {"Faults"})
    return _checked_faults(body)


def _checked_faults(body: Input) -> Input:
    faults = body.get("Faults")
    if type(faults) is not list or len(faults) > lab_faults_max:
        raise ValidationException(f"Faults must be a list of at most {lab_faults_max}")
    for index, fault in enumerate(faults):
        try:
            _check_fault(fault)
        except ValidationException as error:
            raise ValidationException(f"Faults[{index}]: {error.message}") from None
    return body


def _checked_nothing(body: Input) -> Input:
    refuse_unknown(body, set())
    return body


def _check_fault(said: Any) -> None:
    if type(said) is not dict:
        raise ValidationException("A fault must be an object")
    refuse_unknown(said, _MEMBERS)
    kind = KINDS.get(said["Kind"]) if isinstance(said.get("Kind"), str) else None
    if kind is None:
        raise ValidationException(f"Kind must be one of {', '.join(KINDS)}")
    for member, own in _OWN_MEMBER.items():
        if member in said and kind is not own:
            raise ValidationException(f"{member} has no meaning for {kind.value}")
    for member in _SCOPE.keys() & said.keys():
        _check_names(member, said[member])
    for operation in said.get("Operations", ()):
        _check_operation(kind, operation)
    for member, check in _NUMBERS.items():
        if member in said:
            check(member, said[member])
    if kind is Kind.SLOW and "Seconds" not in said:
        raise ValidationException("Slow needs Seconds")
    if "Error" in said and said["Error"] not in _THROTTLES:
        raise ValidationException(f"Error must be {' or '.join(_THROTTLES)}")


def _check_names(member: str, names: Any) -> None:
    if type(names) is not list or not names or len(names) > _NAMES_MAX:
        raise ValidationException(f"{member} must be a list of 1 to {_NAMES_MAX} texts")
    if not all(isinstance(name, str) for name in names):
        raise ValidationException(f"{member} must be a list of 1 to {_NAMES_MAX} texts")


def _check_operation(kind: Kind, operation: str) -> None:
    known = operation == DELIVERY or any(
        operation in shapes.load(service).operations for service in _SERVICES
    )
    if not known:
        raise ValidationException(f"There is no operation {operation}")
    if not can_befall(kind, operation):
        raise ValidationException(f"{kind.value} has no meaning for {operation}")


def _check_number(member: str, value: Any, *, most: float, above: float = 0.0) -> None:
    if type(value) not in (int, float) or not above <= value <= most:
        raise ValidationException(f"{member} must be a number between {above:g} and {most:g}")


def _check_whole(member: str, value: Any, *, least: int) -> None:
    if type(value) is not int or not least <= value <= _COUNT_MAX:
        raise ValidationException(f"{member} must be a whole number from {least} on")


_NUMBERS: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "Rate": partial(_check_number, most=1.0),
    "Share": partial(_check_number, most=1.0),
    "Seconds": partial(_check_number, most=_SECONDS_MAX),
    "Every": partial(_check_whole, least=1),
    "Skip": partial(_check_whole, least=0),
    "Count": partial(_check_whole, least=0),
    "Readers": partial(_check_whole, least=1),
}
_CHECKS: Final[Mapping[str, Callable[[Input], Input]]] = {
    "SetFaults": _checked_set,
    "AddFaults": _checked_add,
    "DescribeFaults": _checked_nothing,
}
