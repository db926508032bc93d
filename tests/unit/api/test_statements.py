from __future__ import annotations

from typing import Any, Final

import pytest

from headwater.errors import ResourceNotFoundException
from tests.item_store import ItemStore
from tests.unit.api.music import INVALID, SONGS, add_music
from tests.unit.api.partiql import OF_A, refusal, run

NO_PARTITION: Final = (
    "Must have at least one non-optional hash key condition in WHERE clause when using "
    "ORDER BY clause."
)
NO_PARTITION_ORDER: Final = (
    "Must have hash key in ORDER BY clause when more than one hash key condition "
    "specified in WHERE clause."
)
EMPTY_KEY: Final = (
    f"{INVALID}The AttributeValue for a key attribute cannot contain an empty string "
    "value. Key: artist"
)
WRONG_BOUNDS: Final = (
    "Invalid FilterExpression: The BETWEEN operator requires upper bound to be greater "
    "than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound "
    "operand: AttributeValue: {S:a}"
)
TOO_MANY_KEYS: Final = (
    "Invalid FilterExpression: The IN operator is provided with too many operands; "
    "number of operands: 51"
)


@pytest.fixture(autouse=True)
def music(store: ItemStore) -> None:
    add_music(store)


def select(store: ItemStore, clauses: str, *parameters: Any, **more: Any) -> list[str]:
    """Artist's initial and song of every item of a SELECT."""
    found = run(store, f"SELECT * FROM Music {clauses}", *parameters, **more)["Items"]
    return [item["artist"]["S"][0] + item["song"]["S"] for item in found]


@pytest.mark.parametrize(
    ("clauses", "parameters", "expected"),
    [
        (f"WHERE {OF_A}", [], ["Na"]),
        ("WHERE artist = ? AND song = ?", ["Nina", "b"], ["Nb"]),
        ("WHERE 'Nina' = artist AND 'a' = song", [], ["Na"]),
        (f"WHERE {OF_A} AND year = 1", [], []),
        ("WHERE artist = 'Nobody'", [], []),
        ("WHERE artist = 'Nina'", [], ["Na", "Nab", "Nb", "Nc"]),
        ("WHERE artist = 'Nina' AND song > 'ab'", [], ["Nb", "Nc"]),
        ("WHERE artist = 'Nina' AND 'ab' >= song", [], ["Na", "Nab"]),
        ("WHERE artist = 'Nina' AND song BETWEEN 'ab' AND 'b'", [], ["Nab", "Nb"]),
        ("WHERE artist = 'Nina' AND begins_with(song, 'a')", [], ["Na", "Nab"]),
        ("WHERE artist = 'Nina' AND song > 'a' AND song < 'c'", [], ["Nab", "Nb"]),
        ("WHERE artist = 'Nina' AND song <> 'a'", [], ["Nab", "Nb", "Nc"]),
        ("WHERE artist = 'Nina' AND song IN ['a', 'c']", [], ["Na", "Nc"]),
        ("WHERE artist = 'Nina' AND NOT genre = 'jazz'", [], ["Nb"]),
        ("WHERE artist = 'Nina' AND (song = 'a' OR year = 1967)", [], ["Na", "Nc"]),
        ("WHERE artist = 'Nina' AND label IS MISSING", [], ["Nab", "Nb", "Nc"]),
        ("WHERE artist = 'Nina' AND label IS NOT MISSING", [], ["Na"]),
        ("WHERE artist = 'Nina' AND attribute_type(label, 'S')", [], ["Na"]),
        ("WHERE artist = 'Nina' AND contains(text, 'quitte')", [], ["Nb"]),
        ("WHERE artist = 'Nina' AND size(text) > 3", [], ["Nb"]),
        ("WHERE artist IN ['Nina', 'Billie'] AND song = 'a'", [], ["Na", "Ba"]),
        ("WHERE artist IN (?, ?)", ["Miles", "Billie"], ["Mz", "Ba"]),
        ("WHERE artist = 'Miles' OR artist = 'Billie'", [], ["Mz", "Ba"]),
        (
            "WHERE (artist = 'Nina' AND song = 'b') OR (artist = 'Billie' AND song = 'a')",
            [],
            ["Nb", "Ba"],
        ),
        ("WHERE artist IN ['Nina', 'Nina'] AND song = 'a'", [], ["Na"]),
    ],
)
def test_select_gives_what_matches(
    store: ItemStore, clauses: str, parameters: list[str], expected: list[str]
) -> None:
    found = select(store, clauses, *({"S": value} for value in parameters))

    assert found == expected


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("", ["Ba", "Mz", "Na", "Nab", "Nb", "Nc"]),
        ("WHERE song = 'a'", ["Ba", "Na"]),
        ("WHERE artist > 'C' AND song = 'a'", ["Na"]),
        ("WHERE artist = 'Nina' OR year = 1939", ["Ba", "Na", "Nab", "Nb", "Nc"]),
        ("WHERE year BETWEEN 1939 AND 1960", ["Ba", "Mz", "Nb"]),
    ],
)
def test_select_without_a_partition_key_scans(
    store: ItemStore, clauses: str, expected: list[str]
) -> None:
    assert sorted(select(store, clauses)) == expected


