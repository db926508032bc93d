"""Signature version 4 on what this server sends to another, in the form `signature.py` verifies."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from headwater.auth.canonical import SignedHeaders
from headwater.auth.signature import (
    ALGORITHM,
    TERMINATOR,
    canonical_request,
    signing_key,
    stamp_of,
)

_SERVICE: Final = "dynamodb"
_SIGNED: Final = "content-type;host;x-amz-date;x-amz-target"


@dataclass(frozen=True, slots=True)
class Key:
    """What a request is signed with, and for which region."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str


@dataclass(slots=True)
class _Outgoing:
    """A POST to the root, as a `SignedRequest`."""

    headers: dict[str, str]
    signed_body: bytes
    method: str = "POST"
    path: str = "/"
    query: str = ""


def signed_headers(key: Key, host: str, target: str, body: bytes, now: float) -> dict[str, str]:
    """The headers to post a body with to an operation. now: the machine's epoch seconds."""
    stamp = stamp_of(now)
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": stamp,
        "x-amz-target": target,
    }
    date = stamp[:8]
    scope = f"{date}/{key.region}/{_SERVICE}/{TERMINATOR}"
    canonical = canonical_request(_Outgoing(headers, body), SignedHeaders(_SIGNED))
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    secret = signing_key(key.secret_access_key, date, key.region, _SERVICE)
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={key.access_key_id}/{scope}, "
        f"SignedHeaders={_SIGNED}, Signature={signature}"
    )
    return headers
