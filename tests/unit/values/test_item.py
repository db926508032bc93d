"""Items: names, size, and paths into them."""

import pytest

from headwater.errors import SerializationException, ValidationException
from headwater.values import item


def test_size_counts_names_and_values():
    sent = {"pk": {"S": "abc"}, "né": {"N": "1.0"}}

    canonical, size = item.normalise(sent)

    assert canonical == {"pk": {"S": "abc"}, "né": {"N": "1"}}
    assert size == 2 + 3 + 3 + 2
    assert item.size(canonical) == size


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "One or more parameter values were invalid: Attribute name must not be empty"),
        (
            "n" * 65_536,
            (
                "One or more parameter values were invalid: "
                "Attribute name is too large, must be less than 65536 bytes"
            ),
        ),
        (
            "é" * 32_768,
            (
                "One or more parameter values were invalid: "
                "Attribute name is too large, must be less than 65536 bytes"
            ),
        ),
    ],
)
def test_a_name_beyond_the_limits_is_refused(name, message):
    with pytest.raises(ValidationException) as refused:
        item.normalise({name: {"S": "x"}})

    assert refused.value.message == message


def test_a_name_of_65535_bytes_is_accepted():
    _, size = item.normalise({"n" * 65_535: {"S": "x"}})

    assert size == 65_536


def test_what_is_not_a_map_is_no_item():
    with pytest.raises(SerializationException):
        item.normalise([])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a",), {"S": "x"}),
        (("m", "l", 1), {"N": "2"}),
        (("m", "l", 2), None),
        (("m", "x"), None),
        (("m", 0), None),
        (("a", "b"), None),
        (("a", 0), None),
        (("missing",), None),
        (("missing", "b", 1), None),
    ],
)
def test_a_path_leads_to_a_value_or_to_none(path, value):
    stored: item.Item = {"a": {"S": "x"}, "m": {"M": {"l": {"L": [{"N": "1"}, {"N": "2"}]}}}}

    assert item.get(stored, path) == value
