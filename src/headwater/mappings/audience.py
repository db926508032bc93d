"""Who is told what happens to mappings: their activities, and the trace where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Container

from headwater.consumers.observer import Observer, Observers
from headwater.mappings.activity import Activities
from headwater.mappings.trace import BatchTrace


class Audience:
    """The observers of every mapping. further: gives another one for a consumer's name."""

    def __init__(
        self,
        activities: Activities,
        *,
        is_tracing: bool,
        further: Callable[[str], Observer] | None = None,
    ) -> None:
        self._activities = activities
        self._is_tracing = is_tracing
        self._further = further

    def observer(self, mapping_uuid: str, consumer: str) -> Observer:
        """Who is told of a mapping that is about to be read."""
        observers: list[Observer] = [self._activities.of(mapping_uuid)]
        if self._further is not None:
            observers.append(self._further(consumer))
        if self._is_tracing:
            observers.append(BatchTrace(mapping_uuid))
        return Observers(observers)

    def keep(self, mapping_uuids: Container[str]) -> None:
        """Keep nothing of mappings but these, which are all there are."""
        self._activities.keep(mapping_uuids)
