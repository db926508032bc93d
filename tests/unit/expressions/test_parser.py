"""What is said of an expression before its placeholders are looked at."""

import pytest

from headwater.errors import ValidationException
from headwater.expressions import parser
from headwater.expressions.reserved import RESERVED, is_reserved
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

A, B, C = (Call("attribute_exists", (PathNode((name,), aliased=False),)) for name in "abc")
EXISTS = "attribute_exists(a)", "attribute_exists(b)", "attribute_exists(c)"


def path(*steps: str | int) -> PathNode:
    return PathNode(steps, aliased=any(str(step).startswith("#") for step in steps))


def refusal(text: str, expression: str = "ConditionExpression") -> str | None:
    parse = {
        "ConditionExpression": lambda: parser.condition(text, expression),
        "UpdateExpression": lambda: parser.update(text),
        "ProjectionExpression": lambda: parser.projection(text),
    }[expression]
    with pytest.raises(ValidationException) as refused:
        parse()
    message = refused.value.message
    assert message is not None
    assert message.startswith(f"Invalid {expression}: ")
    return message.removeprefix(f"Invalid {expression}: ")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("{} OR {} AND {}", Or((A, And((B, C))))),
        ("({} OR {}) AND {}", And((Or((A, B)), C))),
        ("NOT {} AND {} OR {}", Or((And((Not(A), B)), C))),
        ("not ({} and {}) or {}", Or((Not(And((A, B))), C))),
        ("({} AND {}) AND ({})", And((And((A, B)), C))),
    ],
)
def test_not_binds_before_and_before_or(text, tree):
    assert parser.condition(text.format(*EXISTS), "ConditionExpression") == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=:v", Comparison("=", path("a"), ValueNode(":v"))),
        (
            "#a . b [ 3 ].c <> :v",
            Comparison("<>", path("#a", "b", 3, "c"), ValueNode(":v")),
        ),
        ("size (a) >= :v", Comparison(">=", Call("size", (path("a"),)), ValueNode(":v"))),
        (
            "a between :v and :w",
            Between(path("a"), ValueNode(":v"), ValueNode(":w")),
        ),
        ("a IN (:v, b)", Membership(path("a"), (ValueNode(":v"), path("b")))),
        ("(a) = (:v)", Comparison("=", path("a"), ValueNode(":v"))),
        ("a < :v", Comparison("<", path("a"), ValueNode(":v"))),
        ("between1 = :v", Comparison("=", path("between1"), ValueNode(":v"))),
    ],
)
def test_a_comparison_is_read_whatever_its_spacing_and_case(text, tree):
    assert parser.condition(text, "FilterExpression") == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("  ", "The expression can not be empty;"),
        ("a x b", 'Syntax error; token: "x", near: "a x b"'),
        ("a = ", 'Syntax error; token: "<EOF>", near: "="'),
        ("a = = :v", 'Syntax error; token: "=", near: "= = :v"'),
        ("a $ b", 'Syntax error; token: "$", near: "a $ b"'),
        ("_a = :v", 'Syntax error; token: "_", near: "_a"'),
        ("user-id = :v", 'Syntax error; token: "-", near: "user-id"'),
        ("a.0 = :v", 'Syntax error; token: "0", near: ".0 ="'),
        ("a[b] = :v", 'Syntax error; token: "b", near: "[b]"'),
        ("a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("(a) AND b = :v", 'Syntax error; token: "AND", near: ") AND b"'),
        ("a = :v AND", 'Syntax error; token: "<EOF>", near: "AND"'),
        ("a = :v)", 'Syntax error; token: ")", near: ":v)"'),
        ("(a = :v", 'Syntax error; token: "<EOF>", near: ":v"'),
        ("(a = :v) = :w", 'Syntax error; token: "=", near: ") = :w"'),
        ("a IN ()", 'Syntax error; token: ")", near: "()"'),
        ("size() = :v", 'Syntax error; token: ")", near: "() ="'),
        ("a = :v name", 'Syntax error; token: "name", near: ":v name"'),
        ("((a = :v))", "The expression has redundant parentheses;"),
        ("a = :v AND ((b = :v))", "The expression has redundant parentheses;"),
        ("a = ((:v))", "The expression has redundant parentheses;"),
        ("name = :v", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("a.Size = :v", "Attribute name is a reserved keyword; reserved keyword: Size"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("Contains(a, :v)", "Invalid function name; function: Contains"),
        (
            "list_append(a, :v) = :w",
            "The function is not allowed in a condition expression; function: list_append",
        ),
        (
            "contains(a)",
            (
                "Incorrect number of operands for operator or function; "
                "operator or function: contains, number of operands: 1"
            ),
        ),
        (
            "attribute_exists(a, b)",
            (
                "Incorrect number of operands for operator or function; "
                "operator or function: attribute_exists, number of operands: 2"
            ),
        ),
        (
            "size(a)",
            "The function is not allowed to be used this way in an expression; function: size",
        ),
        (
            "contains(a, :v) = :w",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        (
            "size(contains(a, :v)) = :w",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        (
            f"a IN ({', '.join([':v'] * 101)})",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
        (
            "a = :v OR " * 151 + "a = :v",
            "The expression contains too many operators; operator count: 303",
        ),
        (
            "a[2147483648] = :v",
            "List index is not within the allowable range; index: [2147483648]",
        ),
        (
            ".".join("a" * 33) + " = :v",
            "The document path has too many nesting elements; nesting elements: 33",
        ),
        (
            "a = :" + "v" * 4096,
            "Expression size has exceeded the maximum allowed size; expression size: 4101",
        ),
    ],
)
def test_a_malformed_condition_is_refused(text, reason):
    assert refusal(text) == reason


def test_300_operators_are_accepted_and_a_between_counts_once():
    text = " OR ".join(["a BETWEEN :v AND :w"] * 150) + " OR (a = :v)"

    with pytest.raises(ValidationException, match="operator count: 301"):
        parser.condition(text, "FilterExpression")
    assert parser.condition(text.replace("(a = :v)", "NOT b = :v", 1)[:-14], "FilterExpression")


@pytest.mark.parametrize(
    "text",
    [
        "NOT (" * 290 + "a = :v" + ")" * 290,
        "a = :v OR (" * 149 + "a = :v" + ")" * 149,
        "size(" * 290 + "a" + ")" * 290 + " = :v",
    ],
)
def test_expressions_nest_as_deep_as_operators_reach(text):
    assert parser.condition(text, "ConditionExpression")


@pytest.mark.parametrize("text", ["(" * 4096, "a = " + "(" * 4000, "size(" * 800, "NOT " * 1000])
def test_what_nests_without_end_is_refused(text):
    assert refusal(text)


def test_a_hundred_operands_of_in_are_accepted():
    text = f"a IN ({', '.join([':v'] * 100)})"

    assert parser.condition(text, "FilterExpression")


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("SET a = :v", [Action("SET", path("a"), ValueNode(":v"))]),
        (
            "set a = a + :v, b[1] = (b[0] - :v) remove c, #d.e",
            [
                Action("SET", path("a"), Arithmetic("+", path("a"), ValueNode(":v"))),
                Action("SET", path("b", 1), Arithmetic("-", path("b", 0), ValueNode(":v"))),
                Action("REMOVE", path("c"), None),
                Action("REMOVE", path("#d", "e"), None),
            ],
        ),
        (
            "ADD a :v, b :w DELETE c :v",
            [
                Action("ADD", path("a"), ValueNode(":v")),
                Action("ADD", path("b"), ValueNode(":w")),
                Action("DELETE", path("c"), ValueNode(":v")),
            ],
        ),
        (
            "SET a = list_append(if_not_exists(a, :v), :w)",
            [
                Action(
                    "SET",
                    path("a"),
                    Call(
                        "list_append",
                        (Call("if_not_exists", (path("a"), ValueNode(":v"))), ValueNode(":w")),
                    ),
                )
            ],
        ),
        (
            "SET a = (b) + :v",
            [Action("SET", path("a"), Arithmetic("+", path("b"), ValueNode(":v")))],
        ),
    ],
)
def test_the_sections_of_an_update_are_read(text, actions):
    assert parser.update(text) == tuple(actions)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("SET", 'Syntax error; token: "<EOF>", near: "SET"'),
        ("PUT a = :v", 'Syntax error; token: "PUT", near: "PUT a"'),
        ("SET a = :v, REMOVE b", 'Syntax error; token: "REMOVE", near: ", REMOVE b"'),
        ("SET a = :v + :v + :v", 'Syntax error; token: "+", near: ":v + :v"'),
        ("SET a = b * :v", 'Syntax error; token: "*", near: "b * :v"'),
        ("ADD a b", 'Syntax error; token: "b", near: "a b"'),
        ("DELETE a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("SET :v = a", 'Syntax error; token: ":v", near: "SET :v ="'),
        (
            "SET a = :v SET b = :v",
            'The "SET" section can only be used once in an update expression;',
        ),
        ("SET name = :v", "Attribute name is a reserved keyword; reserved keyword: name"),
        ("SET a = foo(b)", "Invalid function name; function: foo"),
        (
            "SET a = size(b)",
            "The function is not allowed in an update expression; function: size",
        ),
        (
            "SET a = if_not_exists(b)",
            (
                "Incorrect number of operands for operator or function; "
                "operator or function: if_not_exists, number of operands: 1"
            ),
        ),
    ],
)
def test_a_malformed_update_is_refused(text, reason):
    assert refusal(text, "UpdateExpression") == reason


def test_the_paths_of_a_projection_are_read():
    assert parser.projection("a, #b.c[0]") == (path("a"), path("#b", "c", 0))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,", 'Syntax error; token: "<EOF>", near: ","'),
        ("a b", 'Syntax error; token: "b", near: "a b"'),
        (":v", 'Syntax error; token: ":v", near: ":v"'),
        ("a, data", "Attribute name is a reserved keyword; reserved keyword: data"),
    ],
)
def test_a_malformed_projection_is_refused(text, reason):
    assert refusal(text, "ProjectionExpression") == reason


def test_573_words_are_reserved_in_any_case():
    assert len(RESERVED) == 573
    assert is_reserved("zone")
    assert not is_reserved("contains")
