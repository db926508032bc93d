"""Each proof holds for what is right, and fails for each thing that can be wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from headwater.cli.demo import proofs
from headwater.cli.demo.history import File
from headwater.cli.demo.proofs import Proof, ShardRecords
from headwater.cli.demo.replay import item

TREE = [
    File("README.md", "100644", "b1", 10),
    File("src/a.py", "100644", "b2", 20),
    File("src/b.py", "100755", "b3", 30),
    File("src/Makefile", "100644", "b4", 40),
]
FILES = [item(file, "c1", 1) for file in TREE]


def total(folder: str, extension: str, files: int, size: int) -> dict[str, Any]:
    return {
        "folder": {"S": folder},
        "extension": {"S": extension},
        "files": {"N": str(files)},
        "bytes": {"N": str(size)},
        "last": {"N": "1"},
    }


TOTALS = [
    total(".", "md", 1, 10),
    total("src", "py", 2, 50),
    total("src", "(none)", 1, 40),
    total("gone", "txt", 0, 0),
]


def image(path: str, size: int) -> dict[str, Any]:
    return item(File(path, "100644", f"blob-{size}", size), "c", size)


def record(number: int, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """A stream record of a change from one image to another."""
    known = new if new is not None else old
    assert known is not None
    change: dict[str, Any] = {
        "Keys": {name: known[name] for name in ("folder", "path")},
        "SequenceNumber": str(number),
    }
    if old is not None:
        change["OldImage"] = old
    if new is not None:
        change["NewImage"] = new
    return {"eventID": f"event-{number}", "dynamodb": change}


A1, A2, A3, B1 = image("a", 1), image("a", 2), image("a", 3), image("b", 1)


def lineage() -> list[ShardRecords]:
    """A closed shard and its child, and one beside them: `a` ends at its third image, `b` gone."""
    return [
        ShardRecords("parent", None, False, [record(1, None, A1), record(2, A1, A2)]),
        ShardRecords("child", "parent", True, [record(5, A2, A3)]),
        ShardRecords("beside", "trimmed", True, [record(3, None, B1), record(4, B1, None)]),
    ]


def changed(shard: int, place: int, **parts: Any) -> list[ShardRecords]:
    """The lineage with parts of one record changed."""
    shards = copy.deepcopy(lineage())
    told = shards[shard].records[place]
    assert isinstance(told, dict)
    told["eventID"] = parts.pop("eventID", told["eventID"])
    told["dynamodb"] = told["dynamodb"] | parts
    return shards


def without(shard: int, place: int) -> list[ShardRecords]:
    """The lineage without one record."""
    shards = lineage()
    found = shards[shard]
    kept = [each for index, each in enumerate(found.records) if index != place]
    shards[shard] = ShardRecords(found.shard_id, found.parent, found.is_open, kept)
    return shards


def expect(proof: Proof, count: int, fault: str | None) -> None:
    assert (proof.count, proof.fault, proof.holds) == (count, fault, fault is None)


def test_files_equal_the_tree() -> None:
    expect(proofs.files_equal_tree(FILES, TREE), 4, None)


@pytest.mark.parametrize(
    ("member", "value"), [("blob", {"S": "x"}), ("mode", {"S": "x"}), ("size", {"N": "11"})]
)
def test_file_that_differs_is_found(member: str, value: dict[str, str]) -> None:
    found = [FILES[0] | {member: value}, *FILES[1:]]

    proof = proofs.files_equal_tree(found, TREE)

    assert proof.fault is not None
    assert proof.fault.startswith("./README.md is ")


def test_file_that_is_missing_is_found() -> None:
    expect(proofs.files_equal_tree(FILES[1:], TREE), 4, "./README.md is missing")


def test_file_too_many_is_found() -> None:
    proof = proofs.files_equal_tree(FILES, TREE[1:])

    expect(proof, 3, "./README.md should not be there")


def test_attribute_too_many_is_found() -> None:
    proof = proofs.files_equal_tree([FILES[0] | {"x": {"S": ""}}, *FILES[1:]], TREE)

    assert not proof.holds


def test_totals_equal_the_tree() -> None:
    expect(proofs.totals_equal_tree(TOTALS, TREE), 3, None)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (total("src", "py", 3, 50), "src/py is [3, 50], not [2, 50]"),
        (total("src", "py", 2, 51), "src/py is [2, 51], not [2, 50]"),
        (total("src", "py", 0, 0), "src/py is missing"),
    ],
)
def test_total_that_differs_is_found(wrong: dict[str, Any], fault: str) -> None:
    expect(proofs.totals_equal_tree([TOTALS[0], wrong, *TOTALS[2:]], TREE), 3, fault)


@pytest.mark.parametrize(("files", "size"), [(1, 0), (0, 5), (-1, 0)])
def test_total_of_nothing_that_is_not_nought_is_found(files: int, size: int) -> None:
    found = [*TOTALS[:3], total("gone", "txt", files, size)]

    expect(proofs.totals_equal_tree(found, TREE), 3, "gone/txt should not be there")


def test_stream_replays_to_the_table() -> None:
    expect(proofs.stream_replays(lineage(), [A3]), 5, None)


@pytest.mark.parametrize(
    ("shards", "found", "fault"),
    [
        (lineage(), [], "./a should not be there"),
        (lineage(), [A3, B1], "./b is missing"),
        (without(2, 1), [A3], "./b should not be there"),
        (without(1, 0), [A3], "./a is {"),
    ],
)
def test_stream_that_gives_another_table_is_found(
    shards: list[ShardRecords], found: list[Any], fault: str
) -> None:
    proof = proofs.stream_replays(shards, found)

    assert proof.fault is not None
    assert proof.fault.startswith(fault)


def test_nothing_is_missing_and_nothing_is_there_twice() -> None:
    expect(proofs.no_gap_no_duplicate(lineage(), 5), 5, None)


@pytest.mark.parametrize(
    ("shards", "fault"),
    [
        (without(0, 0), "a: the old image is not the one before"),
        (without(0, 1), "a: the old image is not the one before"),
        (without(1, 0), "5 changes made, 4 records"),
        (without(2, 1), "5 changes made, 4 records"),
        (changed(0, 1, eventID="event-1"), "event-1 came twice"),
        (changed(1, 0, OldImage=A1), "a: the old image is not the one before"),
        (changed(2, 0, OldImage=B1), "b: the old image is not the one before"),
    ],
)
def test_gap_or_duplicate_is_found(shards: list[ShardRecords], fault: str) -> None:
    assert proofs.no_gap_no_duplicate(shards, 5).fault == fault


def test_removal_of_what_is_not_there_is_found() -> None:
    gone = record(6, None, B1)
    del gone["dynamodb"]["NewImage"]
    shards = [*lineage(), ShardRecords("more", None, True, [gone])]

    proof = proofs.no_gap_no_duplicate(shards, 6)

    assert proof.fault == "b: removed, but it was not there"


def test_order_is_kept_along_lineages() -> None:
    expect(proofs.order_kept(lineage()), 5, None)


@pytest.mark.parametrize(
    ("shards", "fault"),
    [
        (changed(0, 1, SequenceNumber="1"), "parent: 1 follows 1"),
        (changed(0, 0, SequenceNumber="7"), "parent: 2 follows 7"),
        (changed(1, 0, SequenceNumber="2"), "child: 2 follows 2"),
        (changed(2, 1, SequenceNumber="2"), "beside: 2 follows 3"),
    ],
)
def test_order_that_is_not_kept_is_found(shards: list[ShardRecords], fault: str) -> None:
    assert proofs.order_kept(shards).fault == fault


def test_grandchild_of_a_shard_without_records_follows_its_grandparent() -> None:
    first, second, _ = lineage()
    empty = ShardRecords("empty", "parent", False, [])
    late = ShardRecords("late", "empty", True, [record(2, None, B1)])

    assert proofs.order_kept([first, empty, late]).fault == "late: 2 follows 2"
    assert proofs.order_kept([first, empty, second]).holds
