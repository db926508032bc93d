"""Addresses and answers of HTTP, as all kinds of sinks take them that speak it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from headwater.limits import sink_retry_after_seconds_max
from headwater.sinks.kind import InvalidSettings


def check_address(setting: str, text: str) -> None:
    """Raises InvalidSettings for what is no address of HTTP, or has a name or password in it."""
    try:
        url = urlsplit(text)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in url.netloc or url.fragment or not text.isprintable() or " " in text:
        raise InvalidSettings(f"{setting}: {text!r} is not http:// or https://, a host and a path")


def retry_after(text: str, now: float) -> float:
    """The seconds that a header Retry-After asks to wait, as far as it makes sense."""
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), sink_retry_after_seconds_max)
