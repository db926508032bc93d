"""All checks of a store, in order: what is named first, then what names it."""

from __future__ import annotations

from typing import Final

from headwater.audit import (
    backups,
    catalog,
    consumers,
    functions,
    items,
    log,
    queues,
    replicas,
    settings,
    shards,
    sinks,
)
from headwater.audit.log import NewImages
from headwater.audit.reading import first_key, prefixed
from headwater.audit.report import Report, Section
from headwater.storage.engine import Engine
from headwater.values.order import after_prefix

KINDS: Final = tuple(
    kind.encode()
    for kind in (
        *("Sn", "Sp", "Ss", "a", "b", "cb", "cd", "ce", "cf", "cs", "ct"),
        *("d", "e", "f", "g", "h", "i", "je", "ji", "jt", "k", "l"),
        *("m", "n", "o", "p", "qm", "qq", "r", "s", "t", "u", "vc", "vd", "vl", "vp", "vr", "vv"),
        *("vz", "w", "x", "y", "z"),
    )
)
"""What keys begin with (`storage.keyspace`), in order; one of the checks looks at each kind."""

_OWNER_BYTES: Final = 17
_BY_TABLE: Final = {
    b"i": "items",
    b"x": "index entries",
    b"y": "sizes of item collections",
    b"e": "expiry entries",
    b"d": "versions of items",
}


async def audit(engine: Engine, report: Report, images: NewImages) -> None:
    """Look at everything that a store holds.

    images: makes an empty place for the latest image of every item of a stream.
    Raises Unavailable if the store cannot be read.
    """
    found = await catalog.check(engine, report)
    await _check_kinds(engine, report.section("keys"), found)
    await items.check(engine, report, found)
    lines = await shards.check(engine, report, found)
    await log.check(engine, report, (found, lines), images)
    await backups.check(engine, report, found)
    await functions.check(engine, report)
    await consumers.check(engine, report, lines)
    await replicas.check(engine, report, found)
    await queues.check(engine, report)
    await sinks.check(engine, report)
    await settings.check(engine, report)


async def _check_kinds(engine: Engine, section: Section, found: catalog.Catalog) -> None:
    """No key is of an unknown kind, and none belongs to a table that is gone."""
    for gap in zip((b"", *map(after_prefix, KINDS)), (*KINDS, b"\xff"), strict=True):
        unknown = await first_key(engine, gap)
        if unknown is not None:
            section.fault(f"there are keys of an unknown kind: {unknown!r}")
    known = {table.items_prefix[1:] for table in found.tables.values()}
    for kind, name in _BY_TABLE.items():
        start, stop = prefixed(kind)
        while (key := await first_key(engine, (start, stop))) is not None:
            owner, start = key[:_OWNER_BYTES], after_prefix(key[:_OWNER_BYTES])
            section.count(f"tables with {name}")
            if owner[1:] not in known:
                section.fault(f"there are {name} of no table: {owner.hex()}")
