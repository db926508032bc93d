"""What servers send each other: the members every message begins with, and how it is read.

Reading is strict: a peer may be of another version, or not what it should be. Whatever is wrong is
a ValidationException that says what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from headwater.errors import ValidationException
from headwater.peers import REGION
from headwater.replication.link import End
from headwater.storage.keyspace import TableId

VERSION: Final = 1
_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_TABLE_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Address:
    """From which replica to which, of a table of what name."""

    name: str
    source: End
    target: End


def address_form(address: Address) -> dict[str, Any]:
    """The members a message from a replica to another begins with."""
    return {
        "Version": VERSION,
        "Name": address.name,
        "From": end_form(address.source),
        "To": end_form(address.target),
    }


def end_form(end: End) -> dict[str, str]:
    return {"Region": end.region, "TableId": end.table_id}


def read_address(body: Any) -> Address:
    """What `address_form` made."""
    check_version(body)
    return Address(
        member_of(body, "Name", read_name),
        member_of(body, "From", read_end),
        member_of(body, "To", read_end),
    )


def check_version(body: Any) -> None:
    version = as_object(body).get("Version")
    if type(version) is not int or version != VERSION:
        raise ValidationException(f"This server speaks version {VERSION} with peers")


def member_of(body: Any, name: str, read: Callable[[Any], Read]) -> Read:
    """A member that must be there, read."""
    if name not in as_object(body):
        raise malformed(name)
    return read(body[name])


def several(body: Any, name: str, count_max: int, read: Callable[[Any], Read]) -> Sequence[Read]:
    """A member that is a list, each of its elements read."""
    values = as_object(body).get(name)
    if not isinstance(values, list) or len(values) > count_max:
        raise malformed(f"{name}, a list of at most {count_max}")
    return tuple(map(read, values))


def as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed("an object")
    return value


def read_end(value: Any) -> End:
    return End(member_of(value, "Region", read_region), member_of(value, "TableId", read_table_id))


def read_region(value: Any) -> str:
    if not isinstance(value, str) or not REGION.fullmatch(value):
        raise malformed("a region")
    return value


def read_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise malformed("a table's name")
    return value


def read_table_id(value: Any) -> TableId:
    if not isinstance(value, str) or not _TABLE_ID.fullmatch(value):
        raise malformed("a table's id")
    return TableId(value)


def malformed(wanted: str) -> ValidationException:
    return ValidationException(f"The message of a peer is malformed: it lacks {wanted}")
