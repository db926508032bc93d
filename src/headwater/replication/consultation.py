"""Other servers asked before a group changes: what could not be done is refused at once.

    {Version, Name, From as in `message.py`, Purpose, Region, TableId or null, Members: [region]}

    Purpose   asks                                                 of the server that has
    --------  ---------------------------------------------------  --------------------------------
    Create    may a replica be in Region, and reach the Members?   the Region
    Join      is the replica TableId at rest, and does its server  a replica, for one to come
              reach the Members?
    Delete    may the replica TableId of Region be deleted?        the Region

The answer is an empty object, or an error. Nothing is kept: what is asked may have changed when it
is done, and is looked at again then.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson

from headwater.errors import (
    AccessDeniedException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from headwater.limits import group_members_max
from headwater.replication import message
from headwater.replication.link import End, end_of
from headwater.replication.wire import PeerRefused, PeerUnreachable, Wire
from headwater.tables import unsettled
from headwater.tables.catalog import Catalog
from headwater.tables.deletion import check_deletable
from headwater.tables.schema import Replica, Table, TableStatus

CONSULT: Final = "ConsultReplicaServer"
_PURPOSES: Final = ("Create", "Join", "Delete")


@dataclass(frozen=True, slots=True)
class Question:
    """See the module. source: who asks."""

    name: str
    source: End
    purpose: str
    region: str
    table_id: str | None
    members: tuple[str, ...]


async def consult_on_addition(wire: Wire, table: Table, region: str) -> None:
    """Ask all servers concerned whether a table may get a replica in a region.

    Raises ValidationException or ResourceInUseException.
    """
    new_server = wire.server_of(region)
    if new_server is not None:
        others = (table.region, *(each.region for each in table.replicas))
        strangers = tuple(each for each in others if wire.server_of(each) != new_server)
        await _ask(wire, Question(table.name, end_of(table), "Create", region, None, strangers))
    for replica in table.replicas:
        if replica.is_remote and wire.server_of(replica.region) != new_server:
            question = Question(
                table.name, end_of(table), "Join", replica.region, replica.table_id, (region,)
            )
            await _ask(wire, question)


async def consult_on_removal(wire: Wire, table: Table, replica: Replica) -> None:
    """Ask the server of a replica whether that may be deleted. Raises as above."""
    source = end_of(table)
    question = Question(table.name, source, "Delete", replica.region, replica.table_id, ())
    await _ask(wire, question)


async def answer(body: Any, catalog: Catalog, peers: Collection[str], now: float) -> None:
    """Answer as a server that is asked, by raising what is to be said against it.

    peers: regions of other servers. now: epoch seconds.
    """
    question = _read(body)
    if question.region in peers:
        raise ValidationException(f"The region {question.region} is not one of this server's")
    table = await _table(catalog, question)
    match question.purpose:
        case "Create":
            if table is not None:
                raise exists_already(question.name)
        case "Join":
            check_idle(_member(question, table))
        case _:
            if table is not None and table.table_id == question.table_id:
                check_deletable(_member(question, table), now)
    unknown = [each for each in question.members if each not in peers]
    if unknown:
        raise ValidationException(
            f"The server of {question.region} has no peer for {', '.join(unknown)}"
        )


def read_source(body: Any) -> End:
    """Who asks. Raises ValidationException."""
    return _read(body).source


def check_idle(table: Table) -> None:
    """Raises ResourceInUseException if a table's replicas cannot be changed now."""
    is_settled = table.status is TableStatus.ACTIVE and unsettled.has_settled_indexes(table)
    if not is_settled or table.has_pending_replicas:
        raise ResourceInUseException


def exists_already(name: str) -> ValidationException:
    return ValidationException(
        f"Failed to create a the new replica of table with name: \u2018{name}\u2019 because one or "
        "more replicas already existed as tables."
    )


async def _ask(wire: Wire, question: Question) -> None:
    """Raises what the server says against it; ours, that it says nothing."""
    body = orjson.dumps(
        {
            "Version": message.VERSION,
            "Name": question.name,
            "From": message.end_form(question.source),
            "Purpose": question.purpose,
            "Region": question.region,
            "TableId": question.table_id,
            "Members": question.members,
        }
    )
    try:
        await wire.call(question.region, CONSULT, body)
    except PeerUnreachable as error:
        raise ValidationException(
            f"The server of the region {question.region} cannot be reached, so that its replica "
            f"cannot be created or deleted: {error}"
        ) from error
    except PeerRefused as error:
        raise _said(error, question.region) from error


def _said(error: PeerRefused, region: str) -> ServiceError:
    if error.code == ResourceInUseException.__name__:
        return ResourceInUseException(str(error))
    if error.code == ValidationException.__name__:
        return ValidationException(str(error))
    return ValidationException(f"The server of the region {region} refuses: {error}")


def _read(body: Any) -> Question:
    message.check_version(body)
    return Question(
        message.member_of(body, "Name", message.read_name),
        message.member_of(body, "From", message.read_end),
        message.member_of(body, "Purpose", _purpose),
        message.member_of(body, "Region", message.read_region),
        message.member_of(body, "TableId", _table_id),
        tuple(message.several(body, "Members", group_members_max, message.read_region)),
    )


def _purpose(value: Any) -> str:
    if value not in _PURPOSES:
        raise message.malformed("a Purpose")
    return str(value)


def _table_id(value: Any) -> str | None:
    return None if value is None else message.read_table_id(value)


async def _table(catalog: Catalog, question: Question) -> Table | None:
    try:
        return await catalog.describe(question.region, question.name)
    except ResourceNotFoundException:
        return None


def _member(question: Question, table: Table | None) -> Table:
    """The replica asked about. Raises AccessDeniedException unless who asks is of its group."""
    if table is None or table.table_id != question.table_id:
        raise ResourceNotFoundException
    if all(each.table_id != question.source.table_id for each in table.replicas):
        raise AccessDeniedException("The table is not shared with this replica")
    return table
