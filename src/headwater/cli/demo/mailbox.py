"""A mail server of the demo's own, which keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class Mailbox:
    """Mails as they came. port: of 127.0.0.1."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Called by aiosmtpd."""
        del server, session
        self.mails.append(envelope.original_content)
        return "250 OK"

    def lines(self) -> Iterator[str]:
        """The lines of all texts; of a mail that came twice once."""
        read = [message_from_bytes(mail, policy=policy.default) for mail in self.mails]
        for mail in {mail["Message-ID"]: mail for mail in read}.values():
            assert isinstance(mail, EmailMessage), "the policy makes these"
            yield from mail.get_content().splitlines()


@asynccontextmanager
async def listening() -> AsyncIterator[Mailbox]:
    """A mailbox with a server, which must be installed (`headwater[demo]`)."""
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - see above

    mailbox = Mailbox()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(mailbox, hostname="localhost", loop=loop)

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
