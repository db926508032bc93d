"""Placeholders: their form, their lookup, and whether all were used."""

import pytest

from headwater.errors import SerializationException, ValidationException
from headwater.expressions import condition, projection
from headwater.expressions.bind import Placeholders


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, None, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        (
            {"a": "b"},
            None,
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
        ),
        (
            {"#a-b": "b"},
            None,
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"',
        ),
        (
            None,
            {":": {"S": "x"}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: ":"',
        ),
        (
            None,
            {":v": {}},
            (
                "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is "
                "empty, "
                "must contain exactly one of the supported datatypes for key :v"
            ),
        ),
        (
            None,
            {":v": {"N": "x"}},
            (
                "ExpressionAttributeValues contains invalid value: "
                "The parameter cannot be converted to a numeric value: x for key :v"
            ),
        ),
        (
            {"#a": ""},
            None,
            (
                "ExpressionAttributeNames contains invalid value: One or more parameter "
                "values were "
                "invalid: Attribute name must not be empty for key #a"
            ),
        ),
    ],
)
def test_malformed_placeholders_are_refused(names, values, message):
    with pytest.raises(ValidationException) as refused:
        Placeholders(names, values)

    assert refused.value.message == message


def test_a_placeholder_of_more_than_255_bytes_is_refused():
    assert Placeholders({"#" + "a" * 254: "b"}, None)

    with pytest.raises(ValidationException, match="maximum allowed size of 255 bytes"):
        Placeholders({"#" + "a" * 255: "b"}, None)


def test_placeholders_of_more_than_two_megabytes_are_refused():
    values = {f":v{index}": {"S": "x" * 1024 * 1024} for index in range(2)}

    with pytest.raises(ValidationException, match="exceed the maximum allowed size"):
        Placeholders(None, values)


def test_a_value_of_the_wrong_json_type_does_not_deserialise():
    with pytest.raises(SerializationException):
        Placeholders(None, {":v": {"S": 1}})


def test_placeholders_need_an_expression():
    with pytest.raises(ValidationException) as names:
        Placeholders({"#a": "a"}, None).check_expressions(present=False)
    with pytest.raises(ValidationException) as values:
        Placeholders(None, {":v": {"S": "x"}}).check_expressions(present=False)

    assert names.value.message == (
        "ExpressionAttributeNames can only be specified when using expressions"
    )
    assert values.value.message == (
        "ExpressionAttributeValues can only be specified when using expressions"
    )
    Placeholders({"#a": "a"}, None).check_expressions(present=True)
    Placeholders(None, None).check_expressions(present=False)


def test_each_placeholder_is_used_in_at_least_one_expression_of_the_request():
    placeholders = Placeholders({"#a": "a", "#b": "b"}, {":v": {"S": "x"}})

    condition.parse("#a = :v", placeholders)
    projection.parse("#b", placeholders)

    placeholders.check_all_used()


def test_unused_placeholders_are_named():
    placeholders = Placeholders({"#b": "b", "#a": "a"}, {":v": {"S": "x"}, ":w": {"S": "y"}})

    with pytest.raises(ValidationException) as names:
        placeholders.check_all_used()
    condition.parse("#a = :v AND #b = :v", placeholders)
    with pytest.raises(ValidationException) as values:
        placeholders.check_all_used()

    assert names.value.message == (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"
    )
    assert values.value.message == (
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "#z = :v",
            (
                "Invalid FilterExpression: An expression attribute name used in the document "
                "path is "
                "not defined; attribute name: #z"
            ),
        ),
        (
            "a = :z",
            (
                "Invalid FilterExpression: An expression attribute value used in expression "
                "is not "
                "defined; attribute value: :z"
            ),
        ),
    ],
)
def test_an_undefined_placeholder_is_refused(text, message):
    with pytest.raises(ValidationException) as refused:
        condition.parse(text, Placeholders({"#a": "a"}, {":v": {"S": "x"}}), "FilterExpression")

    assert refused.value.message == message
