"""Which faults can befall which operation. One without a meaning is refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.api.statement_request import asked
from headwater.errors import ValidationException
from headwater.lab.destination import DELIVERY_KINDS
from headwater.lab.faults import DELIVERY, Kind

SINGLE_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
BATCHES: Final = frozenset({"BatchGetItem", "BatchWriteItem"})
TRANSACTIONS: Final = frozenset({"TransactGetItems", "TransactWriteItems", "ExecuteTransaction"})
ITEM_OPERATIONS: Final = (
    SINGLE_WRITES
    | BATCHES
    | TRANSACTIONS
    | {"GetItem", "Query", "Scan", "ExecuteStatement", "BatchExecuteStatement"}
)
RECORD_OPERATIONS: Final = frozenset({"PutRecord", "PutRecords", "GetRecords"})
_WITH_TOKEN: Final = frozenset({"TransactWriteItems", "ExecuteTransaction"})

_ANY: Final = frozenset({Kind.THROTTLED, Kind.INTERNAL_SERVER_ERROR, Kind.ANSWER_LOST, Kind.SLOW})
_MORE: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.UNPROCESSED: BATCHES | {"PutRecords"},
    Kind.TRANSACTION_CONFLICT: SINGLE_WRITES | TRANSACTIONS | {"ExecuteStatement"},
    Kind.TRANSACTION_IN_PROGRESS: _WITH_TOKEN,
    Kind.EMPTY_PAGE: frozenset({"GetRecords"}),
    Kind.LIMIT_EXCEEDED: frozenset({"GetRecords"}),
}


def can_befall(kind: Kind, operation: str) -> bool:
    """Whether a fault of this kind has a meaning for an operation, or for a delivery."""
    if operation == DELIVERY:
        return kind in DELIVERY_KINDS
    return kind in _ANY or operation in _MORE.get(kind, ())


def kinds_of(service: str, operation: str, body: Mapping[str, Any]) -> frozenset[Kind]:
    """The kinds that can befall a request; body: its checked input."""
    if service == "lambda":
        return _ANY
    if service == "kinesis":
        return _ANY | {Kind.UNPROCESSED} if operation == "PutRecords" else _ANY
    kinds = _ANY | {kind for kind, operations in _MORE.items() if operation in operations}
    kinds -= {Kind.EMPTY_PAGE}  # only a page that has records is emptied
    if "ClientRequestToken" not in body:
        kinds -= {Kind.TRANSACTION_IN_PROGRESS}
    if operation == "ExecuteStatement" and not _is_write(body):
        kinds -= {Kind.TRANSACTION_CONFLICT}
    return kinds


def _is_write(statement: Mapping[str, Any]) -> bool:
    try:
        return not asked(dict(statement)).is_read
    except ValidationException:
        return False
