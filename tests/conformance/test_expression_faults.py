"""Faults of expressions: syntax, names, values, functions, limits, and their texts."""

import pytest

from tests.conformance.expectation import invalid

NUMBERS = {":v": {"N": "1"}, ":w": {"N": "2"}}
ONE = {":v": {"N": "1"}}
TEXT = {":v": {"S": "a"}}
RESERVED = "Attribute name is a reserved keyword; reserved keyword: "


@pytest.fixture
def condition(dynamodb, simple, key):
    """Deletes on a condition."""

    def call(expression, values=None, names=None):
        return dynamodb.delete_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            ConditionExpression=expression,
            **placeholders(values, names),
        )

    return call


@pytest.fixture
def update(dynamodb, simple, key):
    def call(expression, values=None, names=None):
        return dynamodb.update_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            UpdateExpression=expression,
            **placeholders(values, names),
        )

    return call


def placeholders(values, names):
    given = {"ExpressionAttributeValues": values, "ExpressionAttributeNames": names}
    return {member: value for member, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        pytest.param("", None, "The expression can not be empty;", id="empty"),
        pytest.param(
            "a = #a",
            None,
            "An expression attribute name used in the document path is not defined; "
            "attribute name: #a",
            id="unknown name",
        ),
        pytest.param(
            "a = :v",
            None,
            "An expression attribute value used in expression is not defined; attribute value: :v",
            id="unknown value",
        ),
        pytest.param("name = :v", ONE, RESERVED + "name", id="reserved word"),
        pytest.param("a.Status = :v", ONE, RESERVED + "Status", id="reserved word in a path"),
        pytest.param(
            "attribute_exists(COUNT)", None, RESERVED + "COUNT", id="reserved word as operand"
        ),
        pytest.param("foo(a)", None, "Invalid function name; function: foo", id="unknown function"),
        pytest.param(
            "Size(a) = :v", ONE, "Invalid function name; function: Size", id="case of a function"
        ),
        pytest.param(
            "contains(a)",
            None,
            "Incorrect number of operands for operator or function; operator or function: "
            "contains, number of operands: 1",
            id="too few operands",
        ),
        pytest.param(
            "attribute_exists(a, b)",
            None,
            "Incorrect number of operands for operator or function; operator or function: "
            "attribute_exists, number of operands: 2",
            id="too many operands",
        ),
        pytest.param(
            "begins_with(a, :v)",
            ONE,
            "Incorrect operand type for operator or function; operator or function: begins_with, "
            "operand type: N",
            id="wrong type",
        ),
        pytest.param(
            "a < :v",
            {":v": {"BOOL": True}},
            "Incorrect operand type for operator or function; operator or function: <, "
            "operand type: BOOL",
            id="order of booleans",
        ),
        pytest.param(
            "size(a)",
            None,
            "The function is not allowed to be used this way in an expression; function: size",
            id="size as a condition",
        ),
        pytest.param(
            "attribute_exists(a) = :v",
            ONE,
            "The function is not allowed to be used this way in an expression; "
            "function: attribute_exists",
            id="condition as an operand",
        ),
        pytest.param(
            "a = a",
            None,
            "The first operand must be distinct from the remaining operands for this operator or "
            "function; operator: =, first operand: [a]",
            id="compared with itself",
        ),
        pytest.param(
            "a BETWEEN :w AND :v",
            NUMBERS,
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: "
            "AttributeValue: {N:1}",
            id="bounds",
        ),
        pytest.param(
            "((a = :v))", ONE, "The expression has redundant parentheses;", id="parentheses"
        ),
        pytest.param(
            "a = :v AND ((a > :v))",
            ONE,
            "The expression has redundant parentheses;",
            id="inner parentheses",
        ),
        pytest.param(
            "attribute_type(a, :v)",
            {":v": {"S": "X"}},
            "Invalid attribute type name found; type: X, "
            "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
            id="unknown type",
        ),
    ],
)
def test_faulty_condition_is_refused(condition, expression, values, message):
    with invalid(f"Invalid ConditionExpression: {message}"):
        condition(expression, values)


@pytest.mark.parametrize(
    ("expression", "token", "near"),
    [
        ("a x b", "x", "a x b"),
        ("a = ", "<EOF>", "="),
        ("a = :v AND", "<EOF>", "AND"),
        ("a ! :v", "!", "a ! :v"),
        ("(a = :v", "<EOF>", ":v"),
        ("a = :v)", ")", ":v)"),
    ],
)
def test_syntax_error_names_its_token(condition, expression, token, near):
    values = ONE if ":v" in expression else None

    with invalid() as refusal:
        condition(expression, values)

    assert refusal.message.startswith(
        f'Invalid ConditionExpression: Syntax error; token: "{token}", near: "'
    )
    assert near in refusal.message


