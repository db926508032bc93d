"""Client tokens: what makes a transaction happen once, however often it is asked for.

A token is stored with the transaction's writes, in the same commit, so that both survive a crash or
neither does. It counts for ten minutes from then on, and is removed some time later.

    record       = version expiry request_hash
    version      = one byte, 01
    expiry       = eight bytes, microseconds since the epoch
    request_hash = 32 bytes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson
import structlog

from headwater.clock import Clock, pause
from headwater.errors import IdempotentParameterMismatchException
from headwater.limits import transaction_token_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.engine import Engine, Span, Unavailable

_VERSION: Final = b"\x01"
_HASH_BYTES: Final = 32
_HASH_AT: Final = 9
_TOKEN_US: Final = transaction_token_seconds * 1_000_000
_STEP_ENTRIES: Final = 500
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """Where a transaction's token is stored, and a hash of what was asked with it."""

    key: bytes
    request_hash: bytes


def token_of(region: str, token: str, request: object) -> Token:
    """The token of a request; request: its actions, as JSON values."""
    canonical = orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    request_hash = blake2b(canonical, digest_size=_HASH_BYTES).digest()
    return Token(keyspace.transaction(region, token), request_hash)


def check_stored(stored: bytes) -> None:
    """Raise ValueError for bytes that are no record of a token."""
    if len(stored) != _HASH_AT + _HASH_BYTES or not stored.startswith(_VERSION):
        raise ValueError("no record of a client token")


def is_repeated(view: View, token: Token, now_us: int) -> bool:
    """Whether the transaction has been made already. The view must have loaded the token's key.

    Raises IdempotentParameterMismatchException if another one was made with the token.
    """
    stored = view.get(token.key)
    if stored is None or _expiry_us(stored) <= now_us:
        return False
    if stored[_HASH_AT:] != token.request_hash:
        raise IdempotentParameterMismatchException(
            "The request uses the same client token as a previous, but non-identical request"
        )
    return True


def remember(view: View, token: Token, now_us: int) -> None:
    """Store that the transaction is made with this commit."""
    view.put(token.key, _VERSION + (now_us + _TOKEN_US).to_bytes(8, "big") + token.request_hash)


class TokenSweeper:
    """Removes expired tokens, round after round, as a task of the server."""

    def __init__(self, engine: Engine, committer: Committer, clock: Clock) -> None:
        self._engine = engine
        self._committer = committer
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled; a store that cannot serve now is tried again next round."""
        while True:
            await pause(self._clock, transaction_token_seconds)
            try:
                await self.sweep()
            except Unavailable as error:
                _log.warning("token_sweep_failed", error=str(error))

    async def sweep(self) -> int:
        """Remove every token that has expired by now, step by step; returns how many."""
        now_us = int(self._clock.now() * 1_000_000)
        start, stop = keyspace.transactions_span()
        removed = 0
        while rows := await self._engine.scan(Span(start, stop, _STEP_ENTRIES)):
            keys = [key for key, stored in rows if _expiry_us(stored) <= now_us]
            if keys:
                removed += await self._committer.submit(_Removal(keys, now_us))
            start = rows[-1][0] + b"\x00"
        return removed


class _Removal:
    """Removes tokens that have expired; one that was used again meanwhile stays."""

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


def _expiry_us(stored: bytes) -> int:
    assert stored[:1] == _VERSION, "a stored token has a version this code does not know"
    return int.from_bytes(stored[1:_HASH_AT], "big")
