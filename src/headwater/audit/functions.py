"""Functions, their versions and layers have their code; what is pending has its payload."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.functions import deferral as deferrals
from headwater.functions import function as functions
from headwater.functions import layers
from headwater.functions.concurrency import total_of
from headwater.functions.package import digest_of
from headwater.storage import function_keys
from headwater.storage.engine import Engine


class _Named(Protocol):
    """What names code."""

    @property
    def key(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    @property
    def code_sha256(self) -> str: ...


_OF_CODE: Final[dict[bytes, tuple[str, Callable[[bytes], _Named]]]] = {
    b"f": ("function", functions.decode),
    b"vv": ("published version", functions.decode),
    b"vl": ("layer version", layers.decode),
}


async def check(engine: Engine, report: Report) -> None:
    """Look at everything that is stored of functions."""
    section = report.section("functions")
    reserved: Counter[str] = Counter()
    for prefix, (name, decode) in _OF_CODE.items():
        async for key, stored in rows_of(engine, prefixed(prefix)):
            found = readable(section, f"{name} {key!r}", stored, decode)
            if found is None:
                continue
            section.count(f"{name}s")
            if prefix == b"f" and isinstance(found, functions.Function):
                reserved[found.region] += found.shared.reserved or 0
            if found.key != key:
                section.fault(f"{name} {found.name} is stored under another's key")
            code = function_keys.function_code(digest_of(found.code_sha256))
            if (await engine.get([code])) == [None]:
                section.fault(f"the code of {name} {found.name} is missing")
    await _check_reserved(engine, section, reserved)
    await _check_numbers(engine, section)
    await _check_zips(engine, section)
    await _check_pending(engine, section)


async def _check_reserved(engine: Engine, section: Section, reserved: Counter[str]) -> None:
    """What all functions of a region have reserved is stored as its sum."""
    async for key, stored in rows_of(engine, prefixed(function_keys.reserved_concurrency(""))):
        total = readable(section, f"the sum of reserved concurrency {key!r}", stored, total_of)
        region = key[2:].decode(errors="replace")
        if total is not None and total != reserved.pop(region, 0):
            section.fault(
                f"the sum of reserved concurrency in {region} is not that of its functions"
            )
    for region in +reserved:
        section.fault(f"the sum of reserved concurrency in {region} is missing")


async def _check_numbers(engine: Engine, section: Section) -> None:
    """The next version of a layer will have a number that none has had."""
    given: dict[bytes, int] = {}
    async for key, stored in rows_of(engine, prefixed(b"vc")):
        number = readable(section, f"the number of layer {key!r}", stored, int)
        section.count("layers")
        given[key] = number or 0
    async for key, _ in rows_of(engine, prefixed(b"vl")):
        layer, number = function_keys.layer_of_version(key)
        if given.get(layer, 0) < number:
            section.fault(f"the number {number} of a layer was never given: {key!r}")


async def _check_zips(engine: Engine, section: Section) -> None:
    """Zips are whole, and each has the mark by which it is found when nobody names it."""
    marked = set()
    async for key, _ in rows_of(engine, prefixed(b"vz")):
        marked.add(function_keys.digest_of_code_mark(key))
    async for key, content in rows_of(engine, prefixed(b"z")):
        section.count("zips")
        digest = hashlib.sha256(content).digest()
        if function_keys.function_code(digest) != key:
            section.fault(f"a zip is damaged: {key[1:].hex()}")
        elif digest not in marked:
            section.fault(f"a zip is not marked as kept: {key[1:].hex()}")
        marked.discard(digest)
    for digest in sorted(marked):
        section.fault(f"a mark is of no zip: {digest.hex()}")


async def _check_pending(engine: Engine, section: Section) -> None:
    ids = set()
    async for key, stored in rows_of(engine, function_keys.deferred_span()):
        pending = readable(section, f"asynchronous invocation {key!r}", stored, deferrals.decode)
        if pending is None:
            continue
        section.count("asynchronous invocations")
        ids.add(key[-16:])
        if (await engine.get([function_keys.deferred_payload(key[-16:])])) == [None]:
            section.fault(f"the payload of an asynchronous invocation is missing: {key!r}")
    async for key, _ in rows_of(engine, prefixed(b"vp")):
        if key[-16:] not in ids:
            section.fault(f"a payload is of no asynchronous invocation: {key!r}")
