from __future__ import annotations

import orjson

from headwater.limits import MB, peer_items_max, peer_request_bytes_max
from headwater.replication.link import End
from headwater.replication.message import Address
from headwater.replication.payload import bodies
from headwater.replication.receive import Arrival
from headwater.storage.keyspace import TableId
from headwater.tables.version import Version
from headwater.values import codec
from headwater.values.item import Item

ADDRESS = Address("music", End("us-east-1", TableId("a" * 36)), End("eu-west-1", TableId("b" * 36)))


def arrival(key: str, size: int = 0) -> Arrival:
    item: Item = {"k": {"S": key}, "v": {"S": "x" * size}}
    return Arrival(b"place", codec.encode(item, size), Version(7, "us-east-1"))


def test_nothing_makes_no_request() -> None:
    assert list(bodies(ADDRESS, [])) == []


def test_items_are_sent_as_they_are_stored_with_their_versions() -> None:
    gone = Arrival(b"\x00place", None, Version(8, "ap-south-1"))

    (body,) = bodies(ADDRESS, [arrival("a"), gone])

    assert orjson.loads(body) == {
        "Version": 1,
        "Name": "music",
        "From": {"Region": "us-east-1", "TableId": "a" * 36},
        "To": {"Region": "eu-west-1", "TableId": "b" * 36},
        "Items": [
            {"Time": 7, "Region": "us-east-1", "Item": {"k": {"S": "a"}, "v": {"S": ""}}},
            {"Time": 8, "Region": "ap-south-1", "Place": "AHBsYWNl"},
        ],
    }


def test_many_and_large_items_make_several_requests_in_order() -> None:
    arrivals = [arrival(str(number), size=MB // 3) for number in range(30)]
    arrivals += [arrival(str(number)) for number in range(30, 30 + peer_items_max)]

    sent = list(bodies(ADDRESS, arrivals))

    keys = [item["Item"]["k"]["S"] for body in sent for item in orjson.loads(body)["Items"]]
    assert keys == [str(number) for number in range(len(arrivals))]
    assert len(sent) == 4
    assert all(len(body) < peer_request_bytes_max + 1000 for body in sent)
