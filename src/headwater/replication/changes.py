"""Changes of stored links, as work for one commit each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from headwater.replication import link as links
from headwater.replication.link import TOPIC, Link
from headwater.storage.committer import View


@dataclass(frozen=True, slots=True)
class LinkWork:
    """A change of stored links."""

    reads: Sequence[bytes]
    step: Callable[[View], None]

    def run(self, view: View) -> None:
        self.step(view)


def start(link: Link, heads: Sequence[bytes], positions: Callable[[View], None]) -> LinkWork:
    """Store where a link begins to read; raises what `positions` does, which reads the heads."""

    def step(view: View) -> None:
        stored = _stored(view, link)
        if stored is not None and not stored.is_started:
            positions(view)
            links.put(view, replace(stored, is_started=True))

    return LinkWork((link.key, *heads), step)


def scanned(link: Link, began_us: int) -> LinkWork:
    """Note that the target has everything from before a moment."""
    return _change(
        link, lambda stored: replace(stored, must_scan=False, sound_us=began_us), wakes=True
    )


def sound(link: Link, at_us: int) -> LinkWork:
    """Note that everything from before a moment has been delivered."""
    return _change(link, lambda stored: replace(stored, sound_us=at_us), wakes=False)


def rescan(link: Link) -> LinkWork:
    """Have everything sent to the target."""
    return _change(link, lambda stored: replace(stored, must_scan=True), wakes=True)


def removal(link: Link, checkpoint_keys: Sequence[bytes]) -> LinkWork:
    """Remove a link and its checkpoints."""

    def step(view: View) -> None:
        view.delete(link.key)
        for key in checkpoint_keys:
            view.delete(key)
        view.wake(TOPIC)

    return LinkWork((), step)


def _change(link: Link, changed: Callable[[Link], Link], *, wakes: bool) -> LinkWork:
    def step(view: View) -> None:
        stored = _stored(view, link)
        if stored is not None:
            view.put(link.key, links.encode(changed(stored)))
            if wakes:
                view.wake(TOPIC)

    return LinkWork([link.key], step)


def _stored(view: View, link: Link) -> Link | None:
    stored = view.get(link.key)
    return None if stored is None else links.decode(stored)
