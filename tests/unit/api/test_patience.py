"""Descriptions that wait for the end of a state that passes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from headwater.api.operation import Call
from headwater.api.patience import patient
from headwater.api.reply import Reply
from headwater.clock import ManualClock
from headwater.errors import ResourceNotFoundException


class Answers:
    """A handler that gives these answers in turn, and then the last for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, call: Call) -> Reply:
        del call
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return Reply.json(answer)


def ask(handler: Answers, operation: str) -> Any:
    return asyncio.run(_answered(handler, operation))


async def _answered(handler: Answers, operation: str) -> Any:
    clock = ManualClock()
    wrapped = patient({("dynamodb", operation): handler}, clock)["dynamodb", operation]
    call = Call("dynamodb", operation, "us-east-1", None, {}, "id", b"")
    task = asyncio.ensure_future(wrapped(call))
    while not task.done():
        await asyncio.sleep(0)
        clock.advance(0.001)
    return orjson.loads((await task).body)


def table(status: str) -> Any:
    return {"Table": {"TableStatus": status}}


@pytest.mark.parametrize("status", ["CREATING", "UPDATING"])
def test_a_state_that_passes_is_waited_out(status: str) -> None:
    handler = Answers(table(status), table(status), table("ACTIVE"))

    assert ask(handler, "DescribeTable") == table("ACTIVE")
    assert handler.asked == 3


def test_what_is_at_rest_is_looked_at_once() -> None:
    handler = Answers(table("ACTIVE"))

    ask(handler, "DescribeTable")

    assert handler.asked == 1


def test_a_state_that_lasts_is_shown_after_a_second() -> None:
    handler = Answers(table("CREATING"))

    assert ask(handler, "DescribeTable") == table("CREATING")
    assert handler.asked == 101


def test_what_is_gone_at_last_is_not_found() -> None:
    handler = Answers(table("DELETING"), ResourceNotFoundException("gone"))

    with pytest.raises(ResourceNotFoundException):
        ask(handler, "DescribeTable")


def test_one_destination_of_several_is_waited_for() -> None:
    def destinations(*statuses: str) -> Any:
        return {"KinesisDataStreamDestinations": [{"DestinationStatus": each} for each in statuses]}

    handler = Answers(destinations("DISABLED", "ENABLING"), destinations("DISABLED", "ACTIVE"))
    answer = ask(handler, "DescribeKinesisStreamingDestination")

    assert answer == destinations("DISABLED", "ACTIVE")


def test_other_operations_show_what_passes() -> None:
    handler = Answers({"TableDescription": {"TableStatus": "CREATING"}})

    ask(handler, "CreateTable")

    assert handler.asked == 1
