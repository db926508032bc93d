from __future__ import annotations

from dataclasses import replace

from headwater.replication.link import End, Link
from headwater.replication.tombstones import horizons
from headwater.storage.keyspace import TableId

RETENTION_US = 100
EAST, WEST, SOUTH = (
    End("us-east-1", TableId("a" * 36)),
    End("eu-west-1", TableId("b" * 36)),
    End("ap-south-1", TableId("c" * 36)),
)


def link(source: End, target: End, sound_us: int = 1000) -> Link:
    return Link("music", source, target, "label", True, False, sound_us)


def remote(source: End, target: End, heard_us: int | None) -> Link:
    return replace(link(source, target), is_remote=True, heard_us=heard_us)


def test_tombstones_go_by_the_link_that_is_sound_up_to_the_earliest_moment() -> None:
    found = [link(EAST, WEST, 900), link(WEST, EAST, 700)]

    assert set(horizons(found, RETENTION_US).values()) == {600}


def test_none_goes_while_a_link_must_scan() -> None:
    found = [link(EAST, WEST), replace(link(WEST, EAST), must_scan=True)]

    assert horizons(found, RETENTION_US) == {}


def test_links_of_another_server_count_as_far_as_they_are_heard_of() -> None:
    found = [link(EAST, WEST), link(WEST, EAST), remote(EAST, SOUTH, 500), remote(WEST, SOUTH, 800)]

    assert set(horizons(found, RETENTION_US).values()) == {400}


def test_none_goes_before_all_other_servers_were_heard() -> None:
    found = [link(EAST, WEST), link(WEST, EAST), remote(EAST, SOUTH, None)]

    assert horizons(found, RETENTION_US) == {}
