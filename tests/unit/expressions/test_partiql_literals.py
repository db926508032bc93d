from __future__ import annotations

import pytest

from headwater.errors import SerializationException, ValidationException
from headwater.expressions.partiql.literals import Values
from headwater.expressions.partiql.parser import parse
from headwater.expressions.partiql.syntax import Insert

INVALID = "One or more parameter values were invalid: "
OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)


def value(literal, *parameters):
    """What a literal stands for."""
    statement = parse(f"SELECT * FROM t WHERE a = {literal}")
    return Values(statement, parameters).value("0", "FilterExpression")


def inserted(text, *parameters):
    statement = parse(f"INSERT INTO t VALUE {text}")
    assert isinstance(statement.body, Insert)
    return Values(statement, parameters).item(statement.body)


@pytest.mark.parametrize(
    ("literal", "meant"),
    [
        ("'it''s'", {"S": "it's"}),
        ("''", {"S": ""}),
        ("1.50", {"N": "1.5"}),
        ("-1e2", {"N": "-100"}),
        ("+.5", {"N": "0.5"}),
        ("TRUE", {"BOOL": True}),
        ("false", {"BOOL": False}),
        ("null", {"NULL": True}),
        ("[]", {"L": []}),
        ("[1, 'a', [true]]", {"L": [{"N": "1"}, {"S": "a"}, {"L": [{"BOOL": True}]}]}),
        ("{}", {"M": {}}),
        ("{'a': {'b': 1}}", {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
        ("<<2, 1>>", {"NS": ["1", "2"]}),
        ("<<'b', 'a'>>", {"SS": ["a", "b"]}),
    ],
)
def test_literal_is_a_canonical_value(literal, meant):
    assert value(literal) == meant


def test_parameter_is_a_canonical_value():
    assert value("?", {"N": "1.0"}) == {"N": "1"}


def test_parameters_stand_in_order_within_literals():
    meant = value("[?, {'a': ?}, <<?>>]", {"S": "x"}, {"N": "1"}, {"B": "AA=="})

    assert meant == {"L": [{"S": "x"}, {"M": {"a": {"N": "1"}}}, {"BS": ["AA=="]}]}


@pytest.mark.parametrize("parameters", [[], [{"S": "a"}, {"S": "b"}]])
def test_every_parameter_must_be_given_and_used(parameters):
    with pytest.raises(ValidationException) as caught:
        value("?", *parameters)

    assert caught.value.message == "Number of parameters in request and statement don't match."


def test_question_mark_in_a_string_is_no_parameter():
    assert value("'?'") == {"S": "?"}


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        ("<<>>", f"{INVALID}An string set  may not be empty"),
        ("<<1, 1.0>>", "Input collection contains duplicates"),
        (
            "<<1, 'a'>>",
            f"{INVALID}The members of a set must all be strings, all numbers or all binary values",
        ),
        ("1e200", OVERFLOW),
    ],
)
def test_what_is_no_value_is_refused(literal, message):
    with pytest.raises(ValidationException) as caught:
        value(literal)

    assert caught.value.message == message


def test_wrong_parameter_is_refused():
    with pytest.raises(SerializationException):
        value("?", {"S": 1})


def test_item_of_a_map_has_its_size():
    assert inserted("{'a': ?, 'b': [1]}", {"S": "xyz"}) == (
        {"a": {"S": "xyz"}, "b": {"L": [{"N": "1"}]}},
        1 + 3 + 1 + 3 + 1 + 2,
    )


def test_item_may_be_a_parameter():
    assert inserted("?", {"M": {"a": {"S": "x"}}}) == ({"a": {"S": "x"}}, 2)


def test_item_that_is_no_map_is_refused():
    with pytest.raises(ValidationException, match="The item to insert must be a map"):
        inserted("?", {"S": "x"})


def test_values_of_an_item_nest_as_deep_as_they_may():
    deepest = "[" * 32 + "]" * 32

    item, _ = inserted(f"{{'a': {deepest[1:-1]}}}")

    assert "a" in item
