"""Shards in an order, and which of them can be read."""

from __future__ import annotations

from headwater.consumer.shards import Shard, children_of, list_shards, parents_first, readable
from tests.handler_api import HandlerApi
from tests.logged_store import LoggedStore, in_store, open_shards
from tests.unit.api.stream_client import arn


def test_parents_come_first_whatever_their_ids() -> None:
    shards = [
        Shard("a-grandchild", "c-child", is_closed=False),
        Shard("b-root", "gone", is_closed=True),
        Shard("c-child", "b-root", is_closed=True),
    ]

    assert [each.shard_id for each in parents_first(shards)] == [
        "b-root",
        "c-child",
        "a-grandchild",
    ]


def test_readable_are_those_without_an_unfinished_parent() -> None:
    parents = {"a": None, "b": "a", "c": "b", "d": "gone"}

    assert readable(parents, set()) == ["a", "d"]
    assert readable(parents, {"a"}) == ["b", "d"]
    assert readable(parents, {"a", "b", "c", "d"}) == []


def test_every_page_is_listed_and_children_alone() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=120)
        parent = open_shards(table)[7]
        table = await store.split(table, parent)
        api = HandlerApi(store)

        listing = await list_shards(api, arn(table))
        children = await children_of(api, arn(table), parent)

        assert len(listing.shards) == 122
        assert not listing.is_disabled
        assert [each.shard_id for each in listing.shards if each.is_closed] == [parent]
        assert {each.parent for each in children or ()} == {parent}
        assert len(children or ()) == 2

    in_store(body)


def test_disabled_stream_says_so() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.switch_off(await store.create_table())

        assert (await list_shards(HandlerApi(store), arn(table))).is_disabled

    in_store(body)
