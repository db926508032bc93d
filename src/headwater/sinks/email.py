"""The kind `email`: a mail for each batch, a digest of the changes in its window.

A mail that is sent again has the same `Message-ID`, and is the same in every byte (`parcels.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses
from functools import partial
from typing import Final

from headwater.limits import MB, sink_calls_at_once_max
from headwater.sinks import smtp
from headwater.sinks.certificates import trust
from headwater.sinks.change import Change
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    Surroundings,
    Writer,
)
from headwater.sinks.letter import SUBJECT, TEXT, Envelope, Letters, Texts
from headwater.sinks.parcels import Parcels, Way
from headwater.sinks.settings import means
from headwater.sinks.smtp import MailServer, Security
from headwater.threads import Threads

_PORTS: Final = {Security.none: 25, Security.starttls: 587, Security.tls: 465}
_PORT_MAX: Final = 65_535
_TIMEOUT_SECONDS_MAX: Final = 300.0


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Settings of mails."""

    host: str = field(metadata=means("The mail server that mails are handed to."))
    sender: str = field(metadata=means("Whom mails are from: `orders@example.com`."))
    recipients: str = field(metadata=means("Whom they go to: addresses, with commas between."))
    security: Security = field(
        default=Security.starttls,
        metadata=means("starttls: encrypted before anything is said; tls: from the start; none."),
    )
    port: int | None = field(
        default=None, metadata=means("If not given, 587, 465 or 25, after the security.")
    )
    user: str | None = field(
        default=None, metadata=means("Whom the mail server is to know, over TLS alone.")
    )
    password: str | None = field(default=None, metadata=means("The user's.", is_secret=True))
    subject: str | None = field(
        default=None,
        metadata=means("Template of the subject; if not given, how many changes of which table."),
    )
    text: str | None = field(
        default=None, metadata=means("Template of the text; if not given, every change.")
    )
    html: str | None = field(
        default=None, metadata=means("Template of the same as HTML, if that is to be sent too.")
    )
    ca: str | None = field(
        default=None,
        metadata=means("File of certificates that vouch for the server; else the machine's own."),
    )
    hello: str | None = field(
        default=None,
        metadata=means("What this machine is to call itself; if not given, its own name."),
    )
    timeout_seconds: float = field(
        default=30.0, metadata=means("How long each answer may take, up to 300.")
    )

    def __post_init__(self) -> None:
        if len(addresses("sender", self.sender)) != 1:
            raise InvalidSettings("sender must be one address")
        if not addresses("recipients", self.recipients):
            raise InvalidSettings("recipients must be at least one address")
        if (self.user is None) != (self.password is None):
            raise InvalidSettings("user and password are given together")
        if self.security is Security.none and (self.user or self.ca):
            raise InvalidSettings("user and ca need the security starttls or tls")
        if self.port is not None and not 0 < self.port <= _PORT_MAX:
            raise InvalidSettings("port is no port")
        if not 0 < self.timeout_seconds <= _TIMEOUT_SECONDS_MAX:
            raise InvalidSettings(f"timeout_seconds is not between 0 and {_TIMEOUT_SECONDS_MAX:g}")
        if not _is_word(self.host) or not (self.hello is None or _is_word(self.hello)):
            raise InvalidSettings("host and hello must be names of machines")


def addresses(name: str, text: str) -> list[str]:
    """The addresses in a text, without names. Raises InvalidSettings."""
    if not text.isprintable():
        raise InvalidSettings(f"{name} cannot be a header")
    found = [address for _, address in getaddresses([text])] if text else []
    for address in found:
        local, at, domain = address.rpartition("@")
        if not (local and at and domain and _is_word(address)):
            raise InvalidSettings(f"{name}: {text!r} is no address of mail, or holds what is none")
    return found


def _is_word(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


class EmailWriter:
    """`Writer` of mails."""

    def __init__(self, opening: Opening, letters: Letters, server: MailServer) -> None:
        settings: EmailSettings = opening.settings
        self._letters = letters
        self._server = server
        self._sender = addresses("sender", settings.sender)[0]
        self._recipients = addresses("recipients", settings.recipients)
        self._clock = opening.around.clock
        self._warn = opening.warn
        way = Way(self._pack, self._send, is_one_by_one=False)
        self._parcels = Parcels(opening.notes, opening.sink, way)
        self._threads = Threads(sink_calls_at_once_max)

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        return await self._parcels.deliver(batch)

    async def close(self) -> None:
        return None

    async def _pack(self, key: str, changes: Sequence[Change]) -> bytes:
        message_id = f"<{key}@{self._sender.rpartition('@')[2]}>"
        now = self._clock.now()
        return await asyncio.to_thread(self._letters.write, message_id, now, changes)

    async def _send(self, key: str, body: bytes) -> None:
        del key  # it is in the mail
        send = partial(smtp.send, self._server, self._sender, self._recipients, body)
        refused = await self._threads.run(send)
        for words in refused:
            self._warn(words)


def _letters(settings: EmailSettings, told: dict[str, str]) -> Letters:
    texts = Texts(settings.subject or SUBJECT, settings.text or TEXT, settings.html)
    return Letters(texts, Envelope(settings.sender, settings.recipients), told)


def _server(settings: EmailSettings, trusted: ssl.SSLContext) -> MailServer:
    return MailServer(
        settings.host,
        settings.port or _PORTS[settings.security],
        settings.security,
        trusted,
        settings.timeout_seconds,
        settings.hello,
        settings.user or "",
        settings.password or "",
    )


async def _open(opening: Opening) -> Writer:
    settings, sink = opening.settings, opening.sink
    told = {"sink": sink.name, "region": sink.region, "table": sink.table_name}
    letters = await asyncio.to_thread(_letters, settings, told)
    return EmailWriter(opening, letters, _server(settings, await trust(settings.ca)))


async def _check(settings: EmailSettings, around: Surroundings) -> None:
    del around
    await asyncio.to_thread(_letters, settings, {})
    await trust(settings.ca)


KIND: Final = Kind(
    "email",
    "Mails that tell of the changes in a window.",
    EmailSettings,
    _open,
    Pace(1000, 10_000, MB, 300.0),
    _check,
)
