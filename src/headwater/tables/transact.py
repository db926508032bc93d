"""Transactions: several writes that happen together or not at all.

A transaction is one work of one commit: its writes run one after the other over the same view, and
what they wrote counts only if every one of them succeeded. All writes of the store, transactions or
not, pass through one serial order of commits, so a transaction is never in progress while another
write runs: it meets no conflict, and TransactionConflict and TransactionInProgress are never
reported.

A client token is stored with the transaction's writes, in the same commit:

    token record = version expiry request_hash
    version      = one byte, 01
    expiry       = eight bytes, microseconds since the epoch
    request_hash = 32 bytes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson

from headwater.errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    ServiceError,
    TransactionCanceledException,
    ValidationException,
)
from headwater.limits import transaction_token_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span
from headwater.tables.write import Effect, Write, apply, reads_of
from headwater.values import codec

_VERSION: Final = b"\x01"
_HASH_BYTES: Final = 32
_TOKEN_US: Final = transaction_token_seconds * 1_000_000
_NOT_THE_REASON: Final[dict[str, object]] = {"Code": "None"}


@dataclass(frozen=True, slots=True)
class Token:
    """What makes a transaction happen once: where its token is stored, and what was asked."""

    key: bytes
    request_hash: bytes


def token_of(region: str, token: str, request: object) -> Token:
    """The token of a request; request: its actions, as JSON values."""
    canonical = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    request_hash = blake2b(canonical, digest_size=_HASH_BYTES).digest()
    return Token(keyspace.transaction(region, token), request_hash)


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

    __slots__ = ("_now_us", "_token", "_writes", "reads")

    def __init__(self, writes: Sequence[Write], token: Token | None, now_us: int) -> None:
        """writes: of different items, in the order of the request."""
        self._writes = writes
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
        if self._token is not None and self._is_repeated(view, self._token):
            stored = [view.get(write.key.stored) for write in self._writes]
            return Outcome((), [0 if item is None else codec.size(item) for item in stored])
        effects: list[Effect] = []
        failures: dict[int, ServiceError] = {}
        for index, write in enumerate(self._writes):
            try:
                effects.append(apply(view, write, self._now_us))
            except (ConditionalCheckFailedException, ValidationException) as error:
                failures[index] = error
        if failures:
            raise _canceled(len(self._writes), failures)
        if self._token is not None:
            expiry = (self._now_us + _TOKEN_US).to_bytes(8, "big")
            view.put(self._token.key, _VERSION + expiry + self._token.request_hash)
        return Outcome(effects)

    def _is_repeated(self, view: View, token: Token) -> bool:
        stored = view.get(token.key)
        if stored is None or _expiry_us(stored) <= self._now_us:
            return False
        if stored[9:] != token.request_hash:
            raise IdempotentParameterMismatchException(
                "The request uses the same client token as a previous, but non-identical request"
            )
        return True


def _canceled(count: int, failures: Mapping[int, ServiceError]) -> TransactionCanceledException:
    reasons = [_NOT_THE_REASON] * count
    has_validation_error = False
    for index, error in failures.items():
        if isinstance(error, ValidationException):
            if has_validation_error:  # only the first is told
                continue
            has_validation_error = True
            reasons[index] = {"Code": "ValidationError", "Message": error.message}
        else:
            reasons[index] = {
                "Code": "ConditionalCheckFailed",
                "Message": error.message,
                **error.members,
            }
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    return TransactionCanceledException(
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        {"CancellationReasons": reasons},
    )


def _expiry_us(stored: bytes) -> int:
    assert stored[:1] == _VERSION, "a stored token has a version this code does not know"
    return int.from_bytes(stored[1:9], "big")


class _Forgetting:
    """Removes tokens that have expired; a token used again meanwhile stays."""

    __slots__ = ("_now_us", "reads")

    def __init__(self, keys: Sequence[bytes], now_us: int) -> None:
        self.reads = keys
        self._now_us = now_us

    def run(self, view: View) -> int:
        expired = [
            key
            for key in self.reads
            if (stored := view.get(key)) is not None and _expiry_us(stored) <= self._now_us
        ]
        for key in expired:
            view.delete(key)
        return len(expired)


async def forget_tokens(engine: Engine, committer: Committer, now_us: int) -> int:
    """Remove every expired token, step by step; returns how many. To be called now and then."""
    start, stop = keyspace.transactions_span()
    forgotten = 0
    while rows := await engine.scan(Span(start, stop, _STEP)):
        keys = [key for key, stored in rows if _expiry_us(stored) <= now_us]
        if keys:
            forgotten += await committer.submit(_Forgetting(keys, now_us))
        start = rows[-1][0] + b"\x00"
    return forgotten


_STEP: Final = 500
