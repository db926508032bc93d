"""The kind `nats`: a message for each change, kept by a stream of NATS JetStream.

A message has the header `Nats-Msg-Id`, the change's id: JetStream leaves out what comes again
within the stream's duplicate window. Messages of a batch are published in their order, and
acknowledged together. A connection that has failed in any way is closed, and the next try opens
another.

Sources: NATS documentation, "JetStream model deep dive", "Message deduplication"; nats-py.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from headwater.limits import KB, sink_connect_seconds_max
from headwater.sinks.certificates import trust
from headwater.sinks.change import Change, dumps
from headwater.sinks.extras import required
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.settings import means
from headwater.sinks.transform import outcome

_EXTRA: Final = "nats"
_ID: Final = "Nats-Msg-Id"
_TLS: Final = "tls"
_SUBJECT: Final = re.compile(r"[^\s.*>{}]+(\.[^\s.*>{}]+)*")
_PLACES: Final = ("{table}", "{event}")
_TIMEOUT_SECONDS_MAX: Final = 300.0
_CLOSE_SECONDS_MAX: Final = 1.0
_TRIES_MAX: Final = 1  # of each server: whoever writes tries again by himself
_TOO_LARGE_FOR_STREAM: Final = 10054
_NO_RESPONDERS: Final = "503"
_NOBODY: Final = {"description": "no stream takes what is published"}


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Settings of NATS."""

    servers: str = field(
        metadata=means("Addresses, with commas between: `nats://HOST:4222` or `tls://HOST:4222`.")
    )
    subject: str = field(
        metadata=means(
            "What is published to; a stream must take it. `{table}` and `{event}` are filled in."
        )
    )
    user: str | None = field(default=None, metadata=means("Whom the servers are to know."))
    password: str | None = field(default=None, metadata=means("The user's.", is_secret=True))
    token: str | None = field(
        default=None, metadata=means("What the servers ask for instead.", is_secret=True)
    )
    ca: str | None = field(
        default=None,
        metadata=means("File of certificates that vouch for servers; else the machine's own."),
    )
    timeout_seconds: float = field(
        default=30.0, metadata=means("How long acknowledgements may take, up to 300.")
    )

    def __post_init__(self) -> None:
        if not self.addresses:
            raise InvalidSettings("servers must be at least one address")
        schemes = {_scheme(address) for address in self.addresses}
        if self.ca is not None and schemes != {_TLS}:
            raise InvalidSettings("ca is for servers with tls://")
        filled = self.subject
        for place in _PLACES:
            filled = filled.replace(place, "x")
        if not _SUBJECT.fullmatch(filled):
            raise InvalidSettings(f"subject: {self.subject!r} is none that can be published to")
        if (self.user is None) != (self.password is None):
            raise InvalidSettings("user and password are given together")
        if self.user is not None and self.token is not None:
            raise InvalidSettings("there is a user or a token, not both")
        if not 0 < self.timeout_seconds <= _TIMEOUT_SECONDS_MAX:
            raise InvalidSettings(f"timeout_seconds is not between 0 and {_TIMEOUT_SECONDS_MAX:g}")

    @property
    def addresses(self) -> list[str]:
        return [each.strip() for each in self.servers.split(",") if each.strip()]

    @property
    def has_tls(self) -> bool:
        return any(_scheme(address) == _TLS for address in self.addresses)


def _scheme(address: str) -> str:
    try:
        url = urlsplit(address)
        is_address = url.scheme in ("nats", _TLS) and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in url.netloc or url.path:
        raise InvalidSettings(f"servers: {address!r} is not nats:// or tls://, a host and a port")
    return url.scheme


