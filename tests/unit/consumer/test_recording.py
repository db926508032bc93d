"""Recordings: what is written is read, and what is none is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.consumer.recording import (
    NotARecording,
    Origin,
    attributes,
    head_line,
    lambda_event,
    load,
    on_the_wire,
    record_line,
)

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-11-28T09:00:00.000"
ORIGIN = Origin(
    ARN, [{"AttributeName": "pk", "KeyType": "HASH"}], "NEW_AND_OLD_IMAGES", None, 1_800_000_000.5
)
IDENTITY = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def raw(**more: Any) -> dict[str, Any]:
    """A record as boto3 gives it."""
    return {
        "eventID": "1",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": datetime.fromtimestamp(1_700_000_000, UTC),
            "Keys": {"pk": {"B": b"\xff"}},
            "NewImage": {
                "pk": {"B": b"\xff"},
                "deep": {"M": {"list": {"L": [{"BS": [b"a", b"b"]}, {"NULL": True}]}}},
            },
            "SequenceNumber": "100000000000000000001",
        },
        **more,
    }


def test_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    records = [on_the_wire(raw()), on_the_wire(raw(eventName="REMOVE"))]
    file = tmp_path / "orders.jsonl"
    file.write_bytes(head_line(ORIGIN) + b"".join(map(record_line, records)))

    recording = load(file)

    assert recording.origin == ORIGIN
    assert recording.records == records
    assert recording.event()["Records"][0]["eventSourceARN"] == ARN


def test_binary_survives_the_wire() -> None:
    image = raw()["dynamodb"]["NewImage"]

    wired = on_the_wire(raw())["dynamodb"]["NewImage"]

    assert wired["pk"] == {"B": "/w=="}
    assert attributes(wired) == image


def test_time_is_an_epoch_second_on_the_wire() -> None:
    assert on_the_wire(raw())["dynamodb"]["ApproximateCreationDateTime"] == 1_700_000_000


def test_event_does_not_capitalise_the_identity() -> None:
    (record,) = lambda_event([on_the_wire(raw(userIdentity=IDENTITY))], ARN)["Records"]

    assert record["userIdentity"] == {
        "principalId": "dynamodb.amazonaws.com",
        "type": "Service",
    }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "line 1: "),
        (b"[]\n", "line 1: this is no object"),
        (b'{"a": 1}\n', "is no recording of a stream; this reads version 1"),
        (b'{"HeadwaterRecording": 2}\n', "is of version 2; this reads version 1"),
        (b'{"HeadwaterRecording": 1}\n', "line 1: there is no 'StreamArn'"),
        (head_line(ORIGIN) + b"{", "line 2: "),
        (head_line(ORIGIN) + b'{"eventName": "OTHER"}', "line 2: this is no record"),
        (
            head_line(ORIGIN) + b'{"eventName": "INSERT", "dynamodb": {}}',
            "line 2: the record has no keys",
        ),
    ],
)
def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "wrong"
    file.write_bytes(content)

    with pytest.raises(NotARecording) as raised:
        load(file)

    assert text in str(raised.value)
    assert str(file) in str(raised.value)
