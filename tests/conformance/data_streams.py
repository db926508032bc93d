"""Data streams that tests make, wait for and leave; and what a client was refused with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

LOOKS_MAX = 5000


class Refusal(NamedTuple):
    """An error's code and text."""

    code: str
    text: str


def refusal(operation: Callable[..., Any], **asked: Any) -> Refusal:
    """How a call is refused; fails if it is not."""
    with pytest.raises(ClientError) as caught:
        operation(**asked)
    told = caught.value.response["Error"]
    return Refusal(told["Code"], told["Message"])


class DataStreams:
    """Makes streams that are active, and deletes them in the end."""

    def __init__(self, client: Any, unique_name: Callable[[str], str]) -> None:
        self._client = client
        self._unique_name = unique_name
        self._made: set[str] = set()

    def make(self, name: str | None = None, **asked: Any) -> str:
        """Make a stream; returns its name once it is active."""
        name = name or self._unique_name("stream")
        self._client.create_stream(StreamName=name, **asked)
        self._made.add(name)
        self.wait(name)
        return name

    def arn(self, name: str) -> str:
        return str(self._summary(name)["StreamARN"])

    def wait(self, name: str) -> None:
        """Return once the stream is active again."""
        for _ in range(LOOKS_MAX):
            if self._summary(name)["StreamStatus"] == "ACTIVE":
                return
        raise AssertionError(f"{name} does not become active")

    def wait_until_gone(self, name: str) -> None:
        for _ in range(LOOKS_MAX):
            try:
                self._summary(name)
            except self._client.exceptions.ResourceNotFoundException:
                self._made.discard(name)
                return
        raise AssertionError(f"{name} does not go")

    def active_consumer(self, arn: str) -> dict[str, Any]:
        """A registered consumer once it is active."""
        for _ in range(LOOKS_MAX):
            described = self._client.describe_stream_consumer(ConsumerARN=arn)
            consumer: dict[str, Any] = described["ConsumerDescription"]
            if consumer["ConsumerStatus"] == "ACTIVE":
                return consumer
        raise AssertionError(f"{arn} does not become active")

    def delete_all(self) -> None:
        for name in self._made:
            with suppress(ClientError):
                self._client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)

    def _summary(self, name: str) -> dict[str, Any]:
        found = self._client.describe_stream_summary(StreamName=name)
        summary: dict[str, Any] = found["StreamDescriptionSummary"]
        return summary
