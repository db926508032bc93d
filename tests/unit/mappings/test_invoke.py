from __future__ import annotations

import asyncio

import pytest

from headwater.clock import ManualClock, SeededChance
from headwater.consumers.delivery import Batch, Delivered, Failed, Outcome, Throttled
from headwater.errors import ServiceError, ServiceException, TooManyRequestsException
from headwater.mappings.event import Changes, Events
from headwater.mappings.invoke import FunctionDestination, Outside
from headwater.mappings.mapping import (
    EventSourceMapping,
    Manner,
    MappingState,
    StartingPosition,
)
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType
from tests.mapped_functions import KeptFailures, NotedFunctions

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252"
MAPPING = EventSourceMapping(
    "us-east-1",
    "000000000000",
    "uuid",
    ARN,
    StartingPosition.LATEST,
    Manner("f"),
    MappingState.ENABLED,
    0.0,
)
STREAM = Stream(
    "us-east-1",
    "t",
    TableId("00000000-0000-0000-0000-000000000001"),
    "2015-05-20T20:51:10.252",
    ViewType.NEW_IMAGE,
    StreamStatus.ENABLED,
    ("k",),
    0.0,
)


def delivered(functions: NotedFunctions) -> tuple[Outcome, list[str]]:
    """The outcome of delivering one record, and what was reported."""
    reported: list[str] = []

    async def report(result: str) -> None:
        reported.append(result)

    image = Image(b'{"k":{"S":"a"}}', 2)
    place = Place(SequenceNumber(1), 10**15, STREAM.view)
    entry = encode(Entry(Kind.INSERT, 0, image, image, NO_IMAGE), place)
    shard = ShardId("shardId-00000001414576573621-f55eea83")
    batch = Batch(STREAM, shard, (Stored(place.number, entry),))
    outside = Outside(functions, KeptFailures(), ManualClock(), SeededChance(1))
    destination = FunctionDestination(MAPPING, Events(Changes(STREAM, ARN), ARN), outside, report)
    return asyncio.run(destination.deliver(batch)), reported


def test_function_that_returned_has_the_batch() -> None:
    functions = NotedFunctions()

    outcome, reported = delivered(functions)

    assert isinstance(outcome, Delivered)
    assert reported == ["OK"]
    assert functions.numbers() == [1]


def test_function_that_failed_has_not() -> None:
    outcome, reported = delivered(NotedFunctions(faults=["Unhandled"]))

    assert isinstance(outcome, Failed)
    assert reported == ["PROBLEM: Function call failed"]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (TooManyRequestsException(), "PROBLEM: Function call was throttled"),
        (ServiceException("no worker"), "PROBLEM: Function call failed"),
    ],
)
def test_function_that_was_not_run_is_tried_again(fault: ServiceError, text: str) -> None:
    outcome, reported = delivered(NotedFunctions(faults=[fault]))

    assert isinstance(outcome, Throttled)
    assert reported == [text]


def test_function_that_is_gone_is_tried_again() -> None:
    outcome, reported = delivered(NotedFunctions(names=set()))

    assert isinstance(outcome, Throttled)
    assert reported == ["PROBLEM: Function not found"]
