"""Whom writers trust to be the server that they call over TLS."""

from __future__ import annotations

import asyncio
import ssl

from headwater.sinks.kind import InvalidSettings


async def trust(ca: str | None) -> ssl.SSLContext:
    """What trusts the certificates in a file, or the machine's own. Raises InvalidSettings."""
    try:
        return await asyncio.to_thread(ssl.create_default_context, cafile=ca)
    except OSError as error:  # ssl.SSLError is one: what is in the file is no certificate
        raise InvalidSettings(f"ca: {error}") from error
