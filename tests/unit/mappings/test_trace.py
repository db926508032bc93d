from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from headwater.consumers.delivery import Answer, Delivered, Failed, GivenUp, Reason, Throttled
from headwater.consumers.observer import Dropped, Ended, Happening, Read
from headwater.mappings.trace import BatchTrace
from headwater.streams.shard import sequence_text
from tests.stream_batches import SHARD, START, batch, record


def traced(*happenings: Happening) -> list[dict[str, Any]]:
    trace = BatchTrace("uuid")
    with capture_logs() as logs:
        for happening in happenings:
            trace.note(happening)
    return [dict(line) for line in logs]


def test_delivery_is_told_where_it_lies_and_how_it_went() -> None:
    failed = Failed("no", Answer("id", 200, "7", "Unhandled", START + 0.5))

    (line,) = traced(Ended(3, batch([1, 2], deliveries=1), failed, START + 1, START + 2))

    assert line == {
        "event": "batch_delivered",
        "log_level": "info",
        "mapping": "uuid",
        "shard": SHARD,
        "attempt": 3,
        "records": 2,
        "first": sequence_text(1),
        "last": sequence_text(2),
        "deliveries_before": 1,
        "window_closed": False,
        "at": START + 1,
        "next_at": START + 2,
        "outcome": "Failed",
        "reason": "no",
        "request_id": "id",
        "version": "7",
        "error": "Unhandled",
        "started_at": START + 0.5,
    }


def test_delivery_without_an_answer_tells_of_none() -> None:
    throttled, delivered = traced(
        Ended(1, batch([1]), Throttled("busy"), START, START + 1),
        Ended(2, batch([]), Delivered(), START, None),
    )

    assert (throttled["outcome"], throttled["reason"]) == ("Throttled", "busy")
    assert "request_id" not in throttled
    assert (delivered["outcome"], delivered["records"]) == ("Delivered", 0)
    assert "first" not in delivered


def test_what_is_given_up_is_told_with_its_reason() -> None:
    (line,) = traced(Dropped(GivenUp(batch([1], 4), Reason.AGE, None), START))

    told = (line["event"], line["records"], line["deliveries_before"], line["reason"])
    assert told == ("batch_given_up", 1, 4, "RecordAgeExceeded")


def test_reading_is_not_told() -> None:
    assert traced(Read(SHARD, [record(1)], [])) == []
