"""Addresses from which code can be downloaded for a while, without any other signature.

    /headwater/code/<SHA-256>?expires=<epoch seconds>&signature=<HMAC>

What AWS gives is a presigned address of a bucket of its own. The key of the signatures is kept in
the store, so any process of the server and any later run of it accepts what another one gave out.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs

from headwater.api.message import Request, Response
from headwater.clock import Clock
from headwater.functions.store import FunctionStore
from headwater.limits import function_location_seconds

PATH: Final = "/headwater/code/"


class Locations:
    """Makes addresses and answers requests to them."""

    def __init__(self, store: FunctionStore, clock: Clock, endpoint: str, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._endpoint = endpoint
        self._secret = secret

    def of(self, digest: bytes) -> str:
        """Where the zip of this digest can be downloaded."""
        expires = int(self._clock.now()) + function_location_seconds
        name = digest.hex()
        query = f"expires={expires}&signature={self._signature(name, str(expires))}"
        return f"{self._endpoint}{PATH}{name}?{query}"

    async def answer(self, request: Request) -> Response:
        """The zip, or why not."""
        name = request.path.removeprefix(PATH)
        asked = parse_qs(request.query)
        expires = asked.get("expires", [""])[-1]
        signature = asked.get("signature", [""])[-1]
        if not hmac.compare_digest(signature.encode(), self._signature(name, expires).encode()):
            return _text(403, "The signature does not match")
        if int(expires) < self._clock.now():
            return _text(403, "Request has expired")
        content = await self._store.code(bytes.fromhex(name))
        if content is None:
            return _text(404, "The code is no longer there")
        return Response(200, [("content-type", "application/zip")], content)

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._secret, f"{name} {expires}".encode(), sha256).hexdigest()


def _text(status: int, text: str) -> Response:
    return Response(status, [("content-type", "text/plain")], text.encode())
