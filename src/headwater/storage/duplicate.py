"""A data directory copied whole, as it is at one moment, while a server may be using it.

The copy holds the store and the objects beside it; unpacked code and the folders of workers are
made again from the store. The store is copied first: an export that it calls complete has put its
objects before. What was under way goes on when a server starts on the copy, as after a crash.

The copy is made under another name beside its place, and moved there once it is on disk and
checked: what has the name is whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from headwater.storage.engine import Unavailable
from headwater.storage.objects import is_part
from headwater.storage.snapshot import FILE, OnStep, Snapshot, sync

OBJECTS: Final = "objects"
"""The folder of a data directory where objects are, unless settings say otherwise."""

_LOCK: Final = "headwater.lock"
Check = Callable[[Path], None]


def duplicate(directory: Path, destination: Path, on_step: OnStep, check: Check) -> None:
    """Copy a data directory to where nothing is yet.

    check: looks at the copy before it gets its name; what it raises leaves nothing behind.
    Raises Unavailable if the directory cannot be read, or the copy not be written.
    """
    if destination.exists() or destination.is_symlink():
        raise Unavailable(f"{destination} is there already")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{destination.name}.incomplete-"
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=destination.parent))
        try:
            _copy(directory, place, on_step)
            check(place)
            (place / _LOCK).unlink(missing_ok=True)
            place.rename(destination)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        sync(destination.parent)
    except OSError as error:
        raise Unavailable(f"{directory} cannot be copied to {destination}: {error}") from error


def _copy(directory: Path, place: Path, on_step: OnStep) -> None:
    snapshot = Snapshot(directory, is_held=False)
    try:
        snapshot.copy_to(place / FILE, on_step)
    finally:
        snapshot.close_now()
    objects = directory / OBJECTS
    if objects.is_dir():
        for where, _, names in os.walk(objects):
            folder = place / OBJECTS / Path(where).relative_to(objects)
            folder.mkdir()
            for name in names:
                if not is_part(name):
                    shutil.copy2(Path(where, name), folder / name)
                    sync(folder / name)
                    on_step()
            sync(folder)
    sync(place)