@pytest.mark.parametrize(
    "expression",
    [
        "a",
        "a b",
        "= :v",
        "a == :v",
        "a = = :v",
        "a IN ()",
        "a IN :v",
        "a BETWEEN :v",
        "a BETWEEN :v OR :v",
        "AND a = :v",
        "a = :v a = :v",
        "NOT",
        "attribute_exists()",
        "attribute_exists(a",
        "attribute_exists a",
        "a[ = :v",
        "a[x] = :v",
        "a[-1] = :v",
        "a[1.5] = :v",
        "a. = :v",
        ".a = :v",
        "a..b = :v",
        "1a = :v",
        "a = 1",
        "a = 'text'",
        'a = "text"',
        "a = :v; b = :v",
        "a = :",
        "# = :v",
        "a + :v = :v",
        "_a = :v",
        "ä = :v",
        "if_not_exists(a, :v) = :v",
    ],
)
def test_text_that_is_no_condition_is_invalid(condition, expression):
    values = ONE if ":v" in expression else None

    with invalid():
        condition(expression, values)


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        pytest.param("", None, "The expression can not be empty;", id="empty"),
        pytest.param("SET name = :v", ONE, RESERVED + "name", id="reserved word"),
        pytest.param("REMOVE Count", None, RESERVED + "Count", id="reserved word removed"),
        pytest.param(
            "SET a = foo(a)", None, "Invalid function name; function: foo", id="unknown function"
        ),
        pytest.param(
            "SET a = list_append(a)",
            None,
            "Incorrect number of operands for operator or function; operator or function: "
            "list_append, number of operands: 1",
            id="too few operands",
        ),
        pytest.param(
            "SET a = list_append(a, :v)",
            ONE,
            "Incorrect operand type for operator or function; operator or function: list_append, "
            "operand type: N",
            id="wrong type",
        ),
        pytest.param(
            "SET a = a + :v",
            TEXT,
            "Incorrect operand type for operator or function; operator or function: +, "
            "operand type: S",
            id="sum of text",
        ),
        pytest.param(
            "SET a = :u",
            None,
            "An expression attribute value used in expression is not defined; attribute value: :u",
            id="unknown value",
        ),
    ],
)
def test_faulty_update_is_refused(update, expression, values, message):
    with invalid(f"Invalid UpdateExpression: {message}"):
        update(expression, values)


@pytest.mark.parametrize(
    "expression",
    [
        "SET",
        "SET a",
        "SET a =",
        "SET a = :v,",
        "SET a = :v b = :v",
        "SET a, b = :v",
        "REMOVE",
        "REMOVE a,",
        "ADD a",
        "ADD a = :v",
        "ADD a, :v",
        "DELETE a",
        "PUT a = :v",
        "a = :v",
        "SET a = (:v",
        "SET a = :v * :v",
        "SET a = attribute_exists(a)",
        "SET if_not_exists(a, :v) = :v",
        "SET a = :v AND b = :v",
    ],
)
def test_text_that_is_no_update_is_invalid(update, expression):
    values = ONE if ":v" in expression else None

    with invalid():
        update(expression, values)


@pytest.mark.parametrize(
    ("expression", "values", "names", "message"),
    [
        pytest.param(
            "a = :v",
            NUMBERS,
            None,
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}",
            id="unused value",
        ),
        pytest.param(
            "a = :v",
            ONE,
            {"#x": "x"},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}",
            id="unused name",
        ),
        pytest.param(
            "attribute_exists(a)",
            {},
            None,
            "ExpressionAttributeValues must not be empty",
            id="no values",
        ),
        pytest.param(
            "attribute_exists(a)",
            None,
            {},
            "ExpressionAttributeNames must not be empty",
            id="no names",
        ),
    ],
)
def test_placeholders_must_be_used(condition, expression, values, names, message):
    with invalid(message):
        condition(expression, values, names)


@pytest.mark.parametrize("member", ["ExpressionAttributeNames", "ExpressionAttributeValues"])
def test_placeholders_need_an_expression(dynamodb, simple, key, member):
    given = {"#a": "a"} if member.endswith("Names") else {":a": {"S": "a"}}

    with invalid() as refusal:
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}}, **{member: given})

    assert refusal.message.startswith(f"{member} can only be specified when using expressions")


@pytest.mark.parametrize("name", ["a", "#", "#a-b", "#a.b", ":a", "##a"])
def test_placeholder_of_a_name_has_a_form(condition, name):
    with invalid():
        condition("attribute_exists(#a)", None, {"#a": "a", name: "a"})


