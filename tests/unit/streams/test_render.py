from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams import render
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, encode
from headwater.streams.log import Stored
from headwater.streams.window import ViewType

SHARD = ShardId("shardId-00000001414576573621-f55eea83")
ARN = "arn:aws:dynamodb:us-west-2:000000000000:table/t/stream/2015-05-20T20:51:10.252"
KEYS = Image(b'{"id":{"S":"Fred"}}', 6)
OLD = Image(b'{"id":{"S":"Fred"}}', 6)
NEW = Image(b'{"id":{"S":"Fred"},"name":{"S":"Fr\\u00e9d"}}', 14)
IMAGES = {Kind.INSERT: (OLD, NO_IMAGE), Kind.MODIFY: (NEW, OLD), Kind.REMOVE: (NO_IMAGE, OLD)}


def stored(kind: Kind, *, number: int = 7, by_service: bool = False, origin: str = "") -> Stored:
    new, old = IMAGES[kind]
    entry = Entry(kind, 0, KEYS, new, old, by_service, origin)
    return Stored(SequenceNumber(number), encode(entry, 1_464_805_270_999_999))


def record(view: ViewType, entry: Stored) -> dict[str, Any]:
    style = render.record_style("us-west-2", view)
    (rendered,) = render.records(style, SHARD, [entry])
    decoded: dict[str, Any] = orjson.loads(rendered)
    return decoded


def test_record_has_the_members_of_the_api_in_order() -> None:
    rendered = record(ViewType.NEW_AND_OLD_IMAGES, stored(Kind.MODIFY))

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
    shown = record(view, stored(kind))["dynamodb"]

    assert {name for name in shown if name.endswith("Image")} == images
    assert shown["SizeBytes"] == size
    assert shown["StreamViewType"] == view


def test_event_id_is_the_same_at_every_reading_and_differs_between_records() -> None:
    first = record(ViewType.KEYS_ONLY, stored(Kind.INSERT))["eventID"]
    again = record(ViewType.NEW_IMAGE, stored(Kind.INSERT))["eventID"]
    other = record(ViewType.KEYS_ONLY, stored(Kind.INSERT, number=8))["eventID"]

    assert first == again != other
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")


def test_event_ids_of_two_shards_differ() -> None:
    style = render.record_style("us-west-2", ViewType.KEYS_ONLY)

    rendered = [
        render.records(style, ShardId(f"{SHARD[:-1]}{last}"), [stored(Kind.INSERT)])
        for last in "34"
    ]

    assert rendered[0] != rendered[1]


def test_region_with_a_percent_sign_is_shown_as_it_is() -> None:
    style = render.record_style("100%d", ViewType.KEYS_ONLY)

    (rendered,) = render.records(style, SHARD, [stored(Kind.INSERT)])

    assert orjson.loads(rendered)["awsRegion"] == "100%d"


@pytest.mark.parametrize(
    ("records", "framed"), [([], b"[]"), ([b"1"], b"[1]"), ([b"1", b"2", b"3"], b"[1,2,3]")]
)
def test_records_are_framed_as_an_array(records: list[bytes], framed: bytes) -> None:
    assert render.framed(b"[", records, b"]") == framed


def test_user_change_has_no_identity() -> None:
    assert "userIdentity" not in record(ViewType.KEYS_ONLY, stored(Kind.REMOVE))


def test_removal_by_the_service_says_so_in_the_apis_case() -> None:
    rendered = record(ViewType.KEYS_ONLY, stored(Kind.REMOVE, by_service=True))

    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert rendered["userIdentity"] == identity


def test_origin_of_a_replicated_change_is_not_shown() -> None:
    here = record(ViewType.NEW_IMAGE, stored(Kind.INSERT))
    replicated = record(ViewType.NEW_IMAGE, stored(Kind.INSERT, origin="eu-west-1"))

    assert here == replicated


def test_event_record_is_lambdas() -> None:
    style = render.event_style("us-west-2", ViewType.NEW_IMAGE, ARN)

    (rendered,) = render.records(style, SHARD, [stored(Kind.REMOVE, by_service=True)])

    event = orjson.loads(rendered)
    assert b'"ApproximateCreationDateTime":1464805270.0,' in rendered
    assert event["eventSourceARN"] == ARN
    assert list(event)[-2:] == ["userIdentity", "eventSourceARN"]
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert event["userIdentity"] == identity