def test_partition_that_is_fixed_is_all_that_is_read(store: ItemStore) -> None:
    keyed = run(store, "SELECT * FROM Music WHERE artist = 'Miles'", Limit=1)
    scanned = [
        run(store, "SELECT * FROM Music WHERE year = 1959", Limit=limit)["Items"]
        for limit in (1, 6)
    ]

    assert keyed["Items"] == [SONGS[5]]
    assert sorted(map(len, scanned)) == [0, 1]


def test_select_of_paths_names_columns_by_their_last_name(store: ItemStore) -> None:
    run(store, "INSERT INTO Music VALUE {'artist': 'X', 'song': 'y', 'm': {'l': [1, 2]}}")

    answer = run(store, "SELECT song, m.l, m.l[1], absent FROM Music WHERE artist = 'X'")

    assert answer["Items"] == [
        {"song": {"S": "y"}, "l": {"L": [{"N": "1"}, {"N": "2"}]}, "l[1]": {"N": "2"}}
    ]


def test_null_is_not_missing(store: ItemStore) -> None:
    run(store, "INSERT INTO Music VALUE {'artist': 'X', 'song': 'y', 'n': NULL}")

    assert select(store, "WHERE artist IN ['X', 'Miles'] AND n IS NULL") == ["Xy"]
    assert select(store, "WHERE artist IN ['X', 'Miles'] AND n IS MISSING") == ["Mz"]


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("WHERE artist = 'Nina' ORDER BY song DESC", ["Nc", "Nb", "Nab", "Na"]),
        ("WHERE artist = 'Nina' ORDER BY song", ["Na", "Nab", "Nb", "Nc"]),
        ("WHERE artist IN ['Nina', 'Billie'] AND song < 'b' ORDER BY artist", ["Ba", "Na", "Nab"]),
        (
            "WHERE artist IN ['Billie', 'Nina'] AND song < 'b' ORDER BY artist DESC, song DESC",
            ["Nab", "Na", "Ba"],
        ),
    ],
)
def test_order(store: ItemStore, clauses: str, expected: list[str]) -> None:
    assert select(store, clauses) == expected


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        (
            "ORDER BY song",
            "Must have WHERE clause in the statement when using ORDER BY clause.",
        ),
        (
            "WHERE year > 1 ORDER BY song",
            NO_PARTITION,
        ),
        (
            "WHERE artist = 'Nina' ORDER BY year",
            "Variable reference year in ORDER BY clause must be part of the primary key",
        ),
        (
            "WHERE artist IN ['a', 'b'] ORDER BY song",
            NO_PARTITION_ORDER,
        ),
    ],
)
def test_order_that_cannot_be_had_is_refused(store: ItemStore, clauses: str, message: str) -> None:
    assert refusal(store, f"SELECT * FROM Music {clauses}") == message


