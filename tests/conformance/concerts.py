"""A table of concerts whose global indexes have keys of several attributes, for two test files.

Its index `places` has the partition key country and city and the sort key year (a number), day (a
number) and hall (binary), and projects everything; `halls` has a partition key of four attributes
and projects the title; `keys` has one partition and two sort attributes and projects keys only.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.definition import Definition, attributes

TYPES = (("pk", "S"), ("country", "S"), ("city", "S"), ("year", "N"), ("day", "N"), ("hall", "B"))
KEYS = ("country", "city", "year", "day", "hall")


def schema(partition: tuple[str, ...], sort: tuple[str, ...] = ()) -> list[Definition]:
    """A KeySchema with several attributes of each kind."""
    return [{"AttributeName": name, "KeyType": "HASH"} for name in partition] + [
        {"AttributeName": name, "KeyType": "RANGE"} for name in sort
    ]


def several(name: str, keys: list[Definition], **projection: Any) -> Definition:
    return {
        "IndexName": name,
        "KeySchema": keys,
        "Projection": projection or {"ProjectionType": "ALL"},
    }


PLACES = several("places", schema(("country", "city"), ("year", "day", "hall")))
CONCERTS: Definition = {
    **attributes(*TYPES),
    "GlobalSecondaryIndexes": [
        PLACES,
        several(
            "halls",
            schema(("city", "country", "year", "day")),
            ProjectionType="INCLUDE",
            NonKeyAttributes=["title"],
        ),
        several("keys", schema(("country",), ("day", "year")), ProjectionType="KEYS_ONLY"),
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


def concert(key: str, number: int, time: str = "1/2", hall: bytes = b"a") -> dict[str, Any]:
    """An item; its country is the test's own key. time: year and day."""
    year, _, day = time.partition("/")
    return {
        "pk": {"S": f"{key}{number}"},
        "country": {"S": key},
        "city": {"S": "Bern"},
        "year": {"N": year},
        "day": {"N": day},
        "hall": {"B": hall},
    }


def without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}
