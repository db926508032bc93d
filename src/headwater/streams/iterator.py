"""Shard iterators: tokens that hold a position, good for fifteen minutes, at any server of a store.

    token   = stream ARN "|1|" base64(payload)
    payload = version issued_ms shard after seal
    version = 1 byte, 1
    issued_ms, after = 8 bytes each, big-endian; shard = the 12 bytes of its id
    seal    = 16 bytes: HMAC-SHA256 of the ARN and what stands before, cut short

Nothing is remembered for a token, so it may be used again and survives a restart. The seal keeps
clients from making positions up; its secret is stored once for all servers of a store.
"""

from __future__ import annotations

import binascii
import hmac
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final

from headwater.clock import Chance
from headwater.errors import ExpiredIteratorException, ValidationException
from headwater.limits import shard_iterator_seconds
from headwater.storage import keyspace
from headwater.storage.committer import Committer, View
from headwater.storage.keyspace import SequenceNumber, ShardId

_PAYLOAD: Final = struct.Struct(">BQ12sQ")
_VERSION: Final = 1
_SEAL_BYTES: Final = 16
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ShardIterator:
    """Where a token points: after a number of a shard of the stream with this ARN.

    issued_ms: milliseconds since the epoch.
    """

    stream_arn: str
    shard_id: ShardId
    after: SequenceNumber
    issued_ms: int = field(compare=False)


class Iterators:
    """Makes tokens and reads them; `secret` as `load_secret` gives it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, iterator: ShardIterator) -> str:
        """The token of an iterator."""
        payload = _PAYLOAD.pack(
            _VERSION, iterator.issued_ms, keyspace.shard_bytes(iterator.shard_id), iterator.after
        )
        sealed = b64encode(payload + self._seal(iterator.stream_arn, payload)).decode()
        return f"{iterator.stream_arn}|1|{sealed}"

    def read(self, token: str, now: float) -> ShardIterator:
        """The iterator of a token.

        Raises ValidationException if it is none of ours, ExpiredIteratorException if it is too old.
        """
        iterator = self.opened(token)
        if iterator is None:
            raise ValidationException("Invalid ShardIterator")
        if now - iterator.issued_ms / 1000 > shard_iterator_seconds:
            raise ExpiredIteratorException
        return iterator

    def opened(self, token: str) -> ShardIterator | None:
        """The iterator of a token, however old; None if it is none of ours."""
        arn, _, sealed = token.rpartition("|1|")
        try:
            content = binascii.a2b_base64(sealed.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            return None
        payload, seal = content[: _PAYLOAD.size], content[_PAYLOAD.size :]
        if not hmac.compare_digest(seal, self._seal(arn, payload)):
            return None
        version, issued_ms, shard, after = _PAYLOAD.unpack(payload)
        assert version == _VERSION, "a sealed token has a version this code does not know"
        return ShardIterator(arn, keyspace.shard_id_of(shard), SequenceNumber(after), issued_ms)

    def _seal(self, arn: str, payload: bytes) -> bytes:
        return hmac.digest(self._secret, arn.encode() + b"|" + payload, "sha256")[:_SEAL_BYTES]


class _KeepSecret:
    """Work: the store's secret, made at its first use."""

    def __init__(self, fresh: bytes) -> None:
        self._key = keyspace.setting(keyspace.Setting.ITERATOR_SECRET)
        self._fresh = fresh
        self.reads = [self._key]

    def run(self, view: View) -> bytes:
        stored = view.get(self._key)
        if stored is None:
            view.put(self._key, self._fresh)
            return self._fresh
        return stored


async def load_secret(committer: Committer, chance: Chance) -> bytes:
    """The secret that seals the iterators of all servers of a store."""
    return await committer.submit(_KeepSecret(chance.token(_SECRET_BYTES)))
