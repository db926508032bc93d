"""Lambda's lists in pages: `MaxItems`, `Marker` and `NextMarker`."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from headwater.errors import InvalidParameterValueException
from headwater.limits import functions_page_max


def limit_of(request: Mapping[str, Any]) -> int:
    """How many entries a page may have."""
    asked: int = request.get("MaxItems", functions_page_max)
    return min(asked, functions_page_max)


def start_of(request: Mapping[str, Any]) -> str:
    """After what a page begins; empty for the first one.

    Raises InvalidParameterValueException.
    """
    marker = request.get("Marker", "")
    try:
        return b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise InvalidParameterValueException(f"Invalid Marker: {marker}") from error


def number_of(request: Mapping[str, Any]) -> int:
    """As `start_of`, for lists by number; 0 for the first page."""
    start = start_of(request)
    if start and not (start.isascii() and start.isdigit()):
        raise InvalidParameterValueException(f"Invalid Marker: {request['Marker']}")
    return int(start or 0)


def marker(last: object) -> str:
    """What the next page begins after, as clients see it."""
    return urlsafe_b64encode(str(last).encode()).decode()
