"""Operations, options, settings and errors that a reader of the reference would not find."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

import click

from tests.tidy.files import File, strings

OPERATION = re.compile(r"(?:[A-Z][a-z0-9]+){2,}|Query|Scan|Invoke")


def operations(files: Iterable[File]) -> list[str]:
    """The operations that handlers are offered for: what methods named `handlers` name."""
    return sorted(
        {
            name
            for file in files
            if file.path.startswith("src/headwater/api/") and file.is_python
            for node in file.nodes
            if isinstance(node, ast.FunctionDef) and node.name == "handlers"
            for name in strings(tuple(ast.walk(node)))
            if OPERATION.fullmatch(name)
        }
    )


def error_codes(errors: File) -> list[str]:
    """The codes of the classes of errors.py below its root, which a client can be told.

    A class's code is its name, unless its property `code` returns another one.
    """
    return [
        _code(node)
        for node in errors.tree.body
        if isinstance(node, ast.ClassDef) and node.name != "ServiceError"
    ]


def _code(error: ast.ClassDef) -> str:
    for member in error.body:
        match member:
            case ast.FunctionDef(
                name="code", body=[*_, ast.Return(value=ast.Constant(value=str() as code))]
            ):
                return code
    return error.name


def settings(config: File) -> list[str]:
    """The fields of the class Settings of config.py, which are the keys of the TOML file."""
    return [
        statement.target.id
        for node in config.tree.body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


def command_options(command: click.Command, path: str = "headwater") -> Mapping[str, list[str]]:
    """Every command below one, by the words to type, with its options in their long form."""
    found = {
        path: [
            max(parameter.opts, key=len) for parameter in command.params if _is_option(parameter)
        ]
    }
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found |= command_options(child, f"{path} {name}")
    return found


def undocumented(names: Iterable[str], page: File) -> list[str]:
    """Names that a reference page does not set in code type."""
    return [
        f"{page.path} does not document `{name}`"
        for name in names
        if not any(f"`{name}{end}" in page.text for end in ("`", " ", "="))
    ]


def undocumented_commands(commands: Mapping[str, list[str]], page: File) -> list[str]:
    """Commands without a heading, and options not named in the section below it."""
    findings = []
    for path, options in commands.items():
        section = _section(page.text, path)
        if section is None:
            findings.append(f"{page.path} has no heading `{path}`")
        else:
            findings += [
                f"{page.path} does not document {option} of `{path}`"
                for option in options
                if f"`{option}`" not in section and f"`{option} " not in section
            ]
    return findings


def _is_option(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.hidden


def _section(text: str, heading: str) -> str | None:
    _, found, rest = text.partition(f"# `{heading}`\n")
    return rest.partition("\n#")[0] if found else None