def test_select_from_a_global_index(store: ItemStore) -> None:
    answer = run(store, """SELECT * FROM "Music"."ByGenre" WHERE genre = 'jazz' AND year < 1960""")

    assert [item["year"]["N"] for item in answer["Items"]] == ["1939", "1959"]


def test_select_from_a_local_index_fetches_what_it_lacks(store: ItemStore) -> None:
    statement = """SELECT song, label FROM "Music"."ByYear" WHERE artist = 'Nina' AND year = 1965"""

    answer = run(store, statement, ReturnConsumedCapacity="INDEXES")

    assert answer["Items"] == [{"song": {"S": "a"}, "label": {"S": "Philips"}}]
    assert answer["ConsumedCapacity"]["LocalSecondaryIndexes"] == {"ByYear": {"CapacityUnits": 0.5}}


def test_index_refusals(store: ItemStore) -> None:
    where = "WHERE genre = 'jazz'"

    assert refusal(store, f'SELECT * FROM "Music"."Nope" {where}') == (
        "The table does not have the specified index: Nope"
    )
    assert refusal(store, f'SELECT year FROM "Music"."Genres" {where}') == (
        f"{INVALID}Global secondary index Genres does not project [year]"
    )
    assert refusal(store, f'SELECT * FROM "Music"."Genres" {where}', ConsistentRead=True) == (
        "Consistent reads are not supported on global secondary indexes"
    )


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ("artist = 1", f"{INVALID}Condition parameter type does not match schema type"),
        (
            "artist = ''",
            EMPTY_KEY,
        ),
        (
            "artist = 'Nina' AND song BETWEEN 'b' AND 'a'",
            WRONG_BOUNDS,
        ),
        (
            f"artist IN [{', '.join(repr(str(number)) for number in range(51))}]",
            TOO_MANY_KEYS,
        ),
        ("a = ?", "Number of parameters in request and statement don't match."),
    ],
)
def test_condition_that_cannot_be_met_is_refused(
    store: ItemStore, clauses: str, message: str
) -> None:
    assert refusal(store, f"SELECT * FROM Music WHERE {clauses}") == message


def test_unknown_table(store: ItemStore) -> None:
    with pytest.raises(ResourceNotFoundException):
        run(store, "SELECT * FROM Nope")


def test_capacity_of_a_select(store: ItemStore) -> None:
    eventual = run(store, "SELECT * FROM Music", ReturnConsumedCapacity="TOTAL")
    consistent = run(
        store, "SELECT * FROM Music", ReturnConsumedCapacity="TOTAL", ConsistentRead=True
    )

    assert eventual["ConsumedCapacity"] == {"TableName": "Music", "CapacityUnits": 0.5}
    assert consistent["ConsumedCapacity"] == {"TableName": "Music", "CapacityUnits": 1.0}


@pytest.mark.parametrize(
    "more",
    [{"Limit": 1}, {"NextToken": "x"}, {"ConsistentRead": True}],
    ids=lambda more: next(iter(more)),
)
def test_writes_take_no_parameters_of_reads(store: ItemStore, more: dict[str, Any]) -> None:
    (name,) = more

    message = refusal(store, f"DELETE FROM Music WHERE {OF_A}", **more)

    assert message == f"{name} can be used with SELECT statements only"


def test_parameters_are_at_least_one(store: ItemStore) -> None:
    message = refusal(store, "SELECT * FROM Music", Parameters=[])

    assert message == (
        "1 validation error detected: Value '[]' at 'parameters' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_exists_is_for_transactions(store: ItemStore) -> None:
    message = refusal(store, f"EXISTS(SELECT * FROM Music WHERE {OF_A})")

    assert message == "EXISTS is supported in ExecuteTransaction only"


def test_capacity_of_a_write(store: ItemStore) -> None:
    statement = "INSERT INTO Music VALUE {'artist': 'X', 'song': 'y'}"

    answer = run(store, statement, ReturnConsumedCapacity="TOTAL")

    assert answer == {
        "Items": [],
        "ConsumedCapacity": {"TableName": "Music", "CapacityUnits": 1.0},
    }