@pytest.mark.parametrize("name", ["v", ":", ":a-b", "#v", "::v"])
def test_placeholder_of_a_value_has_a_form(condition, name):
    with invalid():
        condition("a = :v", {**ONE, name: {"N": "1"}})


def test_faulty_value_of_a_placeholder_is_refused(condition):
    with invalid() as refusal:
        condition("a = :v", {":v": {"N": "dog"}})

    assert "The parameter cannot be converted to a numeric value: dog" in refusal.message


def test_expression_of_4_kilobytes_is_the_longest(condition, dynamodb):
    longest = f"attribute_not_exists({'a' * (4096 - len('attribute_not_exists()'))})"

    condition(longest)

    with invalid(
        "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; "
        "expression size: 4097"
    ):
        condition(longest.replace("(a", "(aa"))


def test_301_operators_are_too_many(condition):
    comparisons = " OR ".join(["a=:v"] * 151)

    with invalid() as refusal:
        condition(comparisons, ONE)

    assert refusal.message == (
        "Invalid ConditionExpression: The expression contains too many operators; "
        "operator count: 301"
    )


def test_300_operators_are_allowed(condition, dynamodb):
    comparisons = " OR ".join(["attribute_not_exists(a)"] * 150)

    condition(comparisons)


def test_101_operands_of_in_are_too_many(condition):
    values = {f":v{number}": {"N": str(number)} for number in range(101)}

    with invalid():
        condition(f"a IN ({', '.join(values)})", values)


def test_100_operands_of_in_are_allowed(condition, dynamodb):
    values = {f":v{number}": {"N": str(number)} for number in range(100)}

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        condition(f"a IN ({', '.join(values)})", values)


@pytest.mark.parametrize(
    ("legacy", "expression"),
    [
        (
            {"Expected": {"a": {"Exists": False}}},
            {"ConditionExpression": "attribute_not_exists(a)"},
        ),
    ],
)
def test_old_and_new_parameters_do_not_mix(dynamodb, simple, key, legacy, expression):
    with invalid(
        "Can not use both expression and non-expression parameters in the same request: "
        f"Non-expression parameters: {{{next(iter(legacy))}}} "
        f"Expression parameters: {{{next(iter(expression))}}}"
    ):
        dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}}, **legacy, **expression)


@pytest.mark.parametrize("word", ["ABORT", "data", "Name", "ttl", "VALUE", "zone", "year", "items"])
def test_reserved_words_need_a_placeholder(condition, dynamodb, simple, key, word):
    with invalid(f"Invalid ConditionExpression: {RESERVED}{word}"):
        condition(f"attribute_exists({word})")

    condition("attribute_not_exists(#w)", None, {"#w": word})


@pytest.mark.parametrize(("length", "is_allowed"), [(255, True), (256, False)])
def test_placeholders_have_a_length(condition, length, is_allowed):
    name = "#" + "n" * (length - 1)

    if is_allowed:
        condition(f"attribute_not_exists({name})", None, {name: "a"})
    else:
        with invalid():
            condition(f"attribute_not_exists({name})", None, {name: "a"})


def test_path_deeper_than_items_is_refused(condition):
    with invalid():
        condition("attribute_exists(a" + ".a" * 33 + ")")


def test_parentheses_without_end_are_refused(condition):
    with invalid():
        condition("(" * 1000 + "a = :v" + ")" * 1000, ONE)


def test_negations_without_end_are_refused(condition):
    with invalid():
        condition("NOT " * 900 + "a = :v", ONE)


@pytest.mark.parametrize("kind", ["ConditionExpression", "UpdateExpression"])
def test_unpaired_names_are_found_over_all_expressions(dynamodb, simple, key, kind):
    """A placeholder may be used by any of a request's expressions."""
    expressions = {
        "ConditionExpression": "attribute_not_exists(#a)",
        "UpdateExpression": "SET #b = :v",
    }
    used = {"#a": "a", "#b": "b"}

    dynamodb.update_item(
        TableName=simple,
        Key={"pk": {"S": key}},
        **expressions,
        ExpressionAttributeNames=used,
        ExpressionAttributeValues=ONE,
    )

    del expressions[kind]
    del used["#a" if kind == "UpdateExpression" else "#b"]
    with invalid() as refusal:
        dynamodb.update_item(
            TableName=simple,
            Key={"pk": {"S": key}},
            **expressions,
            ExpressionAttributeNames=used,
            **({"ExpressionAttributeValues": ONE} if kind == "ConditionExpression" else {}),
        )
    assert "is not defined; attribute name: #" in refusal.message
