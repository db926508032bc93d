"""Attribute values: canonical form, refusals, order and size."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import SerializationException, ServiceError, ValidationException
from headwater.values import attribute

INVALID = "One or more parameter values were invalid: "


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for level in range(depth):
        value = {"L": [value]} if level % 2 else {"M": {"m": value}}
    return value


@pytest.mark.parametrize(
    ("sent", "canonical", "size"),
    [
        ({"S": ""}, {"S": ""}, 0),
        ({"S": "æ"}, {"S": "æ"}, 2),
        ({"N": "01.50"}, {"N": "1.5"}, 3),
        ({"B": "AQI="}, {"B": "AQI="}, 2),
        ({"B": ""}, {"B": ""}, 0),
        ({"B": "AQID"}, {"B": "AQID"}, 3),
        ({"B": "AQ=="}, {"B": "AQ=="}, 1),
        ({"BOOL": False}, {"BOOL": False}, 1),
        ({"NULL": True}, {"NULL": True}, 1),
        ({"SS": ["b", "a", "é", "Z"]}, {"SS": ["Z", "a", "b", "é"]}, 5),
        ({"SS": [""]}, {"SS": [""]}, 0),
        ({"SS": ["\U00010000", "\uffff"]}, {"SS": ["\uffff", "\U00010000"]}, 7),
        ({"NS": ["10", "9.0", "-1"]}, {"NS": ["-1", "9", "10"]}, 7),
        ({"BS": ["/w==", "AQ==", ""]}, {"BS": ["", "AQ==", "/w=="]}, 2),
        ({"L": []}, {"L": []}, 3),
        ({"M": {}}, {"M": {}}, 3),
        ({"L": [{"N": "1.0"}, {"S": "a"}]}, {"L": [{"N": "1"}, {"S": "a"}]}, 8),
        ({"M": {"ab": {"N": "1.0"}}}, {"M": {"ab": {"N": "1"}}}, 8),
        ({"S": "x", "N": None}, {"S": "x"}, 1),
        ({"S": "x", "Z": 1}, {"S": "x"}, 1),
    ],
)
def test_a_value_takes_its_canonical_form_and_size(sent, canonical, size):
    assert attribute.normalise(sent) == (canonical, size)
    assert attribute.size(canonical) == size


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (
            {},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"S": None},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"Z": "x"},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"L": [None]},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            {"S": "a", "N": "1"},
            (
                "Supplied AttributeValue has more than one datatypes set, "
                "must contain exactly one of the supported datatypes"
            ),
        ),
        ({"NULL": False}, f"{INVALID}Null attribute value types must have the value of true"),
        ({"SS": []}, f"{INVALID}An string set  may not be empty"),
        ({"NS": []}, f"{INVALID}An number set  may not be empty"),
        ({"BS": []}, f"{INVALID}Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, f"{INVALID}Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        (
            {"BS": ["AQ==", "AQ=="]},
            f"{INVALID}Input collection [AQ==, AQ==]of type BS contains duplicates.",
        ),
        ({"N": "dog"}, "The parameter cannot be converted to a numeric value: dog"),
        ({"M": {"": {"S": "x"}}}, f"{INVALID}Attribute name must not be empty"),
        (nested(33), "Nesting Levels have exceeded supported limits"),
    ],
)
def test_an_invalid_value_is_refused(sent, message):
    with pytest.raises(ValidationException) as refused:
        attribute.normalise(sent)

    assert refused.value.message == message


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"S": {}}, "Start of structure or map found where not expected"),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"SS": "a"}, "Unexpected field type"),
        ({"SS": {}}, "Start of structure or map found where not expected"),
        ({"L": "a"}, "Unexpected field type"),
        ({"M": "a"}, "Unexpected field type"),
        ({"BOOL": "true"}, "STRING_VALUE cannot be converted to Boolean"),
        ({"B": 1}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": "AQIDB"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ({"B": "AQJ="}, "Invalid last non-'=' Base64 character dectected"),
        ({"B": "A*I="}, "Invalid last non-'=' Base64 character dectected"),
        ({"B": "Aéé="}, "Invalid last non-'=' Base64 character dectected"),
        ("text", "Unexpected field type"),
    ],
)
def test_a_value_of_the_wrong_json_type_does_not_deserialise(sent, message):
    with pytest.raises(SerializationException) as refused:
        attribute.normalise(sent)

    assert refused.value.message == message


def test_32_levels_are_accepted():
    value = nested(32)

    assert attribute.normalise(value)[0] == value
    assert attribute.levels(value) == 32


def test_a_map_member_with_a_name_beyond_the_limit_is_refused():
    with pytest.raises(ValidationException, match="Attribute name is too large"):
        attribute.normalise({"M": {"n" * 65_536: {"S": "x"}}})


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        ({"N": "9"}, {"N": "10"}, -1),
        ({"N": "-9"}, {"N": "-10"}, 1),
        ({"N": "1"}, {"N": "1"}, 0),
        ({"S": "10"}, {"S": "9"}, -1),
        ({"S": "\U00010000"}, {"S": "\uffff"}, 1),
        ({"B": "/w=="}, {"B": "AQ=="}, 1),
        ({"S": "1"}, {"N": "1"}, None),
        ({"BOOL": True}, {"BOOL": False}, None),
        ({"SS": ["a"]}, {"SS": ["a"]}, None),
    ],
)
def test_only_values_of_one_ordered_type_have_an_order(a, b, order):
    assert attribute.compare(a, b) == order


def test_sets_and_maps_are_equal_whatever_the_order_they_came_in():
    a, _ = attribute.normalise({"M": {"x": {"SS": ["a", "b"]}, "y": {"NS": ["1", "2"]}}})
    b, _ = attribute.normalise({"M": {"y": {"NS": ["2.0", "1"]}, "x": {"SS": ["b", "a"]}}})

    assert attribute.equals(a, b)
    assert attribute.type_of(a) == "M"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("AQ=="),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(attribute.TYPES)), inner, max_size=2)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(json)
def test_arbitrary_json_is_canonicalised_or_refused_as_a_client_is_told(sent):
    try:
        canonical, size = attribute.normalise(sent)
    except ServiceError:
        return

    assert attribute.normalise(canonical) == (canonical, size)
