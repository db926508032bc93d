"""Transactions: several writes that happen together or not at all.

A transaction is one work of one commit: its writes run one after the other over the same view, and
what they wrote counts only if every one of them succeeded. All writes of the store, transactions or
not, pass through one serial order of commits, so a transaction is never in progress while another
write runs: it meets no conflict, and TransactionConflict and TransactionInProgress are reported
only where the lab makes them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from headwater.errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    ItemCollectionSizeLimitExceededException,
    ProvisionedThroughputExceededException,
    ServiceError,
    ThrottlingException,
    TransactionCanceledException,
    TransactionConflictException,
    ValidationException,
)
from headwater.storage.committer import View
from headwater.tables import tokens
from headwater.tables.capacity import TRANSACTIONAL
from headwater.tables.metering import Meters, Taken, metered
from headwater.tables.schema import Table
from headwater.tables.tokens import Token
from headwater.tables.write import Effect, Write, Writer, apply, reads_of
from headwater.values import codec

_CONFLICT: Final = "Transaction is ongoing for the item."  # alone, the error has no full stop
_NOT_THE_REASON: Final[dict[str, object]] = {"Code": "None"}
# What the transaction is told of one of its writes, rather than instead of all of them.
_CODES: Final[Mapping[type[ServiceError], str]] = {
    ConditionalCheckFailedException: "ConditionalCheckFailed",
    DuplicateItemException: "DuplicateItem",
    ItemCollectionSizeLimitExceededException: "ItemCollectionSizeLimitExceeded",
    ProvisionedThroughputExceededException: "ProvisionedThroughputExceeded",
    ThrottlingException: "ThrottlingError",
    TransactionConflictException: "TransactionConflict",
    ValidationException: "ValidationError",
}
_REASONS: Final = tuple(_CODES)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did.

    effects: one per write, in order; empty if the token shows that it was done before.
    repeated_sizes: in that case the sizes of the items as they are now, else None.
    """

    effects: Sequence[Effect]
    repeated_sizes: Sequence[int] | None = None


class TransactWork:
    """A transaction as work for the committer."""

    __slots__ = ("_meters", "_now_us", "_taken", "_token", "_writes", "reads")

    def __init__(
        self,
        writes: Sequence[Write],
        token: Token | None,
        now_us: int,
        meters: Meters | None = None,
    ) -> None:
        """writes: of different items, as the request orders them. meters: None enforces nothing."""
        self._writes = writes
        self._meters = meters
        self._taken: list[Taken] = []
        self._token = token
        self._now_us = now_us
        self.reads = [key for write in writes for key in reads_of(write)]
        if token is not None:
            self.reads.append(token.key)

    def run(self, view: View) -> Outcome:
        """Apply every write, or none.

        Raises TransactionCanceledException with one reason per write, in order, if any fails;
        IdempotentParameterMismatchException; TableChanged if it must be planned again.
        """
        if self._token is not None and tokens.is_repeated(view, self._token, self._now_us):
            stored = [view.get(write.key.stored) for write in self._writes]
            return Outcome((), [0 if item is None else codec.size(item) for item in stored])
        self._give_back()  # what a run took whose commit did not come about
        effects: list[Effect] = []
        failures: dict[int, ServiceError] = {}
        for index, write in enumerate(self._writes):
            try:
                effects.append(self._apply(view, write))
            except _REASONS as error:
                failures[index] = error
        if failures:
            self._give_back()
            raise canceled(len(self._writes), failures)
        if self._token is not None:
            tokens.remember(view, self._token, self._now_us)
        return Outcome(effects)

    def _apply(self, view: View, write: Write) -> Effect:
        if self._meters is None:
            return apply(view, write, self._now_us)
        effect, taken = metered(view, write, self._now_us, self._meters, TRANSACTIONAL)
        self._taken.append(taken)
        return effect

    def _give_back(self) -> None:
        if self._meters is not None:
            for taken in self._taken:
                self._meters.give_back(taken)
            self._taken.clear()


async def transact(
    writer: Writer,
    writes: Sequence[Write],
    token: Token | None,
    now_us: int,
    meters: Meters | None = None,
) -> Outcome:
    """Make the writes durably as one, planned again as their tables change.

    Raises what `TransactWork.run` and `Writer.submit` raise.
    """
    planned = list({write.table.table_id: write.table for write in writes}.values())

    def plan(tables: Sequence[Table]) -> TransactWork:
        current = {table.table_id: table for table in tables}
        now = [write._replace(table=current[write.table.table_id]) for write in writes]
        return TransactWork(now, token, now_us, meters)

    return await writer.submit(planned, plan)


def _code(error: ServiceError) -> str:
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))


def canceled(count: int, failures: Mapping[int, ServiceError]) -> TransactionCanceledException:
    """What a transaction of so many actions is told of those that failed, by their positions."""
    reasons = [_NOT_THE_REASON] * count
    has_validation_error = False
    for index, error in failures.items():
        if isinstance(error, ValidationException):
            if has_validation_error:  # only the first is told
                continue
            has_validation_error = True
        message = _CONFLICT if isinstance(error, TransactionConflictException) else error.message
        reasons[index] = {"Code": _code(error), "Message": message}
        if "Item" in error.members:
            reasons[index] = {**reasons[index], "Item": error.members["Item"]}
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    return TransactionCanceledException(
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        {"CancellationReasons": reasons},
    )
