"""Modules over 500 lines and functions over 70; generated files may be as long as they are."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tests.tidy.files import File

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70


def long_modules(files: Iterable[File]) -> list[str]:
    return [
        f"{file.path} has {count} lines, over {MODULE_LINES_MAX}"
        for file in files
        if file.is_python and not file.is_generated
        if (count := len(file.text.splitlines())) > MODULE_LINES_MAX
    ]


def long_functions(files: Iterable[File]) -> list[str]:
    return [
        f"{file.path}:{node.lineno}: {node.name} has {count} lines, over {FUNCTION_LINES_MAX}"
        for file in files
        if file.is_python and not file.is_generated
        for node in file.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
