from __future__ import annotations

from typing import Any, Final

import pytest

from headwater.errors import ConditionalCheckFailedException, DuplicateItemException
from tests.item_store import ItemStore
from tests.unit.api.music import INVALID, SONGS, add_music
from tests.unit.api.partiql import OF_A, refusal, run, stored

NO_KEY = "Where clause does not contain a mandatory equality on all key attributes"
OVERLAP: Final = (
    "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
    "rewrite one of these paths; path one: [a], path two: [a]"
)
NO_SET: Final = (
    "Invalid UpdateExpression: Incorrect operand type for operator or function; "
    "operator or function: set_add, operand type: N"
)


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


# --- INSERT


def test_insert_puts_an_item(store: ItemStore) -> None:
    item = {"artist": {"S": "X"}, "song": {"S": "y"}, "tags": {"SS": ["a", "b"]}}

    answer = run(
        store,
        "INSERT INTO Music VALUE {'artist': ?, 'song': 'y', 'tags': <<'b', 'a'>>}",
        {"S": "X"},
    )

    assert answer == {"Items": []}
    assert stored(store, "X", "y") == item


def test_insert_of_what_is_there_is_refused(store: ItemStore) -> None:
    with pytest.raises(DuplicateItemException) as caught:
        run(store, "INSERT INTO Music VALUE {'artist': 'Nina', 'song': 'a'}")

    assert caught.value.message == "Duplicate primary key exists in table"
    assert stored(store) == SONGS[0]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("{'artist': 'X'}", f"{INVALID}Missing the key song in the item"),
        (
            "{'artist': 1, 'song': 'y'}",
            f"{INVALID}Type mismatch for key artist expected: S actual: N",
        ),
        (
            "{'artist': 'X', 'song': 'y', 'genre': 1}",
            f"{INVALID}Type mismatch for Index Key genre Expected: S Actual: N IndexName: ByGenre",
        ),
    ],
)
def test_insert_checks_the_item(store: ItemStore, item: str, message: str) -> None:
    assert refusal(store, f"INSERT INTO Music VALUE {item}") == message


def test_insert_of_a_large_item_is_refused(store: ItemStore) -> None:
    large = {"S": "x" * 409_600}

    message = refusal(store, "INSERT INTO Music VALUE {'artist': 'X', 'song': 'y', 'z': ?}", large)

    assert message == "Item size has exceeded the maximum allowed size"


# --- UPDATE


def test_update_changes_an_item(store: ItemStore) -> None:
    run(
        store,
        "UPDATE Music SET plays = 1 SET tags = <<'a'>>, more = [1] REMOVE label "
        f"SET copy = year - 5 WHERE {OF_A}",
    )
    run(
        store,
        "UPDATE Music SET plays = plays + ? SET tags = set_add(tags, <<'b'>>) "
        f"SET more = LIST_APPEND(more, [?]) WHERE {OF_A}",
        {"N": "2"},
        {"S": "x"},
    )

    item = dict(SONGS[0])
    del item["label"]
    assert stored(store) == {
        **item,
        "plays": {"N": "3"},
        "tags": {"SS": ["a", "b"]},
        "more": {"L": [{"N": "1"}, {"S": "x"}]},
        "copy": {"N": "1960"},
    }


def test_update_deletes_from_a_set(store: ItemStore) -> None:
    run(store, f"UPDATE Music SET tags = <<1, 2>> WHERE {OF_A}")

    run(store, f"UPDATE Music SET tags = set_delete(tags, ?) WHERE {OF_A}", {"NS": ["1"]})

    assert stored(store)["tags"] == {"NS": ["2"]}


