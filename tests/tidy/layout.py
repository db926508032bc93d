"""Docstrings, floors and reach: what makes the list of files an account of the architecture."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence

from tests.tidy.files import FUNCTION_CODE, File, imported_names, strings

ROOT_PACKAGE = "headwater"
# Where a running program starts: the commands, and what other programs load by name.
STARTS = (
    "headwater.cli",
    "headwater.__main__",
    "headwater.testing.plugin",
    "headwater.testing.__main__",
)


def undocumented_modules(files: Iterable[File]) -> list[str]:
    return [
        f"{file.path} has no docstring saying what it is for"
        for file in files
        if file.is_source and not ast.get_docstring(file.tree)
    ]


def unlisted_files(files: Sequence[File]) -> list[str]:
    """Modules and packages that the docstring of their package does not name."""
    listings = {
        file.module: ast.get_docstring(file.tree) or ""
        for file in files
        if file.is_source and file.is_package
    }
    return [
        f"{file.path} is not listed in the docstring of {parent}"
        for file in files
        if file.is_source and not file.path.endswith("__main__.py")
        if not file.path.startswith(FUNCTION_CODE)
        for parent, _, name in [file.module.rpartition(".")]
        if parent and not re.search(rf"\b{re.escape(name)}\b", listings.get(parent, ""))
    ]


def packages_without_floor(files: Iterable[File], layers: Sequence[str]) -> list[str]:
    """Top-level modules that no layer of the import contract names, and layers that lie.

    layers: as written for import-linter: `functions | auth` share a floor; `(lab)` may be absent.
    """
    present = {
        file.module.split(".")[1]
        for file in files
        if file.is_source and file.module.count(".") and not file.module.endswith("__main__")
    }
    named = {name.strip() for layer in layers for name in re.split(r"[|:]", layer)}
    optional = {name.strip("()") for name in named if name.startswith("(")}
    homeless = sorted(present - {name.strip("()") for name in named})
    return [f"{ROOT_PACKAGE}.{name} has no floor in the import contract" for name in homeless] + [
        f"{ROOT_PACKAGE}.{name} exists: take the parentheses off its layer"
        for name in sorted(optional & present)
    ]


def dead_modules(files: Sequence[File], starts: Iterable[str] = STARTS) -> list[str]:
    """Source modules which nothing reaches from the commands or from a test of the whole.

    A unit test keeps nothing alive: it would hold up the very file it tests. A module which runs
    in a process of its own is reached by its file name or dotted name in a string.
    """
    by_module = {file.module: file for file in files if file.is_python}
    waiting = [
        file
        for file in by_module.values()
        if file.module.startswith(tuple(starts)) or (file.is_test and "/unit/" not in file.path)
    ]
    alive = {file.module for file in waiting}
    while waiting:
        for name in _reached(waiting.pop(), by_module) - alive:
            alive.add(name)
            waiting.append(by_module[name])
    return [
        f"{file.path} is reached by no command and by no test of the whole"
        for file in files
        if file.is_source and file.module not in alive
        if not file.path.startswith(FUNCTION_CODE)
    ]


def _reached(file: File, by_module: Mapping[str, File]) -> set[str]:
    names = set(imported_names(file))
    if file.is_source:
        names |= _named_in_strings(file, by_module)
    for name in list(names):
        while name := name.rpartition(".")[0]:
            names.add(name)
    return names & by_module.keys()


def _named_in_strings(file: File, by_module: Mapping[str, File]) -> set[str]:
    if file.is_package:
        return set()
    text = "\n".join(strings(file.nodes))
    words = set(text.split())
    return {
        other.module
        for other in by_module.values()
        if other.is_source and not other.is_package
        if other.module in text or other.path.rpartition("/")[2] in words
    }
