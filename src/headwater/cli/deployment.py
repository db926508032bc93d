"""Deploying a directory as a function through the Lambda API, as the CLI and the demo do."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

# The API asks for a role in this form; this server gives it no meaning.
_ROLE: Final = "arn:aws:iam::000000000000:role/headwater"
_LEFT_OUT: Final = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache"})


class NotInstalled(Exception):
    """pip could not install what a function requires; the text is what it said."""


def deploy(functions: Any, name: str, code: bytes, configuration: Mapping[str, Any]) -> Any:
    """Create the function of that name or bring it up to date; returns its configuration.

    functions: boto3's Lambda client. configuration: members of CreateFunction, at least Handler.
    Raises what the client raises.
    """
    settings = {"Runtime": own_runtime(), "Role": _ROLE, "Timeout": 60, **configuration}
    try:
        return functions.create_function(FunctionName=name, Code={"ZipFile": code}, **settings)
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=name, ZipFile=code)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        return functions.update_function_configuration(FunctionName=name, **settings)


def packed(*directories: Path) -> bytes:
    """The directories' files as one zip, of which earlier ones win; equal files give equal zips."""
    archive = io.BytesIO()
    seen: set[str] = set()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for directory in directories:
            for path in files(directory):
                inside = str(path.relative_to(directory))
                if inside in seen:
                    continue
                seen.add(inside)
                # A fixed date: the time of packing is not part of the code.
                entry = zipfile.ZipInfo(inside, (1980, 1, 1, 0, 0, 0))
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def packed_with(requirements: Path, python: Sequence[str], directory: Path) -> bytes:
    """The directory's files with what they require beside them, as one zip.

    requirements: a file as pip reads it. python: the words that start the function's interpreter.
    Raises NotInstalled.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [*python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        words += ["--target", folder, "--requirement", str(requirements)]
        try:
            done = subprocess.run(  # noqa: S603 - pip, with the user's own file
                words, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise NotInstalled(str(error)) from error
        if done.returncode != 0:
            raise NotInstalled(done.stderr.strip())
        return packed(directory, Path(folder))


def files(directory: Path) -> list[Path]:
    """The files of a directory that belong to a function."""
    return [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(directory).parts)
    ]


def own_runtime() -> str:
    """The runtime of the Python that runs this."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def python_of(runtime: str) -> list[str]:
    """The words that start a runtime's Python."""
    return [sys.executable if runtime == own_runtime() else runtime]
