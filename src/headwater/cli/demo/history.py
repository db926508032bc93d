"""A git history as changes of items, and a git tree as the items they must end in.

First-parent history, oldest commit first: a merge counts as what it changed against its first
parent. Renames count as a deletion and an addition. Only the `git` program is asked.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from headwater.limits import sort_key_bytes_max

_ROOT_FOLDER = "."
_ABSENT = "0" * 40


class HistoryUnreadable(Exception):
    """The repository cannot be read; the text says why."""


class Kind(Enum):
    ADDED = "A"
    MODIFIED = "M"
    DELETED = "D"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the tree. size: of its blob in bytes, 0 for a submodule."""

    path: str
    mode: str
    blob: str
    size: int

    @property
    def folder(self) -> str:
        """The top-level folder it lies in, `.` for the root."""
        top, slash, _ = self.path.partition("/")
        return top if slash else _ROOT_FOLDER

    @property
    def extension(self) -> str:
        """What follows the last dot of its name, in lower case, or nothing."""
        return PurePosixPath(self.path).suffix[1:].lower()


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did to one file. file: as it was after, or, if deleted, before."""

    commit: str
    time: int
    kind: Kind
    file: File


def changes(repository: Path) -> list[Change]:
    """Every change of the history that leads to HEAD, oldest first.

    Files whose path is longer than a sort key may be are left out, here and in `tree`.
    Raises HistoryUnreadable.
    """
    log = _git(
        repository, "log", "--first-parent", "-m", "--root", "--raw", "--no-abbrev", "-z",
        "--no-renames", "--reverse", "--format=%x01%H %ct",
    )  # fmt: skip
    raw = list(_raw_changes(log.decode("utf-8", "backslashreplace")))
    sizes = _sizes(repository, {change.file.blob for change in raw})
    return [
        Change(
            change.commit,
            change.time,
            change.kind,
            File(
                change.file.path,
                change.file.mode,
                change.file.blob,
                sizes.get(change.file.blob, 0),
            ),
        )
        for change in raw
        if _fits(change.file.path)
    ]


def tree(repository: Path) -> list[File]:
    """The files of HEAD as `git ls-tree -r` lists them. Raises HistoryUnreadable."""
    listing = _git(repository, "ls-tree", "-r", "-z", "--long", "HEAD")
    files = []
    for line in listing.decode("utf-8", "backslashreplace").split("\0"):
        if not line:
            continue
        fields, _, path = line.partition("\t")
        mode, _, blob, size = fields.split()
        if _fits(path):
            files.append(File(path, mode, blob, 0 if size == "-" else int(size)))
    return files


def _raw_changes(log: str) -> Iterator[Change]:
    """Changes from `git log --raw -z`: a header, then a description and a path for each file."""
    commit, time = "", 0
    tokens = iter(log.split("\0"))
    for token in tokens:
        # A commit's header is followed by a newline in front of its first description.
        for part in token.split("\n"):
            if part.startswith("\x01"):
                commit, _, seconds = part[1:].partition(" ")
                time = int(seconds)
            elif part.startswith(":"):
                yield _change(commit, time, part, next(tokens))


def _change(commit: str, time: int, description: str, path: str) -> Change:
    old_mode, new_mode, old_blob, new_blob, status = description[1:].split(" ")
    if status[0] == "D":
        return Change(commit, time, Kind.DELETED, File(path, old_mode, old_blob, 0))
    kind = Kind.ADDED if status[0] == "A" else Kind.MODIFIED  # T, a changed type, modifies
    return Change(commit, time, kind, File(path, new_mode, new_blob, 0))


def _sizes(repository: Path, blobs: set[str]) -> Mapping[str, int]:
    """The sizes of blobs; what git does not have (a submodule's commit) is left out."""
    wanted = "\n".join(sorted(blobs - {_ABSENT}))
    answer = _git(repository, "cat-file", "--batch-check", stdin=wanted.encode() + b"\n")
    sizes = {}
    for line in answer.decode().splitlines():
        name, kind, *size = line.split()
        if kind == "blob":
            sizes[name] = int(size[0])
    return sizes


def _fits(path: str) -> bool:
    return len(path.encode()) <= sort_key_bytes_max


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are this module's own
            ["git", "-C", str(repository), *arguments],  # noqa: S607 - git is found on the PATH
            input=stdin,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise HistoryUnreadable("the demo needs the git program") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise HistoryUnreadable(f"git cannot read {repository}: {reason}") from error
    return done.stdout
