from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.consumers.delivery import (
    Answer,
    Batch,
    Delivered,
    Failed,
    Outcome,
    Partly,
    Window,
)
from headwater.mappings.response import ILLEGIBLE, REPORTED, STATELESS, outcome_of
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.log import Stored
from headwater.streams.shard import sequence_text
from headwater.streams.window import Stream, StreamStatus, ViewType

SHARD = ShardId(f"shardId-{0:020d}-00000000")
TABLE = TableId("00000000-0000-0000-0000-000000000001")
STREAM = Stream("r", "t", TABLE, "l", ViewType.KEYS_ONLY, StreamStatus.ENABLED, ("k",), 0.0)
ENTRIES = tuple(Stored(SequenceNumber(number), b"") for number in (5, 6, 7, 8))
ANSWER = Answer("id", 200, "$LATEST", None, 0.0)
WINDOW = Window(0, 60_000_000)


def read(payload: bytes, *, reports: bool = True, **changes: Any) -> Outcome:
    batch = Batch(STREAM, SHARD, ENTRIES, **changes)
    return outcome_of(batch, payload, ANSWER, reports_failures=reports)


def failures(*numbers: int) -> bytes:
    items = [{"itemIdentifier": sequence_text(number)} for number in numbers]
    return orjson.dumps({"batchItemFailures": items})


@pytest.mark.parametrize("payload", [b"", b"null", b"1", b"{", b'"no"', failures(6)])
def test_result_does_not_matter_to_a_mapping_that_asks_for_nothing(payload: bytes) -> None:
    assert read(payload, reports=False) == Delivered(ANSWER)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b'""',
        b"{}",
        b'{"batchItemFailures":null}',
        b'{"batchItemFailures":[]}',
        b'{"else":1}',
    ],
)
def test_nothing_reported_is_success(payload: bytes) -> None:
    assert read(payload) == Delivered(ANSWER)


@pytest.mark.parametrize(
    ("payload", "count"), [(failures(8), 3), (failures(7, 6), 1), (failures(8, 8), 3)]
)
def test_records_before_the_lowest_reported_are_delivered(payload: bytes, count: int) -> None:
    assert read(payload) == Partly(count, REPORTED, ANSWER)


def test_report_of_the_first_record_fails_the_batch() -> None:
    assert read(failures(7, 5)) == Failed(REPORTED, ANSWER)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"17",
        b"{",
        b'{"batchItemFailures":{}}',
        b'{"batchItemFailures":[1]}',
        b'{"batchItemFailures":[{}]}',
        b'{"batchItemFailures":[{"itemIdentifier":""}]}',
        b'{"batchItemFailures":[{"itemIdentifier":null}]}',
        b'{"batchItemFailures":[{"itemIdentifier":100000000000000000006}]}',
        b'{"batchItemFailures":[{"itemId":"100000000000000000006"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"one"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"%s"}]}' % (b"9" * 5000),
        failures(6, 9),
        failures(6, 4),
    ],
)
def test_report_that_names_no_items_of_the_batch_fails_it(payload: bytes) -> None:
    assert read(payload) == Failed(ILLEGIBLE, ANSWER)


@pytest.mark.parametrize("reports", [True, False])
def test_window_keeps_the_state_as_it_was_returned(reports: bool) -> None:
    payload = b'{"state":{"sum":123456789012345678901234567890,"e":1.5}}'

    outcome = read(payload, reports=reports, window=WINDOW)

    assert outcome == Delivered(ANSWER, b'{"sum":123456789012345678901234567890,"e":1.5}')


@pytest.mark.parametrize("payload", [b"", b"null", b"{}", b'{"state":null}', b'{"state":1}', b"[]"])
def test_window_without_a_state_has_failed(payload: bytes) -> None:
    assert read(payload, window=WINDOW) == Failed(STATELESS, ANSWER)


def test_close_of_a_window_needs_no_state() -> None:
    assert read(b"null", window=WINDOW, is_closing=True) == Delivered(ANSWER)


def test_part_of_a_window_that_is_delivered_has_its_state() -> None:
    payload = b'{"state":{"n":2},' + failures(7)[1:]

    assert read(payload, window=WINDOW) == Partly(2, REPORTED, ANSWER, b'{"n":2}')
