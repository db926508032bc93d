"""Mappings have their pair, positions lie within their shards, registrations can be read."""

from __future__ import annotations

from typing import Final

from headwater.audit.reading import prefixed, readable, rows_of
from headwater.audit.report import Report, Section
from headwater.audit.shards import Shards
from headwater.consumers import checkpoint as checkpoints
from headwater.consumers import registration as registrations
from headwater.mappings import mapping as mappings
from headwater.mappings.mapping import MappingState
from headwater.storage import delivery_keys
from headwater.storage.engine import Engine

_MAPPING: Final = "mapping/"


async def check(engine: Engine, report: Report, shards: Shards) -> None:
    """Look at every mapping, lease and position."""
    section = report.section("mappings and positions")
    await _check_registrations(engine, section)
    known = await _check_mappings(engine, section)
    async for key, stored in rows_of(engine, prefixed(b"k")):
        table_id, shard_id = delivery_keys.shard_of_checkpoint(key)
        consumer = key[1:-29].decode()
        name = f"the position of {consumer} in {shard_id}"
        checkpoint = readable(section, name, stored, checkpoints.decode)
        if checkpoint is None:
            continue
        section.count("positions")
        if consumer.startswith(_MAPPING) and consumer not in known:
            section.fault(f"{name} is of no mapping")
        shard = shards.get(table_id, {}).get(shard_id)
        if shard is None:
            continue  # trimmed away; its consumer forgets it when it looks next
        if shard.last is not None and checkpoint.position > shard.last:
            section.fault(f"{name} lies behind its end")
        if checkpoint.is_finished and not shard.is_closed:
            section.fault(f"{name} is finished, but the shard is open")
        if checkpoint.is_finished and shard.last is not None and checkpoint.position < shard.last:
            section.fault(f"{name} is finished, but lies before its end")


async def _check_registrations(engine: Engine, section: Section) -> None:
    async for key, stored in rows_of(engine, delivery_keys.every_registration_span()):
        name = f"registration {key!r}"
        registration = readable(section, name, stored, registrations.decode)
        if registration is None:
            continue
        section.count("registered consumers")
        if registration.key != key:
            section.fault(f"{name} is stored under another's key")


async def _check_mappings(engine: Engine, section: Section) -> set[str]:
    """Returns the mappings' names as consumers."""
    known = set()
    pairs: dict[bytes, str] = {}
    async for key, stored in rows_of(engine, delivery_keys.every_mapping_span()):
        mapping = readable(section, f"mapping {key!r}", stored, mappings.decode)
        if mapping is None:
            continue
        section.count("mappings")
        known.add(mapping.consumer)
        if mapping.key != key:
            section.fault(f"mapping {mapping.uuid} is stored under another's key")
        if mapping.state is not MappingState.DELETING:
            pairs[mapping.pair_key] = mapping.uuid
    await _check_pairs(engine, section, pairs)
    return known


async def _check_pairs(engine: Engine, section: Section, wanted: dict[bytes, str]) -> None:
    """Each mapping is the one that joins its stream and function; one that goes no longer."""
    async for key, stored in rows_of(engine, prefixed(b"n")):
        if wanted.get(key) == stored.decode(errors="replace"):
            del wanted[key]
        else:
            section.fault(f"a stream and a function are joined by no mapping: {key!r}")
    for uuid in wanted.values():
        section.fault(f"mapping {uuid} is not found by its stream and function")
