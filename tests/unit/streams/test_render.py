from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import render
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place, encode
from headwater.streams.log import Stored
from headwater.streams.window import ViewType

SHARD = ShardId("shardId-00000001414576573621-f55eea83")
ARN = "arn:aws:dynamodb:us-west-2:000000000000:table/t/stream/2015-05-20T20:51:10.252"
KEYS = Image(b'{"id":{"S":"Fred"}}', 6)
OLD = Image(b'{"id":{"S":"Fred"}}', 6)
NEW = Image(b'{"id":{"S":"Fred"},"name":{"S":"Fr\\u00e9d"}}', 14)
IMAGES = {Kind.INSERT: (OLD, NO_IMAGE), Kind.MODIFY: (NEW, OLD), Kind.REMOVE: (NO_IMAGE, OLD)}


def change(kind: Kind, *, by_service: bool = False, origin: str = "") -> Entry:
    new, old = IMAGES[kind]
    return Entry(kind, 0, KEYS, new, old, by_service, origin)


def stored(view: ViewType | None, entry: Entry, number: int = 7) -> bytes:
    return encode(entry, Place(SequenceNumber(number), 1_464_805_270_999_999, view))


def logged(view: ViewType | None, entry: Entry) -> Stored:
    return Stored(SequenceNumber(7), stored(view, entry))


def page(
    stored: list[bytes], *, region: str = "us-west-2", shard: ShardId = SHARD
) -> list[dict[str, Any]]:
    answer = render.record_page(render.record_middle(region), shard, stored, b'],"Last":1}')
    decoded = orjson.loads(answer)
    assert list(decoded) == ["Records", "Last"]
    records: list[dict[str, Any]] = decoded["Records"]
    return records


def record(view: ViewType, entry: Entry, number: int = 7) -> dict[str, Any]:
    (only,) = page([stored(view, entry, number)])
    return only


