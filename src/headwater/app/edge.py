"""Where a server listens, who may ask, and what answers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from headwater.api.http import (
    Request,
    Response,
    TlsFilesError,
    bound_socket,
    tls_context,
)
from headwater.api.locations import PATH as CODE_PATH
from headwater.api.locations import Locations
from headwater.api.operation import Dispatcher
from headwater.auth.credentials import (
    Credential,
    Credentials,
    CredentialsError,
    load_credentials,
)
from headwater.clock import Chance
from headwater.config import ConfigError, Settings
from headwater.telemetry import METRICS_CONTENT_TYPE

Exposition: TypeAlias = Callable[[], Awaitable[bytes]]
"""Gives the metrics of all the server's processes in Prometheus' text form."""

Answer: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


def credentials_of(settings: Settings) -> Credentials | None:
    try:
        return load_credentials(settings.credentials) if settings.credentials else None
    except CredentialsError as error:
        raise ConfigError(str(error)) from error


def own_credential(chance: Chance) -> Credential:
    """What functions sign with when they call back; good for this run of the server alone."""
    return Credential(
        f"HEADWATER{chance.token(6).hex().upper()}", chance.token(30).hex(), "function"
    )


def bound_by(settings: Settings) -> socket.socket:
    try:
        return bound_socket(settings.host, settings.port)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        ) from error


def endpoint_of(settings: Settings, bound: socket.socket) -> str:
    """The URL by which this machine, and so its functions, reach the server."""
    scheme = "http" if settings.tls_cert is None else "https"
    # An address that means all of the machine's is none to connect to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{bound.getsockname()[1]}"


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return tls_context(settings.tls_cert, settings.tls_key)
    except TlsFilesError as error:
        raise ConfigError(str(error)) from error


def edge_of(dispatcher: Dispatcher, exposition: Exposition, locations: Locations) -> Answer:
    """Metrics and functions' code beside the operations; nothing else is served."""

    async def metrics() -> Response:
        return Response(200, [("content-type", METRICS_CONTENT_TYPE)], await exposition())

    def answer(request: Request) -> Coroutine[Any, Any, Response]:
        if request.method == "GET":
            if request.path == "/metrics":
                return metrics()
            if request.path.startswith(CODE_PATH):
                return locations.answer(request)
        return dispatcher.dispatch(request)

    return answer
