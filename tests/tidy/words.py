"""Unfinished work without a reference, and paths and words of the machine a file was written on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.tidy.files import File

# This folder and its test quote what they refuse.
QUOTES_ITSELF = ("tests/tidy/", "tests/test_tidy.py")

UNFINISHED = re.compile(r"\b(?:TODO(?!\(#\d+\))|FIXME|XXX)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/[\w.-]")
WORKSHOP = re.compile(
    r"(?<!user[- ])(?<!User[- ])(?<!user_)\b[Aa]gents?\b"
    r"|(?i:\bsession ids?\b|\bfact sheets?\b|\bthe brief\b|\blanguage models?\b)"
)


def unfinished_work(files: Iterable[File]) -> list[str]:
    """Marks of unfinished work that name no issue: `TODO(#12)` is the form that does."""
    return _findings(files, UNFINISHED, "unfinished work must name its issue, as in TODO(#12)")


def machine_paths(files: Iterable[File]) -> list[str]:
    return _findings(files, MACHINE_PATH, "a path of one machine")


def workshop_words(files: Iterable[File]) -> list[str]:
    """Words about how the tree was made; a reader wants to know what it is."""
    return _findings(files, WORKSHOP, "a word about the making, not about the thing")


def _findings(files: Iterable[File], pattern: re.Pattern[str], fault: str) -> list[str]:
    return [
        f"{file.path}:{number}: {match.group()!r}: {fault}"
        for file in files
        if not file.path.startswith(QUOTES_ITSELF) and not file.is_generated
        for number, line in enumerate(file.text.splitlines(), 1)
        if (match := pattern.search(line))
    ]
