"""Versions of items: their order, their stored form."""

from __future__ import annotations

import pytest

from headwater.tables import version as versions
from headwater.tables.version import Version

NOW = 1_700_000_000_000_000


def test_stored_form_is_pinned() -> None:
    stored = versions.encode(Version(NOW, "eu-west-1"))

    assert stored == bytes.fromhex("00060a24181e4000") + b"eu-west-1"
    assert versions.decode(stored) == Version(NOW, "eu-west-1")


@pytest.mark.parametrize(
    ("stored", "following"),
    [
        (None, NOW),
        (Version(NOW - 1, "us-east-1"), NOW),
        (Version(NOW, "us-east-1"), NOW + 1),
        (Version(NOW + 5_000_000, "us-east-1"), NOW + 5_000_001),
    ],
    ids=["first", "over an earlier", "in the same microsecond", "over one of a fast clock"],
)
def test_write_comes_after_what_it_replaces(stored: Version | None, following: int) -> None:
    before = None if stored is None else versions.encode(stored)

    version = versions.following(before, NOW, "eu-west-1")

    assert version == Version(following, "eu-west-1")
    assert stored is None or version > stored


def test_item_without_a_version_is_older_than_any() -> None:
    present = versions.present(None, has_item=True, region="us-east-1")

    assert present is not None
    assert present < versions.following(None, 1, "a")


def test_what_never_was_has_no_version() -> None:
    assert versions.present(None, has_item=False, region="us-east-1") is None


def test_tombstone_has_the_version_of_its_deletion() -> None:
    stored = versions.encode(Version(NOW, "eu-west-1"))

    present = versions.present(stored, has_item=False, region="us-east-1")

    assert present == Version(NOW, "eu-west-1")
