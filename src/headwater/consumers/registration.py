"""A consumer outside the server that has been made known to it: its stream and its lease table.

The server neither runs nor serves it; the lab waits for it and tells where it stands. The stored
form is JSON of the fields.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from headwater.storage import delivery_keys

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Registration:
    """A consumer by its name in a region. registered_at: epoch seconds."""

    region: str
    name: str
    stream_arn: str
    lease_table: str
    registered_at: float

    @property
    def key(self) -> bytes:
        return delivery_keys.registration(self.region, self.name)


def encode(registration: Registration) -> bytes:
    return orjson.dumps({"v": _VERSION, **asdict(registration)})


def decode(stored: bytes) -> Registration:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored registration has a version this code does not know"
    return Registration(**fields)