class _Line:
    """A connection, and the acknowledgements that come over it.

    nats-py's own `publish_async` never tells of a message that a stream refuses.
    lost: set once the connection is gone. trouble: what the server has said last.
    """

    def __init__(self) -> None:
        self.client: Any = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.trouble = ""
        self._inbox = ""
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._count = 0

    async def open(self, client: Any, **options: Any) -> None:
        """Connect a client of nats-py's, and raise what that raises."""
        self.client = client
        try:
            await client.connect(error_cb=self._note_error, closed_cb=self._note_loss, **options)
        except BaseException:
            await self.close()  # there is a socket by now, perhaps
            raise
        self._inbox = self.client.new_inbox()
        await self.client.subscribe(f"{self._inbox}.*", cb=self._note_answer)

    async def close(self) -> None:
        """Let go of the connection."""
        # The socket is closed at once; after a failed handshake nobody says that it is, so that
        # nats-py would wait for ever.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS_MAX):
                await self.client.close()

    async def publish(self, subject: str, body: bytes, change_id: str) -> asyncio.Future[Any]:
        """Publish a message; the answer that is to come is JetStream's, as JSON."""
        self._count += 1
        name = str(self._count)
        answer = self._waiting[name] = asyncio.get_running_loop().create_future()
        headers = {_ID: change_id}
        await self.client.publish(subject, body, reply=f"{self._inbox}.{name}", headers=headers)
        return answer

    async def _note_answer(self, message: Any) -> None:
        answer = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if answer is None or answer.done():
            return
        is_nobody = (message.headers or {}).get("Status") == _NO_RESPONDERS
        answer.set_result({"error": _NOBODY} if is_nobody else orjson.loads(message.data))

    async def _note_error(self, error: Exception) -> None:
        self.trouble = str(error)

    async def _note_loss(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


class NatsWriter:
    """`Writer` of NATS."""

    def __init__(self, opening: Opening, library: ModuleType, trusted: ssl.SSLContext) -> None:
        self._settings: NatsSettings = opening.settings
        self._name = f"headwater {opening.sink.name}"
        self._subject = self._settings.subject.replace("{table}", opening.sink.table_name)
        self._nats = library
        self._trusted = trusted
        self._line: _Line | None = None
        self._connecting = asyncio.Lock()

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        line = await self._connected()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._published(line, batch.changes)
        except TimeoutError as error:
            await line.close()
            trouble = line.trouble or "nothing came in time"
            raise SinkUnavailable(f"NATS does not acknowledge: {trouble}") from error
        except self._nats.errors.Error as error:
            await line.close()
            raise SinkUnavailable(f"NATS: {error}") from error

    async def close(self) -> None:
        if self._line is not None:
            await self._line.close()

    async def _published(self, line: _Line, changes: Sequence[Change]) -> list[Rejected]:
        rejected: list[Rejected] = []
        answers: dict[int, asyncio.Future[Any]] = {}
        for index, change in enumerate(changes):
            body = dumps(outcome(change))
            if len(body) + KB > line.client.max_payload:  # its header has a few dozen
                rejected.append(Rejected(index, "The message is larger than NATS takes."))
                continue
            subject = self._subject.replace("{event}", change.event.value)
            answers[index] = await line.publish(subject, body, change.id)
        for index, answer in zip(answers, await _unless_lost(line, answers), strict=True):
            error = answer.get("error")
            if error is None:
                continue
            if error.get("err_code") != _TOO_LARGE_FOR_STREAM:
                raise SinkUnavailable(f"NATS: {error.get('description')} ({self._subject})")
            rejected.append(Rejected(index, "The message is larger than the stream takes."))
        return rejected

    async def _connected(self) -> _Line:
        async with self._connecting:
            if self._line is None or self._line.lost.done():
                self._line = await self._connect()
            return self._line

    async def _connect(self) -> _Line:
        settings = self._settings
        line = _Line()
        try:
            await line.open(
                self._nats.NATS(),
                servers=settings.addresses,
                name=self._name,
                allow_reconnect=False,
                max_reconnect_attempts=_TRIES_MAX,
                reconnect_time_wait=0,
                connect_timeout=sink_connect_seconds_max,
                user=settings.user,
                password=settings.password,
                token=settings.token,
                tls=self._trusted if settings.has_tls else None,
            )
        except (self._nats.errors.Error, OSError, TimeoutError) as error:
            # That there is no server says nothing; why each of them failed, was said before.
            is_vague = isinstance(error, self._nats.errors.NoServersError)
            raise _failure(error, line.trouble if is_vague else str(error)) from error
        return line


async def _unless_lost(line: _Line, awaited: Mapping[int, asyncio.Future[Any]]) -> list[Any]:
    """What was awaited, in its order. Raises SinkUnavailable."""
    answers = asyncio.gather(*awaited.values())
    either: set[asyncio.Future[Any]] = {answers, line.lost}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if answers.done():
        return answers.result()
    answers.cancel()
    raise SinkUnavailable(f"NATS has gone. {line.trouble}".rstrip())


def _failure(error: Exception, reason: str) -> SinkBroken | SinkUnavailable:
    """What follows of a connection that could not be made."""
    told = f"NATS cannot be reached: {reason or type(error).__name__}"
    is_hopeless = "authorization" in told.lower() or isinstance(error, ssl.SSLCertVerificationError)
    return SinkBroken(told) if is_hopeless else SinkUnavailable(told)


async def _library() -> ModuleType:
    """Raises InvalidSettings if it is not installed."""
    return await asyncio.to_thread(required, "nats", _EXTRA)


async def _open(opening: Opening) -> Writer:
    return NatsWriter(opening, await _library(), await trust(opening.settings.ca))


async def _check(settings: NatsSettings, around: Surroundings) -> None:
    del around
    await _library()
    await trust(settings.ca)


KIND: Final = Kind(
    "nats",
    "A message for each change, kept by a stream of NATS JetStream.",
    NatsSettings,
    _open,
    Pace(500, 2000, 1024 * KB, 0.0),
    _check,
)
