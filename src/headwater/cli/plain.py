"""Attributes in short, to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def plain(attributes: Mapping[str, Any]) -> str:
    """Attributes as `name=value`."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in attributes.items())


def value_text(value: Mapping[str, Any]) -> str:
    """An attribute value in short: a text or number as it is, anything else as JSON."""
    ((kind, inner),) = value.items()
    if kind in ("S", "N"):
        return str(inner)
    return orjson.dumps(inner, default=_binary, option=orjson.OPT_SORT_KEYS).decode()


def _binary(value: object) -> str:
    assert isinstance(value, bytes), "boto3 gives nothing else that JSON does not have"
    return f"<{len(value)} bytes>"
