from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.consumers.delivery import Batch, Window
from headwater.mappings.event import FRAME_BYTES, Changes, Events
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import Stream, StreamStatus, ViewType

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252"
SHARD = ShardId("shardId-00000001414576573621-f55eea83")
TABLE = TableId("00000000-0000-0000-0000-000000000001")
images = st.builds(
    Image, st.text().map(lambda text: orjson.dumps({"a": {"S": text}})), st.integers(0, 2**32 - 1)
)
kinds = st.sampled_from([Kind.INSERT, Kind.MODIFY, Kind.REMOVE])


def logged(
    entry: Entry, number: int, view: ViewType | None = ViewType.NEW_AND_OLD_IMAGES
) -> Stored:
    place = Place(SequenceNumber(number), 10**15, view)
    return Stored(place.number, encode(entry, place))


def events(view: ViewType = ViewType.NEW_AND_OLD_IMAGES) -> Events:
    label = "2015-05-20T20:51:10.252"
    stream = Stream("us-east-1", "t", TABLE, label, view, StreamStatus.ENABLED, ("k",), 0.0)
    return Events(Changes(stream, ARN), ARN)


STREAM = Stream("us-east-1", "t", TABLE, "l", ViewType.KEYS_ONLY, StreamStatus.ENABLED, ("k",), 0.0)


def batch(stored: list[Stored], **changes: Any) -> Batch:
    return Batch(STREAM, SHARD, tuple(stored), **changes)


def test_event_holds_the_records_in_order() -> None:
    entry = Entry(Kind.INSERT, 0, Image(b"{}", 0), Image(b"{}", 0), NO_IMAGE)
    stored = [logged(entry, number) for number in (5, 6)]

    event = orjson.loads(events().event(batch(stored)))

    assert list(event) == ["Records"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    assert numbers == ["100000000000000000005", "100000000000000000006"]
    assert {record["eventSourceARN"] for record in event["Records"]} == {ARN}


@pytest.mark.parametrize(
    ("stored_state", "is_closing", "is_early"), [(b"", False, False), (b'{"n":3}', True, True)]
)
def test_event_of_a_window_says_where_it_stands(
    stored_state: bytes, is_closing: bool, is_early: bool
) -> None:
    window = Window(1_596_128_400_000_000, 1_596_128_700_000_000, stored_state)

    payload = events().event(batch([], window=window, is_closing=is_closing, is_early=is_early))

    assert list(orjson.loads(payload).items()) == [
        ("Records", []),
        ("window", {"start": "2020-07-30T17:00:00Z", "end": "2020-07-30T17:05:00Z"}),
        ("state", orjson.loads(stored_state or b"{}")),
        ("shardId", SHARD),
        ("eventSourceARN", ARN),
        ("isFinalInvokeForWindow", is_closing),
        ("isWindowTerminatedEarly", is_early),
    ]


@pytest.mark.parametrize("stored_for", [None, *ViewType])
@pytest.mark.parametrize("view", list(ViewType))
@given(changes=st.lists(st.tuples(kinds, images, images, images, st.booleans()), min_size=1))
def test_sizes_are_never_too_small_and_hardly_too_large(
    view: ViewType,
    stored_for: ViewType | None,
    changes: list[tuple[Kind, Image, Image, Image, bool]],
) -> None:
    made = events(view)
    stored = []
    for kind, keys, new, old, by_service in changes:
        shown_new = NO_IMAGE if kind is Kind.REMOVE else new
        shown_old = NO_IMAGE if kind is Kind.INSERT else old
        entry = Entry(kind, 0, keys, shown_new, shown_old, by_service)
        stored.append(logged(entry, 2**63, stored_for))

    payload = made.event(batch(stored))
    estimate = FRAME_BYTES + sum(made.records.size(each.entry) for each in stored)

    assert len(payload) <= estimate <= len(payload) + FRAME_BYTES
