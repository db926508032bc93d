"""Mails made of changes by templates: the subject, a text, and the same as HTML if that is wanted.

Templates are Jinja2's. They see `sink`, `region`, `table` and `changes`, each change as it is
written elsewhere, and have the filter `json`. What is not there is nothing rather than an error, at
any depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from headwater.sinks.change import Change
from headwater.sinks.extras import required
from headwater.sinks.kind import SinkBroken
from headwater.sinks.transform import outcome

if TYPE_CHECKING:
    from headwater.sinks.templates import Template

SUBJECT: Final = (
    "{{ sink }}: {{ changes | length }} change{{ '' if changes | length == 1 else 's' }} "
    "of {{ table }}"
)
TEXT: Final = (
    "{% for change in changes %}"
    "{{ change.time }} {{ change.event }} {{ change.keys | json }}\n"
    "{% if change.new is not none %}    {{ change.new | json }}\n{% endif %}"
    "{% endfor %}"
)
_EXTRA: Final = "email"
_POLICY: Final = SMTP.clone(cte_type="7bit")  # which every server takes


@dataclass(frozen=True, slots=True)
class Texts:
    """Templates. html: None if there is none."""

    subject: str
    text: str
    html: str | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom: addresses, perhaps with names."""

    sender: str
    recipients: str


class Letters:
    """Makes mails."""

    def __init__(self, texts: Texts, envelope: Envelope, told: Mapping[str, str]) -> None:
        """told: what templates see beside changes. Raises InvalidSettings."""
        self._envelope = envelope
        self._told = told
        self._subject = _template("subject", texts.subject, is_html=False)
        self._text = _template("text", texts.text, is_html=False)
        self._html = None if texts.html is None else _template("html", texts.html, is_html=True)

    def write(self, message_id: str, now: float, changes: Sequence[Change]) -> bytes:
        """A mail with its headers. now: epoch second. Raises SinkBroken if a template fails."""
        from headwater.sinks.templates import TemplateFailed  # noqa: PLC0415 - see `_template`

        try:
            return self._written(message_id, now, changes)
        except TemplateFailed as error:
            raise SinkBroken(str(error)) from error

    def _written(self, message_id: str, now: float, changes: Sequence[Change]) -> bytes:
        seen = {**self._told, "changes": [outcome(change) for change in changes]}
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._envelope.sender
        message["To"] = self._envelope.recipients
        # A line break would end the header.
        message["Subject"] = " ".join(self._subject.fill(seen).split())
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is to answer by a machine
        message.set_content(self._text.fill(seen))
        if self._html is not None:
            message.add_alternative(self._html.fill(seen), subtype="html")
        return message.as_bytes()


def _template(name: str, text: str, *, is_html: bool) -> Template:
    """Raises InvalidSettings."""
    required("jinja2", _EXTRA)
    from headwater.sinks.templates import Template  # noqa: PLC0415 - it needs Jinja2

    return Template(name, text, is_html=is_html)
