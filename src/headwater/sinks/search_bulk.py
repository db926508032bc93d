"""What a bulk request asks for, and what its answer means, change by change. Pure.

A change becomes an action on the document of its item:

    {"index": {"_id": "a", "version": 7, "version_type": "external_gte"}}
    {"k": "a", "v": "x"}
    {"delete": {"_id": "b", "version": 8, "version_type": "external_gte"}}

An index takes an action whose version is not below that of the document, so a change may come as
often as it likes. Equal ones are taken too: a replay with another transform writes documents anew.

Source: OpenSearch, "Bulk API", "Index document", "Delete document"; Elasticsearch, "Bulk API".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2b
from typing import Any, Final

import orjson

from headwater.limits import search_id_bytes_max
from headwater.sinks.change import Change, dumps, plain
from headwater.sinks.kind import Rejected
from headwater.values.item import Item

_VERSION_TYPE: Final = "external_gte"
_ESCAPES: Final = str.maketrans({"|": "%7C", "%": "%25", "~": "%7E"})
_DIGEST_BYTES: Final = 32
_REASON_MAX: Final = 500
_CONFLICT: Final = 409
_REFUSED: Final = 400
# Of the errors that are told as a client's: these end by themselves.
_PASSING_STATUSES: Final = frozenset({408, 429})
_PASSING: Final = frozenset({"cluster_block_exception"})
# And this is of no use to any document, until somebody opens the index.
_CLOSED: Final = "index_closed_exception"


@dataclass(frozen=True, slots=True)
class Action:
    """A change as lines of a bulk request. index: its place in the batch."""

    index: int
    lines: bytes


class RequestTooLarge(Exception):
    """A request is larger than the server, or what is before it, takes."""


class Fate(Enum):
    """What has become of an action.

    DONE: taken, or there is something newer. REFUSED: for good. BUSY: it may be taken later.
    HOPELESS: no action is taken as things are.
    """

    DONE = auto()
    REFUSED = auto()
    BUSY = auto()
    HOPELESS = auto()


@dataclass(slots=True)
class Outcome:
    """What has become of the actions of a request; the reasons are of the last of their kind."""

    rejected: list[Rejected]
    busy: list[Action]
    busy_reason: str = ""
    hopeless_reason: str = ""


def document_id(names: Sequence[str], key: Item) -> str:
    """The id of an item's document: the values of its key, in the order of the names.

    Their signs `|`, `%` and `~` are escaped as in addresses. An id that would be too long is `~`
    and a digest of it.
    """
    values = plain({name: key[name] for name in names})
    parts = [each if isinstance(each, str) else dumps(each).decode() for each in values.values()]
    made = "|".join(part.translate(_ESCAPES) for part in parts)
    encoded = made.encode()
    if len(encoded) <= search_id_bytes_max:
        return made
    return f"~{blake2b(encoded, digest_size=_DIGEST_BYTES).hexdigest()}"


def actions(names: Sequence[str], changes: Sequence[Change]) -> list[Action]:
    """What has an index hold the documents of changes, in their order. names: of the key."""
    return [Action(index, _lines(names, change)) for index, change in enumerate(changes)]


def leading(waiting: Sequence[Action], bytes_max: int) -> int:
    """How many of the first actions make a request of a size; at least one."""
    size = 0
    for count, action in enumerate(waiting):
        size += len(action.lines)
        if size > bytes_max:
            return max(count, 1)
    return len(waiting)


def outcome(asked: Sequence[Action], items: Sequence[Mapping[str, Any]]) -> Outcome:
    """Judge the answer to a request, which has an item for each action, in their order."""
    found = Outcome([], [])
    for action, item in zip(asked, items, strict=True):
        (answer,) = item.values()
        error = answer.get("error")
        match fate(answer["status"], error):
            case Fate.REFUSED:
                found.rejected.append(Rejected(action.index, reason(error)))
            case Fate.BUSY:
                found.busy.append(action)
                found.busy_reason = reason(error)
            case Fate.HOPELESS:
                found.hopeless_reason = reason(error)
            case Fate.DONE:
                pass
    return found


def fate(status: int, error: Mapping[str, Any] | None) -> Fate:
    """What has become of an action with this answer. A document to delete may be gone: 404."""
    if error is None or status == _CONFLICT:
        return Fate.DONE
    kind = error.get("type")
    if status >= 500 or status in _PASSING_STATUSES or kind in _PASSING:
        return Fate.BUSY
    return Fate.REFUSED if status == _REFUSED and kind != _CLOSED else Fate.HOPELESS


def reason(error: Any) -> str:
    """An error in words, with what caused it."""
    told = []
    while isinstance(error, Mapping):
        told.append(f"{error.get('type')}: {error.get('reason')}")
        error = error.get("caused_by")
    return "; ".join(told)[:_REASON_MAX] or str(error)[:_REASON_MAX]


def _lines(names: Sequence[str], change: Change) -> bytes:
    where = {
        "_id": document_id(names, change.keys),
        "version": change.version,
        "version_type": _VERSION_TYPE,
    }
    if change.document is None:
        return orjson.dumps({"delete": where}) + b"\n"
    return b"%b\n%b\n" % (orjson.dumps({"index": where}), dumps(change.document))
