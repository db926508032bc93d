"""How a refusal is expected: an error's code and, where AWS's is known, its exact text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

T = TypeVar("T")
_TRIES_MAX = 100
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


def met_in_passing(begin: Callable[[], T], act: Callable[[T], object]) -> tuple[str, str]:
    """The code and the text of the error that an act meets in a state that passes by itself.

    begin: brings the state about; does so anew, for something else, when the act came too late.
    """
    for _ in range(_TRIES_MAX):
        begun = begin()
        try:
            act(begun)
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return pytest.fail("the state had always passed, or is not minded")


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
