from __future__ import annotations

import pytest

from headwater.errors import ValidationException
from headwater.expressions.partiql.parser import parse
from headwater.expressions.partiql.syntax import (
    Delete,
    Exists,
    Insert,
    Order,
    Returning,
    Select,
    Update,
)
from headwater.expressions.syntax import (
    Action,
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Membership,
    Not,
    Or,
    PathNode,
    ValueNode,
)

MALFORMED = "Statement wasn't well formed, can't be processed: "
MISUSED = "The function is not allowed to be used this way in an expression; function:"
WRONG_NUMBER = "Incorrect number of operands for operator or function; operator or function"
TOO_MANY_OPERANDS = "The IN operator is provided with too many operands; number of operands:"


def path(*steps):
    return PathNode(steps, aliased=False)


def where(condition):
    body = parse(f"SELECT * FROM t WHERE {condition}").body
    assert isinstance(body, Select)
    return body.where


def refusal(text):
    with pytest.raises(ValidationException) as caught:
        parse(text)
    return caught.value.message


def test_select_of_everything():
    assert parse("SELECT * FROM Music").body == Select("Music", None, None, None)


def test_keywords_are_in_any_case():
    assert parse("select * from Music where a is missing").body == Select(
        "Music", None, None, Call("attribute_not_exists", (path("a"),))
    )


def test_select_of_paths_from_an_index_in_order():
    statement = (
        'SELECT a, b.c[0]."d e" FROM "my-table"."by.x" WHERE k = 1 ORDER BY k DESC, s ASC, t'
    )

    body = parse(statement).body

    assert isinstance(body, Select)
    assert (body.table, body.index) == ("my-table", "by.x")
    assert body.paths == (("a",), ("b", "c", 0, "d e"))
    assert body.order == (
        Order("k", is_descending=True),
        Order("s", is_descending=False),
        Order("t", is_descending=False),
    )


def test_insert_of_a_map():
    body = parse("INSERT INTO t VALUE {'a': 1, 'b': ?}").body

    assert isinstance(body, Insert)
    assert body.table == "t"


def test_update_of_several_clauses():
    body = parse(
        "UPDATE t SET a = 1, b = c + ? REMOVE d[1] SET e = list_append(e, [2]) "
        "SET f = set_add(f, <<1>>) SET g = SET_DELETE(g, ?) WHERE k = 1 RETURNING MODIFIED OLD *"
    ).body

    assert body == Update(
        "t",
        (
            Action("SET", path("a"), ValueNode("0")),
            Action("SET", path("b"), Arithmetic("+", path("c"), ValueNode("1"))),
            Action("REMOVE", path("d", 1), None),
            Action("SET", path("e"), Call("list_append", (path("e"), ValueNode("2")))),
            Action("ADD", path("f"), ValueNode("3")),
            Action("DELETE", path("g"), ValueNode("4")),
        ),
        Comparison("=", path("k"), ValueNode("5")),
        Returning.MODIFIED_OLD,
    )


def test_delete_that_returns():
    body = parse("DELETE FROM t WHERE k = 1 RETURNING ALL OLD *").body

    assert body == Delete("t", Comparison("=", path("k"), ValueNode("0")), Returning.ALL_OLD)


def test_exists():
    body = parse("EXISTS(SELECT * FROM t WHERE k = 1)").body

    assert body == Exists("t", Comparison("=", path("k"), ValueNode("0")))


def test_statement_may_end_with_a_semicolon():
    assert parse("SELECT * FROM t;").body == parse("SELECT * FROM t").body


def test_and_binds_closer_than_or_and_not_closest():
    assert where("NOT a = 1 AND b = 2 OR c = 3") == Or(
        (
            And(
                (
                    Not(Comparison("=", path("a"), ValueNode("0"))),
                    Comparison("=", path("b"), ValueNode("1")),
                )
            ),
            Comparison("=", path("c"), ValueNode("2")),
        )
    )


def test_parentheses_hold_conditions_and_operands():
    assert where("((a) = (1) OR b = 2) AND c = 3") == And(
        (
            Or(
                (
                    Comparison("=", path("a"), ValueNode("0")),
                    Comparison("=", path("b"), ValueNode("1")),
                )
            ),
            Comparison("=", path("c"), ValueNode("2")),
        )
    )


@pytest.mark.parametrize("written", ["<>", "!="])
def test_both_spellings_of_unequal(written):
    assert where(f"a {written} 1") == Comparison("<>", path("a"), ValueNode("0"))


@pytest.mark.parametrize("listed", ["[1, ?]", "(1, ?)"])
def test_both_spellings_of_a_list_of_candidates(listed):
    assert where(f"a IN {listed}") == Membership(path("a"), (ValueNode("0"), ValueNode("1")))


def test_negated_tests():
    assert where("a NOT IN [1]") == Not(Membership(path("a"), (ValueNode("0"),)))
    assert where("a NOT BETWEEN 1 AND 2") == Not(Between(path("a"), ValueNode("0"), ValueNode("1")))
    assert where("a IS NOT MISSING") == Call("attribute_exists", (path("a"),))


def test_null_is_a_type():
    assert where("a IS NULL") == Call("attribute_type", (path("a"), ValueNode("0")))
    assert where("a IS NOT NULL") == Not(Call("attribute_type", (path("a"), ValueNode("0"))))


def test_functions_are_in_any_case():
    assert where("Begins_With(a, 'x') AND SIZE(b) > 1") == And(
        (
            Call("begins_with", (path("a"), ValueNode("0"))),
            Comparison(">", Call("size", (path("b"),)), ValueNode("1")),
        )
    )


