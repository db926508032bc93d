"""What one replica tells another of their group and of itself, and its form on the wire.

    {Version, Name, From, To as in `message.py`,
     Members: [{Region, TableId, Status}], Departed: [TableId],
     Table: what CreateTable would make it of, ExpiresBy: attribute or null,
     Shared: {setting: [count, region]}, Overrides: {region: {...}}, HasFilled: boolean,
     SoundUs: number or null}

Members holds the sender itself; Departed those that were replicas once. Shared: which change of
each setting the sender has. Overrides: what replicas have otherwise than the others. HasFilled: the
sender has sent everything that it had when its link to the receiver began. SoundUs: what the sender
took before that moment is with all others; null if it sends everything to one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from headwater.limits import departed_replicas_max, group_members_max, shared_settings_max
from headwater.replication.message import (
    Address,
    address_form,
    as_object,
    malformed,
    member_of,
    read_address,
    read_end,
    read_region,
    read_table_id,
    several,
)
from headwater.storage.keyspace import TableId
from headwater.tables.override import Override
from headwater.tables.override import decode as decode_override
from headwater.tables.schema import ReplicaStatus, Stamp

_COUNT_MAX: Final = 2**62
_STATUSES: Final = (ReplicaStatus.CREATING, ReplicaStatus.ACTIVE, ReplicaStatus.DELETING)


@dataclass(frozen=True, slots=True)
class Member:
    """A replica as another knows it."""

    region: str
    table_id: TableId
    status: ReplicaStatus


@dataclass(frozen=True, slots=True)
class State:
    """See the module. definition: what stands under Table."""

    address: Address
    members: Sequence[Member]
    departed: Sequence[TableId]
    definition: Mapping[str, Any]
    expires_by: str | None
    shared: Mapping[str, Stamp]
    has_filled: bool
    sound_us: int | None
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def status_of(self, table_id: TableId) -> ReplicaStatus | None:
        """How the sender knows a replica; None if it does not."""
        known = (member.status for member in self.members if member.table_id == table_id)
        return next(known, None)


def encode(state: State) -> bytes:
    return orjson.dumps(
        {
            **address_form(state.address),
            "Members": [
                {"Region": each.region, "TableId": each.table_id, "Status": each.status}
                for each in state.members
            ],
            "Departed": state.departed,
            "Table": state.definition,
            "ExpiresBy": state.expires_by,
            "Shared": {name: [each.count, each.region] for name, each in state.shared.items()},
            "Overrides": {region: asdict(each) for region, each in state.overrides.items()},
            "HasFilled": state.has_filled,
            "SoundUs": state.sound_us,
        }
    )


def decode(body: Any) -> State:
    """Raises ValidationException, which says what is wrong; of Table only that it is an object."""
    return State(
        read_address(body),
        several(body, "Members", group_members_max, _member),
        several(body, "Departed", departed_replicas_max, read_table_id),
        member_of(body, "Table", as_object),
        member_of(body, "ExpiresBy", _attribute),
        member_of(body, "Shared", _stamps),
        member_of(body, "HasFilled", _truth),
        member_of(body, "SoundUs", _moment),
        member_of(body, "Overrides", _overrides),
    )


def _member(value: Any) -> Member:
    end = read_end(value)
    status = value.get("Status")
    if status not in _STATUSES:
        raise malformed("a replica's Status")
    return Member(end.region, end.table_id, ReplicaStatus(status))


def _attribute(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and 1 <= len(value.encode()) <= 255):
        raise malformed("an attribute's name")
    return value


def _stamps(value: Any) -> dict[str, Stamp]:
    if len(as_object(value)) > shared_settings_max:
        raise malformed(f"Shared, of at most {shared_settings_max} settings")
    return {name: _stamp(each) for name, each in value.items()}


def _stamp(value: Any) -> Stamp:
    if not isinstance(value, list) or len(value) != 2:
        raise malformed("a setting's count and region")
    count, region = value
    if type(count) is not int or not 0 <= count < _COUNT_MAX:
        raise malformed("a setting's count")
    return Stamp(count, read_region(region))


def _overrides(value: Any) -> dict[str, Override]:
    if len(as_object(value)) > group_members_max:
        raise malformed(f"Overrides, of at most {group_members_max} regions")
    try:
        return {read_region(region): decode_override(each) for region, each in value.items()}
    except ValueError as error:
        raise malformed("an override") from error


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise malformed("true or false")
    return value


def _moment(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value < _COUNT_MAX):
        raise malformed("a moment")
    return value
