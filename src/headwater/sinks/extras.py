"""Libraries that not every installation has: imported where they are used, or named."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from headwater.sinks.kind import InvalidSettings


def required(module: str, extra: str) -> ModuleType:
    """A module, imported. Raises InvalidSettings that names the extra which installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            f"this needs {module.partition('.')[0]}, which is not installed: "
            f"pip install 'headwater[{extra}]'"
        ) from error