def test_quoted_names_may_be_anything():
    assert where('"size" = 1 AND "a ""b""" = 2') == And(
        (
            Comparison("=", path("size"), ValueNode("0")),
            Comparison("=", path('a "b"'), ValueNode("1")),
        )
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expected data manipulation"),
        ("SLECT * FROM t", "Expected data manipulation"),
        ("UPDATE t WHERE a = 1", "Expected data manipulation"),
        ("UPDATE t-x SET a = 1 WHERE b = 1", "Expected data manipulation"),
        ("INSERT INTO t (a, b) VALUES (1, 2)", "Unexpected keyword"),
        ("SELECT * FROM t WHERE key = 1", "Unexpected keyword"),
        ("SELECT key FROM t", "Unexpected keyword"),
        ("SELECT FROM t", "Cannot have empty SELECT list"),
        ("SELECT *", "Expected FROM after SELECT list"),
        ("SELECT * FROM t WHERE", "Unexpected term"),
        ("SELECT * FROM t WHERE a = ", "Unexpected term"),
        ("SELECT * FROM t WHERE a. = 1", "Invalid path dot component"),
        ("SELECT * FROM t LIMIT 1", "Unexpected token after expression"),
        ("SELECT * FROM t AS x", "Unexpected token after expression"),
        ("SELECT * FROM t WHERE a", "Expected a condition"),
        ("SELECT * FROM t WHERE a = 1 b", "Unexpected token after expression"),
        ("SELECT * FROM t WHERE a IN 'x'", "Expected a list after IN"),
        ("SELECT * FROM t WHERE a IS STRING", "Expected type name"),
        ("SELECT * FROM t WHERE a + 1 = 2", "Arithmetic is not supported in a WHERE clause"),
        ("SELECT * FROM t WHERE (a = 1", "Expected )"),
        ("SELECT * FROM t.i", "Expected table and index in double quotes"),
        ("SELECT 1 FROM t", "Only paths are supported in a SELECT list"),
        ("SELECT a, * FROM t", "Unexpected term"),
        ("DELETE t WHERE a = 1", "Expected FROM after DELETE"),
        ("DELETE FROM t WHERE a = 1 RETURNING ALL NEW *", "DELETE can return ALL OLD * only"),
        ("UPDATE t SET a WHERE b = 1", "Expected assignment for SET"),
        ("UPDATE t SET a = 1 WHERE b = 1 RETURNING ALL *", "Expected OLD or NEW after ALL"),
        ("INSERT INTO t VALUE [1]", "Expected a map as the item to insert"),
        ("INSERT INTO t VALUE {'a': 1, 'a': 2}", "A map has two members of the name a"),
        ("EXISTS(DELETE FROM t)", "Expected a SELECT statement in EXISTS"),
        ("SELECT * FROM t WHERE a = 'x", "Invalid character at position 27"),
        ("SELECT a[-1] FROM t", "Invalid path component for simple path"),
    ],
)
def test_malformed_statement_is_refused(text, reason):
    assert refusal(text) == MALFORMED + reason


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (
            "SELECT * FROM t WHERE foo(a)",
            "FilterExpression",
            "Invalid function name; function: foo",
        ),
        (
            "UPDATE t SET a = if_not_exists(a, 1) WHERE k = 1",
            "UpdateExpression",
            "Invalid function name; function: if_not_exists",
        ),
        (
            "DELETE FROM t WHERE contains(a)",
            "ConditionExpression",
            f"{WRONG_NUMBER}: contains, number of operands: 1",
        ),
        ("SELECT * FROM t WHERE size(a)", "FilterExpression", f"{MISUSED} size"),
        (
            "SELECT * FROM t WHERE contains(a, 'b') = true",
            "FilterExpression",
            f"{MISUSED} contains",
        ),
        ("SELECT * FROM t WHERE contains(a, size(b))", "FilterExpression", f"{MISUSED} size"),
        (
            f"SELECT * FROM t WHERE a IN [{', '.join('1' * 101)}]",
            "FilterExpression",
            f"{TOO_MANY_OPERANDS} 101",
        ),
        (
            f"SELECT * FROM t WHERE {' OR '.join(['a=1'] * 151)}",
            "FilterExpression",
            "The expression contains too many operators; operator count: 301",
        ),
        (
            "SELECT a[99999999999] FROM t",
            "ProjectionExpression",
            "List index is not within the allowable range; index: [99999999999]",
        ),
        (
            f"SELECT {'.'.join('a' * 33)} FROM t",
            "ProjectionExpression",
            "The document path has too many nesting elements; nesting elements: 33",
        ),
    ],
)
def test_what_dynamodb_cannot_do_is_refused(text, kind, reason):
    assert refusal(text) == f"Invalid {kind}: {reason}"


def test_set_is_changed_only_where_it_is():
    refused = refusal("UPDATE t SET a = set_add(b, <<1>>) WHERE k = 1")

    assert refused.startswith(MALFORMED + "set_add takes the path that is set")


def test_parentheses_nest_without_end_of_the_stack():
    refused = refusal(f"SELECT * FROM t WHERE {'(' * 4000}a = 1{')' * 4000}")

    assert refused == MALFORMED + "Parentheses are nested too deeply"


def test_literals_nest_without_end_of_the_stack():
    refused = refusal(f"SELECT * FROM t WHERE a = {'[' * 4000}")

    assert refused == "Nesting Levels have exceeded supported limits"
