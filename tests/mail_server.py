"""A mail server: aiosmtpd, which keeps what it is given and answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "headwater", "pass word"


@dataclass
class Mailbox:
    """What has come. answers: to the end of each mail, in turn, instead of taking it.

    nobody: recipients that are refused, with an answer each.
    """

    mails: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    nobody: dict[str, str] = field(default_factory=dict)
    port: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)

    def read(self) -> list[EmailMessage]:
        found = [message_from_bytes(mail, policy=policy.default) for mail in self.mails]
        return [each for each in found if isinstance(each, EmailMessage)]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.nobody:
            return self.nobody[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.original_content, bytes)
        self.mails.append(envelope.original_content)
        self.recipients.append(list(envelope.rcpt_tos))
        self.users.append(str(session.auth_data or ""))
        self.arrived.set()
        return "250 OK"


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    del server, session, envelope, mechanism
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False, auth_data=USER)


@contextmanager
def mail_server(
    certificate: ssl.SSLContext | None = None, *, is_tls: bool = False, **more: Any
) -> Iterator[Mailbox]:
    """A server on a free port, in a thread. certificate: for STARTTLS, or for TLS at once.

    more: of aiosmtpd's `SMTP`.
    """
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        upgrade = None if is_tls else certificate
        options = {"authenticator": _authenticate, "hostname": "localhost", **more}
        return SMTP(mailbox, tls_context=upgrade, loop=loop, **options)

    listening = loop.create_server(protocol, "127.0.0.1", 0, ssl=certificate if is_tls else None)
    server = loop.run_until_complete(listening)
    mailbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
