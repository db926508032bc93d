"""How a refusal is expected: an error's code and, where AWS's is known, its exact text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

# What many of DynamoDB's texts start with.
VALUES = "One or more parameter values were invalid: "


class Refusal:
    """The error that came, readable once the block has ended."""

    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body["Error"].get("Message", ""))


@contextmanager
def refused(code: str, message: str | None = None) -> Iterator[Refusal]:
    """Expect the call inside to fail with this code and, if a text is given, exactly that text."""
    refusal = Refusal()
    with pytest.raises(ClientError) as caught:
        yield refusal
    refusal.body = caught.value.response
    assert (refusal.body["Error"]["Code"], refusal.message) == (
        code,
        refusal.message if message is None else message,
    )


def invalid(message: str | None = None) -> Any:
    """Expect a ValidationException."""
    return refused("ValidationException", message)


def missing(message: str = "Requested resource not found") -> Any:
    """Expect a ResourceNotFoundException."""
    return refused("ResourceNotFoundException", message)


def fault(value: object, place: str, constraint: str) -> str:
    """The text of a single member that breaks a constraint of the model."""
    return (
        f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy "
        f"constraint: {constraint}"
    )


def at_least(number: int) -> str:
    return f"Member must have value greater than or equal to {number}"


def at_most(number: int) -> str:
    return f"Member must have value less than or equal to {number}"