@pytest.mark.parametrize(
    ("returning", "expected"),
    [
        ("ALL OLD", [SONGS[0]]),
        ("ALL NEW", [{**SONGS[0], "label": {"S": "new"}, "x": {"N": "1"}}]),
        ("MODIFIED OLD", [{"label": {"S": "Philips"}}]),
        ("MODIFIED NEW", [{"label": {"S": "new"}, "x": {"N": "1"}}]),
    ],
)
def test_update_returns_what_is_asked(
    store: ItemStore, returning: str, expected: list[Any]
) -> None:
    statement = f"UPDATE Music SET label = 'new', x = 1 WHERE {OF_A} RETURNING {returning} *"

    assert run(store, statement) == {"Items": expected}


def test_update_that_modified_nothing_old_returns_nothing(store: ItemStore) -> None:
    answer = run(store, f"UPDATE Music SET x = 1 WHERE {OF_A} RETURNING MODIFIED OLD *")

    assert answer == {"Items": []}


def test_update_creates_nothing(store: ItemStore) -> None:
    with pytest.raises(ConditionalCheckFailedException):
        run(store, "UPDATE Music SET x = 1 WHERE artist = 'X' AND song = 'y'")

    assert stored(store, "X", "y") is None


def test_update_on_a_condition(store: ItemStore) -> None:
    statement = f"UPDATE Music SET x = 1 WHERE year > ? AND {OF_A}"

    run(store, statement, {"N": "1960"})
    with pytest.raises(ConditionalCheckFailedException) as caught:
        run(store, statement, {"N": "1970"}, ReturnValuesOnConditionCheckFailure="ALL_OLD")

    assert caught.value.members == {"Item": {**SONGS[0], "x": {"N": "1"}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "SET song = 'x'",
            f"{INVALID}Cannot update attribute song. This attribute is part of the key",
        ),
        (
            "SET a = absent + 1",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        (
            "SET a.b = 1",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET a = 1 REMOVE a",
            OVERLAP,
        ),
        (
            "SET a = set_add(a, 1)",
            NO_SET,
        ),
        (
            "SET label = set_delete(label, <<1>>)",
            "An operand in the update expression has an incorrect data type",
        ),
    ],
)
def test_update_that_cannot_be_is_refused(store: ItemStore, change: str, message: str) -> None:
    assert refusal(store, f"UPDATE Music {change} WHERE {OF_A}") == message


@pytest.mark.parametrize("verb", ["UPDATE Music SET x = 1", "DELETE FROM Music"])
@pytest.mark.parametrize(
    "where",
    [
        "",
        "WHERE artist = 'Nina'",
        "WHERE artist = 'Nina' AND song > 'a'",
        "WHERE artist = 'Nina' AND song IN ['a']",
        "WHERE artist = 'Nina' AND song = 'a' OR year = 1",
        "WHERE NOT (artist = 'Nina' AND song = 'a')",
        "WHERE artist = 'Nina' AND song = artist",
    ],
)
def test_write_needs_the_whole_key(store: ItemStore, verb: str, where: str) -> None:
    assert refusal(store, f"{verb} {where}") == NO_KEY


def test_write_needs_a_key_of_the_right_type(store: ItemStore) -> None:
    message = refusal(store, "DELETE FROM Music WHERE artist = 'Nina' AND song = 1")

    assert message == "The provided key element does not match the schema"


# --- DELETE


def test_delete_removes_an_item(store: ItemStore) -> None:
    answer = run(store, f"DELETE FROM Music WHERE {OF_A} AND year = 1965 RETURNING ALL OLD *")

    assert answer == {"Items": [SONGS[0]]}
    assert stored(store) is None


def test_delete_of_what_is_not_there_succeeds(store: ItemStore) -> None:
    where = "artist = 'X' AND song = 'y' AND year = 1"

    assert run(store, f"DELETE FROM Music WHERE {where} RETURNING ALL OLD *") == {"Items": []}


def test_delete_on_a_condition_that_fails(store: ItemStore) -> None:
    with pytest.raises(ConditionalCheckFailedException):
        run(store, f"DELETE FROM Music WHERE {OF_A} AND year = 1")

    assert stored(store) == SONGS[0]
