"""PartiQL by the piece: each operator, function, clause and limit, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.expectation import VALUES, invalid, missing, refused

WELL_FORMED = "Statement wasn't well formed, can't be processed: "
ITEM: dict[str, Any] = {
    "s": {"S": "text"},
    "n": {"N": "5"},
    "b": {"B": b"\x01\x02"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["a"]},  # one member: answers need not keep an order
    "l": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}]},
    "m": {"M": {"k": {"N": "7"}, "a b": {"S": "spaced"}}},
}


@pytest.fixture
def item(dynamodb, composite, key):
    """An item of every type."""
    made = {"pk": {"S": key}, "sk": {"S": "a"}, **ITEM}
    dynamodb.put_item(TableName=composite, Item=made)
    return made


@pytest.fixture
def where(key):
    return f"WHERE pk = '{key}' AND sk = 'a'"


@pytest.fixture
def read(dynamodb, composite, key):
    """The item as it is, or None."""

    def get():
        answer = dynamodb.get_item(
            TableName=composite,
            Key={"pk": {"S": key}, "sk": {"S": "a"}},
            ConsistentRead=True,
        )
        return answer.get("Item")

    return get


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("n = 5", True),
        ("n = 5.0", True),
        ("n <> 5", False),
        ("n != 6", True),
        ("n < 5", False),
        ("n <= 5", True),
        ("n > 4.99", True),
        ("n >= 6", False),
        ("n = '5'", False),
        ("s = 'text'", True),
        ("absent = 1", False),
        ("absent <> 1", True),
        ("n BETWEEN 5 AND 6", True),
        ("n NOT BETWEEN 5 AND 6", False),
        ("n IN [4, 5]", True),
        ("n IN (4, 6)", False),
        ("n NOT IN [4, 6]", True),
        ("NOT n = 5", False),
        ("n = 5 AND s = 'x' OR t = TRUE", True),
        ("n = 5 AND (s = 'x' OR t = true)", True),
        ("z IS NULL", True),
        ("z = NULL", True),
        ("z IS MISSING", False),
        ("absent IS MISSING", True),
        ("absent IS NOT MISSING", False),
        ("n IS NOT NULL", True),
        ("begins_with(s, 'te')", True),
        ("begins_with(s, 'x')", False),
        ("contains(ss, 'a')", True),
        ("contains(s, 'ex')", True),
        ("attribute_type(m, 'M')", True),
        ("attribute_type(m, 'L')", False),
        ("size(s) = 4", True),
        ("size(l) > 2", False),
        ("ss = <<'a'>>", True),
        ("l[0] = 1", True),
        ("l[1].x = 'deep'", True),
        ("m.k = 7", True),
        ("m.\"a b\" = 'spaced'", True),
        ("m = {'k': 7, 'a b': 'spaced'}", True),
        ("l = [1, {'x': 'deep'}]", True),
    ],
)
def test_conditions_hold_or_not(execute, composite, item, where, condition, holds):
    found = execute(f'SELECT n FROM "{composite}" {where} AND ({condition})', ConsistentRead=True)

    assert found["Items"] == ([{"n": {"N": "5"}}] if holds else [])


@pytest.mark.parametrize("value", [*ITEM.values(), {"L": []}, {"M": {}}, {"S": ""}, {"B": b""}])
def test_parameters_have_every_type(execute, composite, key, where, value, read):
    execute(f"INSERT INTO \"{composite}\" VALUE {{'pk': ?, 'sk': 'a', 'v': ?}}", {"S": key}, value)

    assert read()["v"] == value
    found = execute(f'SELECT * FROM "{composite}" {where} AND v = ?', value, ConsistentRead=True)
    assert len(found["Items"]) == 1


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("n, s", {"n": {"N": "5"}, "s": {"S": "text"}}),
        ("m.k", {"k": {"N": "7"}}),
        ("l[1].x", {"x": {"S": "deep"}}),
        ("absent, n", {"n": {"N": "5"}}),
        ('"n"', {"n": {"N": "5"}}),
    ],
)
def test_select_lists_paths(execute, composite, item, where, columns, expected):
    (found,) = execute(f'SELECT {columns} FROM "{composite}" {where}', ConsistentRead=True)["Items"]

    assert found == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("SET n = 1", {"n": {"N": "1"}}),
        ("SET n = n + 2", {"n": {"N": "7"}}),
        ("SET n = n - 7", {"n": {"N": "-2"}}),
        ("SET n = 1, s = 'x'", {"n": {"N": "1"}, "s": {"S": "x"}}),
        ("SET n = 1 SET s = 'x'", {"n": {"N": "1"}, "s": {"S": "x"}}),
        ("SET m.k = 8", {"m": {"M": {"k": {"N": "8"}, "a b": {"S": "spaced"}}}}),
        ("SET l[0] = 'x'", {"l": {"L": [{"S": "x"}, ITEM["l"]["L"][1]]}}),
        ("SET l[9] = 2", {"l": {"L": [*ITEM["l"]["L"], {"N": "2"}]}}),
        ("SET l = list_append(l, [2])", {"l": {"L": [*ITEM["l"]["L"], {"N": "2"}]}}),
        ("SET ss = set_add(ss, <<'c'>>)", {"ss": {"SS": ["a", "c"]}}),
        ("SET ss = set_delete(ss, <<'y', 'z'>>)", {}),
        ("SET ss = set_delete(ss, <<'a', 'z'>>)", {"ss": None}),
        ("SET fresh = s", {"fresh": {"S": "text"}}),
        ("REMOVE n", {"n": None}),
        ("REMOVE n, s", {"n": None, "s": None}),
        ("REMOVE l[0]", {"l": {"L": [ITEM["l"]["L"][1]]}}),
        ("REMOVE m.k SET n = 1", {"m": {"M": {"a b": {"S": "spaced"}}}, "n": {"N": "1"}}),
        ("REMOVE absent", {}),
    ],
)
def test_updates_change_what_they_name(execute, composite, item, where, changes, expected, read):
    execute(f'UPDATE "{composite}" {changes} {where}')

    found = read()
    if "ss" in found:
        found["ss"]["SS"].sort()
    changed = {**item, **expected}
    assert found == {name: value for name, value in changed.items() if value is not None}


@pytest.mark.parametrize(
    ("returning", "expected"),
    [
        ("ALL OLD", {**ITEM}),
        ("ALL NEW", {**ITEM, "n": {"N": "6"}}),
        ("MODIFIED OLD", {"n": {"N": "5"}}),
        ("MODIFIED NEW", {"n": {"N": "6"}}),
    ],
)
def test_returning_tells_of_an_update(execute, composite, item, where, returning, expected):
    (told,) = execute(f'UPDATE "{composite}" SET n = 6 {where} RETURNING {returning} *')["Items"]

    keys = {name: item[name] for name in ("pk", "sk")}
    assert told == ({**keys, **expected} if returning.startswith("ALL") else expected)


def test_returning_of_a_delete_is_all_of_the_old(execute, composite, item, where, read):
    with invalid():
        execute(f'DELETE FROM "{composite}" {where} RETURNING ALL NEW *')
    assert read() is not None

    (told,) = execute(f'DELETE FROM "{composite}" {where} RETURNING ALL OLD *')["Items"]

    assert told == item
    assert read() is None


@pytest.mark.parametrize("condition", ["", " AND n = 1"])
def test_delete_of_what_is_not_there_succeeds(execute, composite, where, condition):
    assert execute(f'DELETE FROM "{composite}" {where}{condition}')["Items"] == []


def test_delete_of_what_does_not_fit_fails(execute, composite, item, where):
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        execute(f'DELETE FROM "{composite}" {where} AND n = 1')


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT",
        "SELECT * FROM",
        'SELECT * FROM "{}" WHERE',
        "SELECT * FROM \"{}\" WHERE pk = 'a' LIMIT 1",
        "SELECT * FROM \"{}\" WHERE s LIKE 'a%'",
        'SELECT * FROM "{}" a, "{}" b WHERE a.pk = \'x\'',
        "SELECT COUNT(*) FROM \"{}\" WHERE pk = 'a'",
        "SELECT * FROM \"{}\" WHERE pk = 'a' GROUP BY pk",
        "INSERT INTO \"{}\" VALUE ('a', 'b')",
        "INSERT INTO \"{}\" VALUES {{'pk': 'a', 'sk': 'a'}}",
        "UPDATE \"{}\" WHERE pk = 'a' AND sk = 'a'",
        "DELETE \"{}\" WHERE pk = 'a' AND sk = 'a'",
        'DROP TABLE "{}"',
        "SELECT * FROM \"{}\" WHERE pk = 'a' AND pk = 'b' extra",
        'SELECT * FROM "{}" WHERE pk = \'unfinished',
        "UPSERT INTO \"{}\" VALUE {{'pk': 'a'}}",
    ],
)
def test_what_is_no_statement_is_refused(execute, composite, statement):
    with invalid():
        execute(statement.format(composite, composite))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            'SELECT * FROM "{}" ORDER BY sk',
            "Must have WHERE clause in the statement when using ORDER BY clause.",
        ),
        (
            "SELECT * FROM \"{}\" WHERE sk = 'a' ORDER BY sk",
            (
                "Must have at least one non-optional hash key condition in WHERE clause when using "
                "ORDER BY clause."
            ),
        ),
        (
            "SELECT * FROM \"{}\" WHERE pk = 'a' ORDER BY n",
            "Variable reference n in ORDER BY clause must be part of the primary key",
        ),
        (
            "UPDATE \"{}\" SET n = 1 WHERE sk = 'a'",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        (
            "DELETE FROM \"{}\" WHERE pk = 'a' OR sk = 'a'",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        ("INSERT INTO \"{}\" VALUE {{'sk': 'a'}}", f"{VALUES}Missing the key pk in the item"),
        (
            "INSERT INTO \"{}\" VALUE {{'pk': 1, 'sk': 'a'}}",
            f"{VALUES}Type mismatch for key pk expected: S actual: N",
        ),
    ],
)
def test_statements_have_rules(execute, composite, statement, message):
    with invalid(message):
        execute(statement.format(composite))


def test_table_that_is_not_there_is_not_found(execute, unique_name):
    with missing():
        execute(f"SELECT * FROM \"{unique_name('none')}\" WHERE pk = 'a'")


def test_index_that_is_not_there_is_refused(execute, composite):
    with invalid("The table does not have the specified index: none"):
        execute(f'SELECT * FROM "{composite}"."none" WHERE pk = \'a\'')


def test_parameters_are_at_least_one(execute):
    with invalid(
        "1 validation error detected: Value '[]' at 'parameters' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    ):
        execute("SELECT * FROM x", Parameters=[])


def test_more_parameters_than_places_are_refused(execute, composite, where):
    with invalid("Number of parameters in request and statement don't match."):
        execute(f'SELECT * FROM "{composite}" {where}', {"S": "a"})


@pytest.mark.parametrize("options", [{"ConsistentRead": True}, {"Limit": 1}])
def test_options_of_reads_are_refused_for_writes(execute, composite, where, options):
    (name,) = options

    with invalid(f"{name} can be used with SELECT statements only"):
        execute(f'DELETE FROM "{composite}" {where}', **options)


def test_consistent_reads_of_a_global_index_are_refused(execute, indexed):
    with invalid("Consistent reads are not supported on global secondary indexes"):
        execute(f'SELECT * FROM "{indexed}"."by_colour" WHERE colour = \'x\'', ConsistentRead=True)


def test_at_most_fifty_partitions_are_asked_for_at_once(execute, simple):
    def asked(count):
        return f'SELECT * FROM "{simple}" WHERE pk IN [{", ".join(["?"] * count)}]'

    assert execute(asked(50), *[{"S": f"none {number}"} for number in range(50)])["Items"] == []
    with invalid():
        execute(asked(51), *[{"S": f"none {number}"} for number in range(51)])


def test_capacity_is_told(execute, composite, item, where):
    read = execute(f'SELECT * FROM "{composite}" {where}', ReturnConsumedCapacity="TOTAL")
    written = execute(f'UPDATE "{composite}" SET n = 1 {where}', ReturnConsumedCapacity="TOTAL")

    assert read["ConsumedCapacity"] == {"TableName": composite, "CapacityUnits": 0.5}
    assert written["ConsumedCapacity"] == {"TableName": composite, "CapacityUnits": 1.0}


class TestBatches:
    def test_twenty_five_statements_are_taken_and_no_more(self, dynamodb, simple):
        statements = [
            {"Statement": f"SELECT * FROM \"{simple}\" WHERE pk = 'none {number}'"}
            for number in range(26)
        ]

        answer = dynamodb.batch_execute_statement(Statements=statements[:25])

        assert answer["Responses"] == [{"TableName": simple}] * 25
        with invalid() as refusal:
            dynamodb.batch_execute_statement(Statements=statements)
        assert "Member must have length less than or equal to 25" in refusal.message

    def test_reads_and_writes_are_not_mixed(self, dynamodb, composite, where):
        with invalid():
            dynamodb.batch_execute_statement(
                Statements=[
                    {"Statement": f'SELECT * FROM "{composite}" {where}'},
                    {"Statement": f'DELETE FROM "{composite}" {where}'},
                ]
            )

    def test_each_failure_has_its_code(self, dynamodb, composite, item, key, where, unique_name):
        statements = [
            f"INSERT INTO \"{composite}\" VALUE {{'pk': '{key}', 'sk': 'a'}}",
            f'UPDATE "{composite}" SET n = 1 {where} AND n = 0',
            f"UPDATE \"{composite}\" SET pk = 'x' {where}",
            f'DELETE FROM "{unique_name("none")}" {where}',
            f"DELETE FROM \"{composite}\" WHERE pk = '{key}'",
        ]

        answer = dynamodb.batch_execute_statement(
            Statements=[{"Statement": statement} for statement in statements]
        )

        assert [response["Error"]["Code"] for response in answer["Responses"]] == [
            "DuplicateItem",
            "ConditionalCheckFailed",
            "ValidationError",
            "ResourceNotFound",
            "ValidationError",
        ]


class TestTransactions:
    def test_a_failure_undoes_all(self, dynamodb, composite, item, key, where, read):
        statements = [
            f'UPDATE "{composite}" SET n = 9 {where}',
            f"EXISTS(SELECT * FROM \"{composite}\" WHERE pk = '{key}' AND sk = 'b' AND n = 1)",
        ]

        with refused("TransactionCanceledException") as refusal:
            dynamodb.execute_transaction(
                TransactStatements=[{"Statement": statement} for statement in statements]
            )

        codes = [reason["Code"] for reason in refusal.body["CancellationReasons"]]
        assert codes == ["None", "ConditionalCheckFailed"]
        assert read() == item

    def test_exists_is_for_transactions_alone(self, execute, composite, where):
        with invalid():
            execute(f'EXISTS(SELECT * FROM "{composite}" {where} AND n = 1)')

    def test_reads_are_told_in_order(self, dynamodb, composite, item, key):
        answer = dynamodb.execute_transaction(
            TransactStatements=[
                {"Statement": f"SELECT n FROM \"{composite}\" WHERE pk = '{key}' AND sk = '{sk}'"}
                for sk in "xa"
            ]
        )

        assert answer["Responses"] == [{}, {"Item": {"n": {"N": "5"}}}]

    def test_one_item_is_met_once(self, dynamodb, composite, where):
        statement = {"Statement": f'UPDATE "{composite}" SET n = 1 {where}'}

        with invalid("Transaction request cannot include multiple operations on one item"):
            dynamodb.execute_transaction(TransactStatements=[statement, statement])

    def test_a_hundred_statements_are_the_most(self, dynamodb, simple):
        statements = [
            {"Statement": f"SELECT * FROM \"{simple}\" WHERE pk = 'none {number}'"}
            for number in range(101)
        ]

        assert len(dynamodb.execute_transaction(TransactStatements=statements[:100])["Responses"])
        with invalid() as refusal:
            dynamodb.execute_transaction(TransactStatements=statements)
        assert "Member must have length less than or equal to 100" in refusal.message

    def test_a_token_makes_it_happen_once(self, dynamodb, composite, item, where, read, key):
        asked = {
            "TransactStatements": [{"Statement": f'UPDATE "{composite}" SET n = n + 1 {where}'}],
            "ClientRequestToken": key[-36:],
        }

        dynamodb.execute_transaction(**asked)
        dynamodb.execute_transaction(**asked)

        assert read()["n"] == {"N": "6"}
        asked["TransactStatements"] = [{"Statement": f'DELETE FROM "{composite}" {where}'}]
        with refused("IdempotentParameterMismatchException"):
            dynamodb.execute_transaction(**asked)
