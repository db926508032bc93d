"""The proof of the malformed records holds for what is right, and fails for what can be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.cli.demo.history import File
from headwater.cli.demo.malformed import Letter, given_up_alone, item, key
from headwater.cli.demo.proofs import ShardRecords

NEIGHBOUR = File("src/a.py", "100644", "b1", 10)
OTHER = {"folder": {"S": "src"}, "path": {"S": "src/a.py"}}
SHARDS = [
    ShardRecords(
        "shard",
        None,
        True,
        [
            {"dynamodb": {"Keys": keys, "SequenceNumber": number}}
            for number, keys in (("98", OTHER), ("99", key(NEIGHBOUR)), ("100", key(NEIGHBOUR)))
        ],
    )
]
LETTERS = [Letter(number, number, "RetryAttemptsExhausted", 3) for number in ("100", "99")]


def test_letters_of_each_malformed_record_and_no_other_are_right() -> None:
    proof = given_up_alone(SHARDS, LETTERS)

    assert proof.holds
    assert proof.count == 2


@pytest.mark.parametrize(
    ("letters", "fault"),
    [
        (LETTERS[:1], "2 malformed, 1 in the queue"),
        ([*LETTERS, LETTERS[0]], "2 malformed, 3 in the queue"),
        ([LETTERS[0], replace(LETTERS[1], first="98", last="98")], "2 malformed, 2 in the queue"),
        ([LETTERS[0], replace(LETTERS[1], first="98")], "98 to 99 were given up together"),
        (
            [replace(LETTERS[0], tries=2), LETTERS[1]],
            "100 was given up after 2: RetryAttemptsExhausted",
        ),
        (
            [replace(LETTERS[0], condition="RecordAgeExceeded"), LETTERS[1]],
            "100 was given up after 3: RecordAgeExceeded",
        ),
    ],
)
def test_anything_else_in_the_queue_is_a_fault(letters: list[Letter], fault: str) -> None:
    assert given_up_alone(SHARDS, letters).fault == fault


def test_malformed_item_shares_a_files_shard_and_is_no_file_of_git() -> None:
    spoiled = item(NEIGHBOUR)

    assert spoiled["folder"] == {"S": "src"}
    assert spoiled["path"]["S"].endswith("/")
    assert "N" not in spoiled["size"]
