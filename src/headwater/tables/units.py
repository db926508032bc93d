"""Read and write units as a client asks for them: provisioned, at most on demand, kept warm.

Pure. Works on input that has passed the model's shapes. Texts: observed on AWS, unless marked as
ours. `what` in texts is `table`, or `index` and its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from headwater.errors import INVALID, ValidationException
from headwater.limits import throughput_units_max
from headwater.tables.override import NO_LIMIT
from headwater.tables.schema import Throughput, Units

NO_UNITS_ON_DEMAND: Final = (
    f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
    "BillingMode is PAY_PER_REQUEST"
)
UNITS_REQUIRED: Final = (
    f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
    "BillingMode is PROVISIONED"
)
_WARM_ON_DEMAND: Final = Units(12_000, 4_000)


def throughput(definition: Mapping[str, int] | None) -> Throughput | None:
    """The ProvisionedThroughput of a table or an index, if one is given."""
    if definition is None:
        return None
    for member in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if definition[member] > throughput_units_max:
            raise ValidationException(
                f"Given value {definition[member]} for {member} is out of bounds"
            )
    return Throughput(definition["ReadCapacityUnits"], definition["WriteCapacityUnits"])


def on_demand_limit(given: Mapping[str, int] | None, what: str) -> Units | None:
    """An OnDemandThroughput, if one is given; -1 is no limit."""
    members = ("MaxReadRequestUnits", "MaxWriteRequestUnits")
    return _units("OnDemandThroughput", given, members, what, (NO_LIMIT,))


def warm(given: Mapping[str, int] | None, what: str) -> Units | None:
    """A WarmThroughput, if one is given."""
    members = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")
    return _units("WarmThroughput", given, members, what)


def _units(
    setting: str,
    given: Mapping[str, int] | None,
    members: tuple[str, str],
    what: str,
    besides: Iterable[int] = (),
) -> Units | None:
    """A setting's two members; besides: what they may be that is no number of units."""
    if given is None:
        return None
    if not given:  # ours: the API Reference asks for one of them
        raise ValidationException(
            f"{INVALID}{members[0]}, {members[1]} or both must be specified in {setting} for {what}"
        )
    for member in members:
        units = given.get(member, 1)
        if not 1 <= units <= throughput_units_max and units not in besides:
            raise ValidationException(
                f"{INVALID}Requested {member} for {setting} for {what} is outside of valid range"
            )
    return Units(given.get(members[0]), given.get(members[1]))


def merged(present: Units | None, asked: Units | None) -> Units | None:
    """A setting after a change that may name one of its members only."""
    if present is None or asked is None:
        return present if asked is None else asked
    return Units(
        present.reads if asked.reads is None else asked.reads,
        present.writes if asked.writes is None else asked.writes,
    )


def check_limit_billing(limit: Units | None, what: str, *, is_on_demand: bool) -> None:
    """Refuse a limit for what is provisioned. Text: ours."""
    if limit is not None and not is_on_demand:
        raise ValidationException(
            f"{INVALID}OnDemandThroughput cannot be specified for {what} when BillingMode is "
            "PROVISIONED"
        )


def warm_by_itself(provisioned: Throughput | None) -> Units:
    """What a table or an index can take at once without having been asked to."""
    if provisioned is None:
        return _WARM_ON_DEMAND
    return Units(provisioned.read_units, provisioned.write_units)


def warm_in_all(stored: Units | None, provisioned: Throughput | None) -> Units:
    """What a table or an index can take at once, given what it was warmed to, if it was."""
    by_itself = warm_by_itself(provisioned)
    return by_itself if stored is None else _greater(stored, by_itself)


def warmed(present: Units, asked: Units | None, provisioned: Throughput | None, what: str) -> Units:
    """What a table or an index can take at once after a change: never less than before.

    provisioned: after the change. Raises ValidationException, in our words, if less is asked for.
    """
    least = warm_in_all(present, provisioned)
    for member, wanted, least_units in (
        ("ReadUnitsPerSecond", None if asked is None else asked.reads, least.reads),
        ("WriteUnitsPerSecond", None if asked is None else asked.writes, least.writes),
    ):
        if wanted is not None and wanted < (least_units or 0):
            raise ValidationException(
                f"{INVALID}Requested {member} for WarmThroughput for {what} is lower than its "
                f"current value or its default. Requested: {wanted}, at least: {least_units}"
            )
    return least if asked is None else _greater(least, asked)


def _greater(one: Units, other: Units) -> Units:
    return Units(
        max(one.reads or 0, other.reads or 0),
        max(one.writes or 0, other.writes or 0),
    )
