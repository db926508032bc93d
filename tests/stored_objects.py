"""Objects in memory: what exports and imports are tested with where no file is wanted."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5

from headwater.storage.objects import Encryption, Found, ObjectsFailed, Place


class MemoryObjects:
    """Keeps every promise of `ObjectStore` but outliving the process.

    before_put: called with each place; what it raises, `put` raises.
    """

    encrypts = True

    def __init__(self) -> None:
        self.bodies: dict[Place, bytes] = {}
        self.before_put: Callable[[Place], None] = lambda _: None

    def names(self) -> list[str]:
        return sorted(place.key for place in self.bodies)

    def check(self, bucket: str, prefix: str) -> None:
        """Any name will do."""

    async def put(self, place: Place, body: bytes, encryption: Encryption | None = None) -> str:
        self.before_put(place)
        self.bodies[place] = body
        return md5(body, usedforsecurity=False).hexdigest()

    async def read(self, place: Place, start: int, size: int) -> bytes:
        if place not in self.bodies:
            raise ObjectsFailed("S3NoSuchKey", f"There is no object {place.key}.")
        return self.bodies[place][start : start + size]

    async def delete(self, place: Place) -> None:
        self.bodies.pop(place, None)

    async def list(self, bucket: str, prefix: str, limit: int) -> list[Found]:
        if all(place.bucket != bucket for place in self.bodies):
            raise ObjectsFailed("S3NoSuchBucket", f"There is no bucket {bucket}.")
        found = [
            Found(place.key, len(body))
            for place, body in self.bodies.items()
            if place.bucket == bucket and place.key.startswith(prefix)
        ]
        return sorted(found, key=lambda each: each.key.encode())[:limit]

    def ending(self, end: str) -> bytes:
        """The body of the one object whose key ends so."""
        (body,) = [body for place, body in self.bodies.items() if place.key.endswith(end)]
        return body
