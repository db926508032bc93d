from __future__ import annotations

import asyncio

import pytest

from headwater.clock import SeededChance
from headwater.storage.committer import View
from headwater.storage.engine import CommitGroup
from headwater.storage.keyspace import TableId
from headwater.storage.memory import MemoryEngine
from headwater.streams import entry as entries
from headwater.streams import log
from headwater.streams import shard as shards
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.log import OpenShard, Reading, open_shard
from headwater.streams.shard import HASH_MAX, HashRange, Head, Opening, ShardClosed

TABLE = TableId("00000000-0000-0000-0000-000000000001")
ENTRY = Entry(Kind.INSERT, 50, Image(b"{}", 2), Image(b"{}", 2), NO_IMAGE)


def an_open_shard(head_time_us: int = 0) -> tuple[OpenShard, dict[bytes, bytes | None]]:
    shard, head = shards.open_root(Opening("l", 0, SeededChance(1)), HashRange(0, HASH_MAX), 3)
    place = open_shard(TABLE, shard.shard_id, shard.lane)
    return place, {place.head_key: shards.encode_head(head._replace(time_us=head_time_us))}


def test_numbers_grow_with_every_append() -> None:
    place, state = an_open_shard()
    view = View(state)

    given = [log.append(view, place, ENTRY) for _ in range(3)]

    assert given == sorted(set(given))
    assert {number & 0xFFFF for number in given} == {3}


def test_entry_never_carries_a_time_before_its_forerunners() -> None:
    place, state = an_open_shard(head_time_us=99)
    view = View(state)

    number = log.append(view, place, ENTRY)

    stored = view.get(place.log_prefix + number.to_bytes(8, "big"))
    assert stored is not None
    assert entries.decode(stored).time_us == 99


def test_closed_shard_takes_no_entry() -> None:
    place, state = an_open_shard()
    head = state[place.head_key]
    assert head is not None
    state[place.head_key] = shards.encode_head(shards.closed_head(shards.decode_head(head)))

    with pytest.raises(ShardClosed):
        log.append(View(state), place, ENTRY)


def test_shard_that_is_gone_takes_no_entry() -> None:
    place, _ = an_open_shard()

    with pytest.raises(ShardClosed):
        log.append(View({place.head_key: None}), place, ENTRY)


def test_reading_continues_after_a_number() -> None:
    async def body() -> None:
        place, state = an_open_shard()
        engine = MemoryEngine()
        numbers: list[int] = []

        def apply(_: object) -> dict[bytes, bytes | None]:
            view = View(state)
            numbers.extend(log.append(view, place, ENTRY) for _ in range(5))
            keys = [place.log_prefix + number.to_bytes(8, "big") for number in numbers]
            return {key: view.get(key) for key in keys}

        await engine.commit(CommitGroup((), (), apply))

        first = await log.read(engine, place.log_prefix, Reading(-1, 2, 10**6))
        rest = await log.read(engine, place.log_prefix, Reading(first[-1].number, 10, 10**6))
        none = await log.read(engine, place.log_prefix, Reading(2**64, 10, 10**6))

        assert [stored.number for stored in first + rest] == numbers
        assert none == []

    asyncio.run(body())


def test_head_keeps_the_last_number() -> None:
    place, state = an_open_shard()
    view = View(state)

    number = log.append(view, place, ENTRY)

    head = view.get(place.head_key)
    assert head is not None
    assert shards.decode_head(head) == Head(number, 50)
