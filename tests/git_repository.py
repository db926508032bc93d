"""Small git repositories with the history a test asks for, made at one stroke by git's importer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

FILE = "100644"
PROGRAM = "100755"
LINK = "120000"
SUBMODULE = "160000"
SOME_COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIRST_SECOND = 1_700_000_000

# A mode and content (of a submodule: the id of its commit), or None for what is deleted.
Content: TypeAlias = tuple[str, bytes] | None
Path_: TypeAlias = str | bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit changes. parents: numbers of earlier commits from 0; None: the one before."""

    changes: Mapping[Path_, Content | bytes]
    parents: tuple[int, ...] | None = None


def make_repository(folder: Path, commits: Sequence[Commit]) -> Path:
    """Make a repository whose HEAD is the last commit; commit n is of the second n."""
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    stream = b"".join(_commit(number, commit) for number, commit in enumerate(commits))
    git(folder, "fast-import", "--quiet", "--force", stdin=stream)
    return folder


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in a folder, without anybody's settings; returns what it prints."""
    folder.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
        env=environment | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
    )
    return done.stdout.decode()


def _commit(number: int, commit: Commit) -> bytes:
    lines = [
        b"commit refs/heads/main",
        b"mark :%d" % (number + 1),
        b"committer A <a@example.org> %d +0000" % (FIRST_SECOND + number),
        b"data 0",
    ]
    parents = commit.parents
    if parents is None:
        parents = (number - 1,) if number else ()
    for word, parent in zip((b"from", *[b"merge"] * 20), parents, strict=False):
        lines.append(b"%b :%d" % (word, parent + 1))
    if number and not parents:
        lines.insert(0, b"reset refs/heads/main\n")
    for path, content in commit.changes.items():
        lines.append(_change(_quoted(path), content))
    return b"\n".join(lines) + b"\n\n"


def _change(path: bytes, content: Content | bytes) -> bytes:
    if content is None:
        return b"D " + path
    mode, data = (FILE, content) if isinstance(content, bytes) else content
    if mode == SUBMODULE:
        return b"M %b %b %b" % (mode.encode(), data, path)
    return b"M %b inline %b\ndata %d\n%b" % (mode.encode(), path, len(data), data)


def _quoted(path: Path_) -> bytes:
    """A path as the importer reads it whatever is in it: in quotes, every byte in octal."""
    raw = path.encode() if isinstance(path, str) else path
    return b'"' + b"".join(b"\\%03o" % byte for byte in raw) + b'"'
