"""What a store keeps one of can be read: counts, secrets, its clock, the lease of its leader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report
from headwater.consumers import checkpoint as checkpoints
from headwater.storage import keyspace
from headwater.storage.engine import Engine
from headwater.storage.keyspace import Setting

_SECRET_BYTES_MIN: Final = 16


async def check(engine: Engine, report: Report) -> None:
    """Look at every setting, and at the leader's lease."""
    section = report.section("settings")
    known = {keyspace.setting(name): (name, decode) for name, decode in DECODERS.items()}
    async for key, stored in rows_of(engine, keyspace.settings_span()):
        section.count("settings")
        name, decode = known.get(key, (None, None))
        if decode is None:
            section.fault(f"there is a setting that nobody knows: {key!r}")
        else:
            readable(section, f"the setting {name}", stored, decode)
    async for key, stored in rows_of(engine, prefixed(keyspace.leader())):
        readable(section, "the leader's lease", stored, checkpoints.decode)
        if key != keyspace.leader():
            section.fault(f"the leader's lease is stored under another's key: {key!r}")


def _secret(stored: bytes) -> bytes:
    if len(stored) < _SECRET_BYTES_MIN:
        raise ValueError("it is too short")
    return stored


def _clock(stored: bytes) -> Any:
    """What the lab has stored of its clock: numbers by their names."""
    members = orjson.loads(stored)
    for name, value in members.items():
        if not isinstance(value, int | float | None):
            raise TypeError(f"{name} is no number")
    return members


DECODERS: Final[Mapping[Setting, Callable[[bytes], object]]] = {
    Setting.MESSAGE_COUNT: int,
    Setting.CODE_NAMED_COUNT: int,
    Setting.ITERATOR_SECRET: _secret,
    Setting.LAB_CLOCK: _clock,
}
