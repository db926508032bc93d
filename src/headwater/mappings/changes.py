"""Creating, changing and deleting mappings, as work for one commit each.

A mapping and the name of what it joins are stored together, so that no stream and function are
joined twice. A new mapping that starts at the latest record gets its positions in the same commit:
whatever is written after it will be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from headwater.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from headwater.mappings import mapping as mappings
from headwater.mappings.mapping import EventSourceMapping, Manner
from headwater.mappings.source import Source
from headwater.storage.committer import View

TOPIC: Final = b"m"  # woken when any mapping has changed


@dataclass(frozen=True, slots=True)
class MappingWork:
    """A change of stored mappings."""

    reads: Sequence[bytes]
    step: Callable[[View], Any]

    def run(self, view: View) -> Any:
        return self.step(view)


Begin = Callable[[View], None]
"""Stores where a new mapping begins."""


def create(
    new: EventSourceMapping, stream: Source, begin: Begin, heads: Sequence[bytes]
) -> MappingWork:
    """Store a new mapping, with where it begins; heads: what that reads.

    Raises ResourceConflictException if the two are joined already, InvalidParameterValueException
    if the stream has gone meanwhile, ShardsChanged as `start_at_latest`.
    """

    def step(view: View) -> None:
        _join(view, new)
        if view.get(stream.key) is None:
            raise stream_missing(new.stream_arn)
        begin(view)
        _put(view, new)

    return MappingWork([new.pair_key, stream.key, *heads], step)


def change(before: EventSourceMapping, manner: Manner, now: float) -> MappingWork:
    """Give a mapping another manner; results in the mapping.

    Raises ResourceInUseException if another change is under way or came first,
    ResourceConflictException if its stream and new function are joined already.
    """
    after = before.changed(manner, now)

    def step(view: View) -> EventSourceMapping:
        stored = _unchanged(view, before, "update")
        if after.pair_key != before.pair_key:
            _join(view, after)
            view.delete(before.pair_key)
        changed = replace(after, last_result=stored.last_result, tags=stored.tags)
        _put(view, changed)
        return changed

    return MappingWork([before.key, after.pair_key], step)


def delete(before: EventSourceMapping, now: float) -> MappingWork:
    """Mark a mapping as to be deleted; results in it. Raises ResourceInUseException."""

    def step(view: View) -> EventSourceMapping:
        stored = _unchanged(view, before, "delete")
        view.delete(before.pair_key)
        deleted = stored.deleted(now)
        _put(view, deleted)
        return deleted

    return MappingWork([before.key], step)


def settle(mapping: EventSourceMapping, now: float) -> MappingWork:
    """Bring a mapping to rest at an epoch second, unless it has changed since."""

    def step(view: View) -> None:
        stored = _stored(view, mapping)
        if stored is not None and stored.version == mapping.version:
            settled = replace(stored, state=mapping.settled, last_modified=now)
            view.put(mapping.key, mappings.encode(settled))

    return MappingWork([mapping.key], step)


def remove(mapping: EventSourceMapping, checkpoint_keys: Sequence[bytes]) -> MappingWork:
    """Remove a mapping that is to be deleted, with its checkpoints."""

    def step(view: View) -> None:
        view.delete(mapping.key)
        for key in checkpoint_keys:
            view.delete(key)

    return MappingWork((), step)


def report(mapping: EventSourceMapping, result: str) -> MappingWork:
    """Store a mapping's LastProcessingResult, if the mapping is still there."""

    def step(view: View) -> None:
        stored = _stored(view, mapping)
        if stored is not None:
            view.put(mapping.key, mappings.encode(replace(stored, last_result=result)))

    return MappingWork([mapping.key], step)


def retag(
    mapping: EventSourceMapping, retagged: Callable[[dict[str, str]], dict[str, str]]
) -> MappingWork:
    """Store a mapping's tags as a function makes them; raises ResourceNotFoundException."""

    def step(view: View) -> None:
        stored = _stored(view, mapping)
        if stored is None:
            raise mapping_missing()
        view.put(mapping.key, mappings.encode(replace(stored, tags=retagged(stored.tags))))

    return MappingWork([mapping.key], step)


def stream_missing(stream_arn: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Stream not found: {stream_arn}")


def mapping_missing() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")


def _join(view: View, mapping: EventSourceMapping) -> None:
    """Claim that this mapping joins its stream and function."""
    holder = view.get(mapping.pair_key)
    if holder is not None:
        raise ResourceConflictException(
            f'The event source arn (" {mapping.stream_arn} ") and function '
            f'(" {mapping.manner.function_name} ") provided mapping already exists. '
            f"Please update or delete the existing mapping with UUID {holder.decode()}"
        )
    view.put(mapping.pair_key, mapping.uuid.encode())


def _unchanged(view: View, before: EventSourceMapping, change: str) -> EventSourceMapping:
    stored = _stored(view, before)
    if stored is None:
        raise mapping_missing()
    if stored.version != before.version or not stored.state.is_at_rest:
        raise ResourceInUseException(
            f"Cannot {change} the event source mapping because it is in use."
        )
    return stored


def _stored(view: View, mapping: EventSourceMapping) -> EventSourceMapping | None:
    stored = view.get(mapping.key)
    return None if stored is None else mappings.decode(stored)


def _put(view: View, mapping: EventSourceMapping) -> None:
    view.put(mapping.key, mappings.encode(mapping))
    view.wake(TOPIC)
