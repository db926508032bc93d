from __future__ import annotations

import pytest

from headwater.storage.keyspace import TableId
from headwater.streams import window
from headwater.streams.window import Stream, StreamStatus, ViewType

STREAM = Stream(
    "eu-west-1",
    "Orders",
    TableId("00000000-0000-0000-0000-000000000001"),
    "2023-11-14T22:13:20.123",
    ViewType.NEW_IMAGE,
    StreamStatus.ENABLED,
    ("pk", "sk"),
    1_700_000_000.123,
)


@pytest.mark.parametrize(
    ("created_at", "label"),
    [
        (1_432_155_070.252, "2015-05-20T20:51:10.252"),
        (1_700_000_000.0, "2023-11-14T22:13:20.000"),
        (1_700_000_000.9996, "2023-11-14T22:13:20.999"),
    ],
)
def test_label_is_the_time_in_utc_to_the_millisecond(created_at: float, label: str) -> None:
    assert window.label(created_at) == label


def test_arn_names_table_and_label() -> None:
    arn = STREAM.arn("000000000000")

    assert arn == (
        "arn:aws:dynamodb:eu-west-1:000000000000:table/Orders/stream/2023-11-14T22:13:20.123"
    )


def test_stream_comes_back_from_its_bytes() -> None:
    assert window.decode(window.encode(STREAM)) == STREAM


def test_stored_form_is_pinned() -> None:
    assert window.encode(STREAM) == (
        b'{"region":"eu-west-1","table_name":"Orders",'
        b'"table_id":"00000000-0000-0000-0000-000000000001","label":"2023-11-14T22:13:20.123",'
        b'"view":"NEW_IMAGE","status":"ENABLED","keys":["pk","sk"],'
        b'"created_at":1700000000.123,"disabled_at":null,"is_whole":false,"iterators_since_ms":0}'
    )


def test_stream_stored_before_streams_could_expire_iterators_is_read() -> None:
    assert (
        window.decode(
            window.encode(STREAM).replace(b',"is_whole":false,"iterators_since_ms":0', b"")
        )
        == STREAM
    )
