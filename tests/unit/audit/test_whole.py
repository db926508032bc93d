"""Every kind of damage to a store is found, and nothing is found in a store that has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile

import pytest

from headwater.audit.report import Report
from headwater.audit.settings import DECODERS
from headwater.audit.story import MemoryImages
from headwater.audit.whole import KINDS, audit
from headwater.mappings import mapping as mappings
from headwater.storage import delivery_keys, function_keys, keyspace
from headwater.storage.engine import CommitGroup
from headwater.storage.keyspace import SequenceNumber, Setting
from headwater.streams import entry as entries
from headwater.streams import shard as shards
from headwater.streams import window as windows
from headwater.streams.window import StreamStatus, ViewType
from headwater.tables import schema
from headwater.tables.schema import Table
from headwater.values import codec
from tests.unit.audit.store import filled, item_of
from tests.unit.tables.running import Running, run

NOBODY = "00000000-0000-0000-0000-0000000000ff"
Stored = dict[bytes, bytes]
Damage = Callable[[Stored, Table], dict[bytes, bytes | None]]


async def report_on(here: Running) -> Report:
    report = Report()
    await audit(here.engine, report, MemoryImages)
    return report


def first(stored: Stored, prefix: bytes, at: int = 0) -> bytes:
    return sorted(key for key in stored if key.startswith(prefix))[at]


def lost(prefix: bytes, at: int = 0) -> Damage:
    return lambda stored, table: {first(stored, prefix, at): None}


def torn(prefix: bytes, at: int = 0) -> Damage:
    return lambda stored, table: {first(stored, prefix, at): b"\x07{torn"}


def planted(key: bytes) -> Damage:
    return lambda stored, table: {key: b"\x07{torn"}


def moved(prefix: bytes, at: int = 0) -> Damage:
    """A value under a key that is nearly its own."""

    def damage(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
        key = first(stored, prefix, at)
        return {key: None, key[:-1] + bytes((key[-1] ^ 1,)): stored[key]}

    return damage


def changed_item(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    """An item that no write has made: its index entries, and its stream, do not know of it."""
    key = first(stored, table.items_prefix)
    item = {**codec.decode(stored[key]), "artist": {"S": "forged"}}
    return {key: codec.encode(item, codec.size(stored[key]) + 5)}


def wrong_size(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = first(stored, table.items_prefix)
    return {key: codec.encode(codec.decode(stored[key]), 3)}


def head_set_back(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = next(k for k in sorted(stored) if k[:1] == b"h" and b"l" + k[1:] in map(_log, stored))
    head = shards.decode_head(stored[key])
    return {key: shards.encode_head(head._replace(last=shards.number_before(head.last)))}


def _log(key: bytes) -> bytes:
    return key[:29] if key[:1] == b"l" else b""


def head_closed(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    shard_id = table.partitions[0].shard_id
    assert shard_id is not None
    key = keyspace.head(table.table_id, shard_id)
    return {key: shards.encode_head(shards.closed_head(shards.decode_head(stored[key])))}


def child_of_another_range(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    for key in sorted(k for k in stored if k[:1] == b"s"):
        shard = shards.decode(stored[key])
        if shard.parent is not None and shard.range.start > 0:
            moved_range = replace(shard.range, start=shard.range.start + 1)
            return {key: shards.encode(replace(shard, range=moved_range))}
    raise AssertionError("there is a child with a range of its own")


def forged_image(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    for key in sorted((k for k in stored if k[:1] == b"l"), reverse=True):
        entry = entries.decode(stored[key])
        if entry.old.body:
            forged = entry._replace(old=entries.Image(b"{}", 2))
            number = SequenceNumber(int.from_bytes(key[-8:], "big"))
            place = entries.Place(number, entry.time_us, ViewType.NEW_AND_OLD_IMAGES)
            return {key: entries.encode(forged, place)}
    raise AssertionError("an item has been changed twice")


def forged_text(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = first(stored, b"l")
    return {key: stored[key].replace(b'"SizeBytes":', b'"SizeBytes":9')}


def text_of_another_view(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = first(stored, b"l")
    entry, number = entries.decode(stored[key]), SequenceNumber(int.from_bytes(key[-8:], "big"))
    return {key: entries.encode(entry, entries.Place(number, entry.time_us, ViewType.KEYS_ONLY))}


def stream_off(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = first(stored, b"cs")
    stream = replace(windows.decode(stored[key]), status=StreamStatus.DISABLED, disabled_at=1.0)
    return {key: windows.encode(stream)}


def position_beyond(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    key = first(stored, b"k")
    return {key: stored[key].replace(b'"is_finished":false', b'"is_finished":true')}


def position_of_a_sink(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    shard_id = table.partitions[0].shard_id
    assert shard_id is not None
    key = delivery_keys.checkpoint(f"sink/{NOBODY}/1/s", table.table_id, shard_id)
    return {key: stored[first(stored, b"k")]}


def table_gone(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    return {table.key: None}


def partition_lost(stored: Stored, table: Table) -> dict[bytes, bytes | None]:
    return {table.key: schema.encode(replace(table, partitions=table.partitions[1:]))}


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a table gone": (table_gone, "of no table"),
    "a table torn": (torn(b"ct"), "cannot be read"),
    "a mark lost": (
        lambda stored, table: {
            table.key: schema.encode(replace(table, status=schema.TableStatus.UPDATING))
        },
        "but not marked",
    ),
    "a partition lost": (partition_lost, "do not cover the hash space"),
    "a stream lost": (lost(b"cs"), "is missing"),
    "a stream off": (stream_off, "but its table says it is on"),
    "an item lost": (lost(b"i"), "is missing"),
    "an item torn": (torn(b"i"), "cannot be read"),
    "an item elsewhere": (moved(b"i"), "under another's key"),
    "an item changed": (changed_item, "is not what its records make of it"),
    "an item's size": (wrong_size, "its size is wrong"),
    "an index entry lost": (lost(b"x"), "is missing"),
    "an index entry torn": (torn(b"x"), "cannot be read"),
    "an index entry of no item": (moved(b"x"), "is of no item"),
    "a collection's size lost": (lost(b"y"), "its stored size is 0"),
    "a collection's size wrong": (
        lambda stored, table: {first(stored, b"y"): (7).to_bytes(8, "big")},
        "its stored size is 7",
    ),
    "a collection that is not there": (
        lambda stored, table: {first(stored, b"y") + b"\x01": bytes(8)},
        "sizes of such",
    ),
    "an expiry entry lost": (lost(b"e", 1), "has no expiry entry"),
    "an expiry entry of no item": (moved(b"e", 1), "is of no item that expires"),
    "a shard lost": (lost(b"s", -1), "is missing"),
    "a shard torn": (torn(b"s"), "cannot be read"),
    "a head lost": (lost(b"h"), "is missing"),
    "a head of no shard": (moved(b"h"), "a head is of no shard"),
    "a head set back": (head_set_back, "does not end at its head"),
    "a head closed": (head_closed, "its shard is not"),
    "a lineage broken": (child_of_another_range, "is not what its children share"),
    "a log entry lost": (lost(b"l", 3), "follows"),
    "a log entry torn": (torn(b"l", 3), "cannot be read"),
    "a text forged": (forged_text, "has a text that does not fit it"),
    "a text of another view": (text_of_another_view, "has a text that does not fit it"),
    "a log entry forged": (forged_image, "is not the item's image before"),
    "a log entry of no shard": (
        lambda stored, table: {b"l" + bytes(36): stored[first(stored, b"l")]},
        "of a shard that is missing",
    ),
    "a trim point of no shard": (
        lambda stored, table: {b"p" + bytes(28): bytes(8)},
        "a trim point is of no shard",
    ),
    "a backup torn": (torn(b"cb"), "cannot be read"),
    "a backup lost": (lost(b"cb"), "is of no backup"),
    "a backup's item lost": (lost(b"b"), "but says"),
    "code lost": (lost(b"z"), "the code of function follower is missing"),
    "code damaged": (torn(b"z"), "a zip is damaged"),
    "a function torn": (torn(b"f"), "cannot be read"),
    "a mapping lost": (lost(b"m"), "is of no mapping"),
    "a mapping's pair lost": (lost(b"n"), "is not found by its stream and function"),
    "a position torn": (torn(b"k"), "cannot be read"),
    "a position finished": (position_beyond, "is finished, but the shard is open"),
    "a message torn": (
        lambda stored, table: {delivery_keys.message(1, bytes(8)): b"torn"},
        "cannot be read",
    ),
    "a message that is not counted": (
        lambda stored, table: {delivery_keys.message(1, bytes(8)): b"torn"},
        "1 messages wait, but 0 are counted",
    ),
    **{
        f"{name} torn": (planted(key), f"{name} {key!r} cannot be read")
        for name, key in {
            "published version": function_keys.function_version("r", "follower", 1),
            "layer version": function_keys.layer_version("r", "layer", 1),
            "asynchronous invocation": function_keys.deferred(1, bytes(16)),
            "registration": delivery_keys.registration("r", "consumer"),
            "queue": delivery_keys.queue("r", "queue"),
            "message": delivery_keys.queued("00" * 8, 1, "00" * 16),
            "transaction token": keyspace.transaction("r", "token"),
        }.items()
    },
    "a payload of nothing": (
        planted(function_keys.deferred_payload(bytes(16))),
        "is of no asynchronous invocation",
    ),
    "a layer's number lost": (
        planted(function_keys.layer_version("r", "layer", 1)),
        "the number 1 of a layer was never given",
    ),
    "a layer's number torn": (planted(function_keys.layer_count("r", "layer")), "cannot be read"),
    "a sum torn": (planted(function_keys.reserved_concurrency("r")), "cannot be read"),
    "a zip's mark lost": (lost(b"vz"), "a zip is not marked as kept"),
    "a mark of no zip": (planted(function_keys.function_code_mark(bytes(32))), "is of no zip"),
    "a sink torn": (torn(b"Ss"), "cannot be read"),
    "a sink moved": (moved(b"Ss"), "is stored under another's key"),
    "progress of no sink": (planted(delivery_keys.sink_progress(NOBODY)), "is of no sink"),
    "progress torn": (torn(b"Sp"), "the progress of sink lake cannot be read"),
    "a note of no sink": (planted(delivery_keys.sink_note(NOBODY, "x")), "is of no sink"),
    "a position of no sink": (position_of_a_sink, "is of no sink"),
    "a pair of no mapping": (moved(b"n"), "are joined by no mapping"),
    "a mark of no table": (planted(keyspace.unsettled(b"ct")), "is of no table"),
    "the leader's lease torn": (torn(b"a"), "the leader's lease cannot be read"),
    "the leader's lease elsewhere": (planted(b"ab"), "is stored under another's key"),
    "a secret lost": (
        lambda stored, table: {keyspace.setting(Setting.ITERATOR_SECRET): b"short"},
        "the setting shard-iterator-secret cannot be read: it is too short",
    ),
    "a setting of nobody": (planted(b"gnobody"), "a setting that nobody knows"),
    **{
        f"the setting {name} torn": (
            planted(keyspace.setting(name)),
            f"the setting {name} cannot be read",
        )
        for name in Setting
    },
    **{
        f"a key of no kind: {key!r}": (planted(key), f"unknown kind: {key!r}")
        for key in (b"\x01", b"ca", b"cu", b"jf", b"qn", b"v", b"vq", b"v{", b"{", b"\xfe")
    },
}


def test_store_without_damage_has_no_faults() -> None:
    async def body(here: Running) -> None:
        table = await filled(here)

        report = await report_on(here)

        assert report.faults == []
        counts = {
            what: number for section in report.sections for what, number in section.counts.items()
        }
        expected = {"items": 12, "records": 36, "items replayed": 12, "index entries": 24}
        assert counts.items() >= expected.items()
        assert len(table.partitions) > 1

    run(body, partitions=1)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str) -> None:
    damage, told = DAMAGES[name]

    async def body(here: Running) -> None:
        table = await filled(here)
        changes = damage(await here.stored((b"", b"\xff")), table)
        await here.engine.commit(CommitGroup([], [], lambda _: changes))

        report = await report_on(here)

        assert any(told in fault for fault in report.faults), report.faults

    run(body, partitions=1)


def test_every_kind_of_key_is_known() -> None:
    """Whoever adds a kind to the key space adds a check of it, and its letter."""
    assert keyspace.__doc__ is not None
    lines = [line.split() for line in keyspace.__doc__.splitlines() if line.startswith("    ")]
    named = ["".join(takewhile(_is_letter, words[:2])) for words in lines]

    assert tuple(sorted({name.encode() for name in named})) == KINDS


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def test_every_setting_is_known() -> None:
    assert DECODERS.keys() == set(Setting)


def test_mapping_that_is_being_deleted_joins_nothing() -> None:
    async def body(here: Running) -> None:
        await filled(here)
        stored = await here.stored((b"m", b"o"))
        key, pair = first(stored, b"m"), first(stored, b"n")
        going = mappings.encode(mappings.decode(stored[key]).deleted(2.0))
        await here.engine.commit(CommitGroup([], [], lambda _: {key: going, pair: None}))

        assert (await report_on(here)).faults == []

    run(body)


def test_index_that_is_being_filled_may_lack_entries() -> None:
    async def body(here: Running) -> None:
        table = await here.active()
        await here.put(table, item_of(1, 1))
        index = schema.Index(
            "by-artist",
            keyspace.IndexId("00" * 8),
            is_global=True,
            keys=schema.KeySchema((schema.KeyAttribute("artist", "S"),)),
            projection=schema.ProjectionType.ALL,
            status=schema.IndexStatus.CREATING,
        )
        filling = schema.encode(replace(table, indexes=(index,)))
        mark = keyspace.unsettled(table.key)
        await here.engine.commit(CommitGroup([], [], lambda _: {table.key: filling, mark: b""}))

        assert (await report_on(here)).faults == []

    run(body)
