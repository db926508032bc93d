"""Deploying a directory as a function through the Lambda API, as the CLI and the demo do."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

# The API asks for a role in this form; this server gives it no meaning.
_ROLE: Final = "arn:aws:iam::000000000000:role/headwater"
_LEFT_OUT: Final = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache"})


def deploy(functions: Any, name: str, directory: Path, configuration: Mapping[str, Any]) -> Any:
    """Create the function of that name or bring it up to date; returns its configuration.

    functions: boto3's Lambda client. configuration: members of CreateFunction, at least Handler.
    Raises what the client raises.
    """
    code = packed(directory)
    settings = {"Runtime": _runtime(), "Role": _ROLE, "Timeout": 60, **configuration}
    try:
        return functions.create_function(FunctionName=name, Code={"ZipFile": code}, **settings)
    except functions.exceptions.ResourceConflictException:
        functions.update_function_code(FunctionName=name, ZipFile=code)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        return functions.update_function_configuration(FunctionName=name, **settings)


def packed(directory: Path) -> bytes:
    """The directory's files as a zip; equal directories give equal zips."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(directory.rglob("*")):
            inside = path.relative_to(directory)
            if path.is_file() and not _LEFT_OUT.intersection(inside.parts):
                # A fixed date: the time of packing is not part of the code.
                entry = zipfile.ZipInfo(str(inside), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _runtime() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"
