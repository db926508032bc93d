"""Mails handed to an SMTP server, by the standard library; it blocks, so call it in a thread.

    answer                                             what follows
    -------------------------------------------------  ---------------------------------------------
    the mail is too large, or refused for its content  ParcelRefused
    no such user, sender or recipient; no TLS, where   SinkBroken: somebody has to change something
      it is asked for; a certificate of nobody's
    anything else                                      SinkUnavailable: the same again later

A mail that some recipients are refused for has reached the others, and is not sent again.
Source: RFC 5321, 4.2 "SMTP Replies"; RFC 3207; RFC 4954.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.parcels import ParcelRefused

_PERMANENT: Final = 500
_TOO_LARGE: Final = 552


class Security(StrEnum):
    none = "none"
    starttls = "starttls"
    tls = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed to, and as whom. hello: the name that this machine says it has.

    user: empty for none.
    """

    host: str
    port: int
    security: Security
    trusted: ssl.SSLContext
    timeout_seconds: float
    hello: str | None
    user: str = ""
    password: str = field(default="", repr=False)


def send(server: MailServer, sender: str, recipients: Sequence[str], mail: bytes) -> list[str]:
    """Hand a mail over; returns what is said of recipients who are refused, if not all are.

    sender, recipients: addresses alone. Raises ParcelRefused, SinkBroken, SinkUnavailable.
    """
    try:
        client = _connected(server)
        try:
            refused = client.sendmail(sender, recipients, mail)
        finally:
            with suppress(smtplib.SMTPException, OSError):  # what was taken stays taken
                client.quit()
            client.close()
    except (smtplib.SMTPException, OSError) as error:
        raise _meaning(error) from error
    return [f"{address}: {_words(*answer)}" for address, answer in refused.items()]


def _connected(server: MailServer) -> smtplib.SMTP:
    hello, seconds = server.hello, server.timeout_seconds
    client: smtplib.SMTP
    if server.security is Security.tls:
        client = smtplib.SMTP_SSL(
            server.host, server.port, hello, timeout=seconds, context=server.trusted
        )
    else:
        client = smtplib.SMTP(server.host, server.port, hello, seconds)
    try:
        if server.security is Security.starttls:
            client.starttls(context=server.trusted)
        if server.user:
            client.login(server.user, server.password)
    except BaseException:
        client.close()
        raise
    return client


def _meaning(error: Exception) -> ParcelRefused | SinkBroken | SinkUnavailable:
    """What follows of an error; see the module."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            told = "; ".join(
                f"{address}: {_words(*answer)}" for address, answer in error.recipients.items()
            )
            is_final = all(code >= _PERMANENT for code, _ in error.recipients.values())
            return SinkBroken(told) if is_final else SinkUnavailable(told)
        case smtplib.SMTPNotSupportedError() | ssl.SSLCertVerificationError():
            return SinkBroken(str(error))
        case smtplib.SMTPResponseException():
            return _meaning_of_reply(error)
        case _:
            return SinkUnavailable(f"The mail server cannot be reached: {error}")


def _meaning_of_reply(
    error: smtplib.SMTPResponseException,
) -> ParcelRefused | SinkBroken | SinkUnavailable:
    told = _words(error.smtp_code, error.smtp_error)
    if error.smtp_code < _PERMANENT:
        return SinkUnavailable(told)
    if isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_LARGE:
        return ParcelRefused(told)
    if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused):
        return SinkBroken(told)
    return SinkUnavailable(told)


def _words(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"The mail server says {code} {words}"