def test_record_has_the_members_of_the_api_in_order() -> None:
    rendered = record(ViewType.NEW_AND_OLD_IMAGES, change(Kind.MODIFY))

    assert list(rendered) == [
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
    ]
    assert rendered["dynamodb"] == {
        "ApproximateCreationDateTime": 1_464_805_270,
        "Keys": {"id": {"S": "Fred"}},
        "NewImage": {"id": {"S": "Fred"}, "name": {"S": "Fréd"}},
        "OldImage": {"id": {"S": "Fred"}},
        "SequenceNumber": "100000000000000000007",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    assert (rendered["eventName"], rendered["eventVersion"]) == ("MODIFY", "1.1")
    assert (rendered["eventSource"], rendered["awsRegion"]) == ("aws:dynamodb", "us-west-2")


@pytest.mark.parametrize(
    ("view", "kind", "images", "size"),
    [
        (ViewType.KEYS_ONLY, Kind.INSERT, set(), 6),
        (ViewType.KEYS_ONLY, Kind.MODIFY, set(), 6),
        (ViewType.KEYS_ONLY, Kind.REMOVE, set(), 6),
        (ViewType.NEW_IMAGE, Kind.INSERT, {"NewImage"}, 12),
        (ViewType.NEW_IMAGE, Kind.MODIFY, {"NewImage"}, 20),
        (ViewType.NEW_IMAGE, Kind.REMOVE, set(), 6),
        (ViewType.OLD_IMAGE, Kind.INSERT, set(), 6),
        (ViewType.OLD_IMAGE, Kind.MODIFY, {"OldImage"}, 12),
        (ViewType.OLD_IMAGE, Kind.REMOVE, {"OldImage"}, 12),
        (ViewType.NEW_AND_OLD_IMAGES, Kind.INSERT, {"NewImage"}, 12),
        (ViewType.NEW_AND_OLD_IMAGES, Kind.MODIFY, {"NewImage", "OldImage"}, 26),
        (ViewType.NEW_AND_OLD_IMAGES, Kind.REMOVE, {"OldImage"}, 12),
    ],
)
def test_view_type_decides_images_and_size(
    view: ViewType, kind: Kind, images: set[str], size: int
) -> None:
    shown = record(view, change(kind))["dynamodb"]

    assert {name for name in shown if name.endswith("Image")} == images
    assert shown["SizeBytes"] == size
    assert shown["StreamViewType"] == view


def test_event_id_is_the_same_at_every_reading_and_differs_between_records() -> None:
    first = record(ViewType.KEYS_ONLY, change(Kind.INSERT))["eventID"]
    again = record(ViewType.NEW_IMAGE, change(Kind.INSERT))["eventID"]
    other = record(ViewType.KEYS_ONLY, change(Kind.INSERT), number=8)["eventID"]

    assert first == again != other
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")


def test_event_ids_of_two_shards_differ() -> None:
    entry = stored(ViewType.KEYS_ONLY, change(Kind.INSERT))

    first, other = [page([entry], shard=ShardId(f"{SHARD[:-1]}{last}")) for last in "34"]

    assert first[0]["eventID"] != other[0]["eventID"]


def test_event_id_can_be_told_and_read() -> None:
    shown = record(ViewType.KEYS_ONLY, change(Kind.INSERT), number=2**64 - 1)["eventID"]

    assert shown == render.event_id(SHARD, 2**64 - 1)
    assert render.number_in_event_id(shown) == 2**64 - 1


def test_region_is_shown_as_json() -> None:
    (shown,) = page([stored(ViewType.KEYS_ONLY, change(Kind.INSERT))], region='100%d"')

    assert shown["awsRegion"] == '100%d"'


def test_page_has_its_records_in_order_whoever_made_them() -> None:
    made = [change(Kind.INSERT), change(Kind.REMOVE, by_service=True), change(Kind.MODIFY)]
    stored_entries = [stored(ViewType.NEW_IMAGE, each, at) for at, each in enumerate(made)]

    shown = page(stored_entries)

    assert shown == [record(ViewType.NEW_IMAGE, each, at) for at, each in enumerate(made)]
    assert [each["eventName"] for each in shown] == ["INSERT", "REMOVE", "MODIFY"]


def test_empty_page_has_no_records() -> None:
    assert page([]) == []


@pytest.mark.parametrize(
    ("records", "framed"), [([], b"[]"), ([b"1"], b"[1]"), ([b"1", b"2", b"3"], b"[1,2,3]")]
)
def test_records_are_framed_as_an_array(records: list[bytes], framed: bytes) -> None:
    assert render.framed(b"[", records, b"]") == framed


def test_user_change_has_no_identity() -> None:
    assert "userIdentity" not in record(ViewType.KEYS_ONLY, change(Kind.REMOVE))


def test_removal_by_the_service_says_so_in_the_apis_case() -> None:
    rendered = record(ViewType.KEYS_ONLY, change(Kind.REMOVE, by_service=True))

    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert rendered["userIdentity"] == identity


def test_origin_of_a_replicated_change_is_not_shown() -> None:
    here = record(ViewType.NEW_IMAGE, change(Kind.INSERT))
    replicated = record(ViewType.NEW_IMAGE, change(Kind.INSERT, origin="eu-west-1"))

    assert here == replicated


@pytest.mark.parametrize("stored_for", [None, *ViewType])
@pytest.mark.parametrize("by_service", [False, True])
@pytest.mark.parametrize("view", list(ViewType))
def test_event_shows_a_view_whatever_the_entry_is_stored_for(
    view: ViewType, by_service: bool, stored_for: ViewType | None
) -> None:
    style = render.event_style("us-west-2", view, ARN)
    entry = change(Kind.MODIFY, by_service=by_service)

    (event,) = map(orjson.loads, render.events(style, SHARD, [logged(stored_for, entry)]))

    shown = record(view, entry)
    for each in (event, shown):
        each.pop("eventSourceARN", None)
        assert bool(each.pop("userIdentity", None)) is by_service
    assert event == shown


def test_event_record_is_lambdas() -> None:
    style = render.event_style("us-west-2", ViewType.NEW_IMAGE, ARN)
    removal = change(Kind.REMOVE, by_service=True)

    (rendered,) = render.events(style, SHARD, [logged(ViewType.NEW_IMAGE, removal)])

    event = orjson.loads(rendered)
    assert b'"ApproximateCreationDateTime":1464805270.0,' in rendered
    assert event["eventSourceARN"] == ARN
    assert list(event)[-2:] == ["userIdentity", "eventSourceARN"]
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert event["userIdentity"] == identity
