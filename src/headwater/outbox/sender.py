"""What sends messages to one kind of destination, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headwater.outbox.message import Message, service_of


class SendFailed(Exception):
    """The destination does not have the message; it will be tried again."""


class Sender(Protocol):
    """Sends to the destinations of one service."""

    def refusal(self, destination: str) -> str | None:
        """Why nothing can ever be sent to this ARN here, or None if it can be tried."""

    async def send(self, message: Message) -> None:
        """Return once the destination has the message. Raises SendFailed.

        The same message may be sent again after a crash.
        """


class Senders:
    """A sender for each service, by the name that ARNs have for it."""

    def __init__(self, by_service: Mapping[str, Sender]) -> None:
        self._by_service = by_service

    def refusal(self, destination: str) -> str | None:
        sender = self._by_service.get(service_of(destination))
        if sender is None:
            return f"{destination} is no destination that Headwater can send to"
        return sender.refusal(destination)

    async def send(self, message: Message) -> None:
        sender = self._by_service.get(message.service)
        if sender is None:  # this server is configured otherwise than the one that took it
            raise SendFailed(f"there is no sender for {message.service or 'what is no ARN'}")
        await sender.send(message)
