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


def scan_begun(link: Link, at_us: int) -> LinkWork:
    """Note when a scan began: what the target has then, once it is through, is from before."""
    return _change(link, lambda stored: replace(stored, scan_began_us=at_us), wakes=False)


def scanned_to(link: Link, key: bytes) -> LinkWork:
    """Note how far a scan has come, so that another goes on from there."""
    return _change(link, lambda stored: replace(stored, scanned=key.hex()), wakes=False)


def scanned(link: Link) -> LinkWork:
    """Note that the target has everything from before the scan began."""

    def changed(stored: Link) -> Link:
        began_us = stored.scan_began_us
        return replace(stored, must_scan=False, sound_us=began_us, scan_began_us=0, scanned="")

    return _change(link, changed, wakes=True)


def heard(link: Link, *, has_filled: bool, sound_us: int | None) -> LinkWork:
    """Note what the target, on another server, says of its own links."""

    def changed(stored: Link) -> Link:
        return replace(stored, has_met=True, has_filled=has_filled, heard_us=sound_us)

    wakes = not link.has_met or has_filled != link.has_filled
    return _change(link, changed, wakes=wakes)


def sound(link: Link, at_us: int) -> LinkWork:
    """Note that everything from before a moment has been delivered."""
    return _change(link, lambda stored: replace(stored, sound_us=at_us), wakes=False)


def rescan(link: Link) -> LinkWork:
    """Have everything sent to the target."""
    return _change(
        link,
        lambda stored: replace(stored, must_scan=True, scan_began_us=0, scanned=""),
        wakes=True,
    )


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
