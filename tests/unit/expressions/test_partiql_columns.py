from __future__ import annotations

from headwater.expressions.partiql.columns import columns_of
from headwater.values.item import Item

ITEM: Item = {"a": {"M": {"b": {"L": [{"N": "1"}, {"N": "2"}]}}}, "c": {"S": "x"}}


def test_column_is_named_by_the_last_name_of_its_path():
    columns = columns_of([("a", "b"), ("a", "b", 1), ("c",)])

    assert columns.apply(ITEM) == {
        "b": {"L": [{"N": "1"}, {"N": "2"}]},
        "b[1]": {"N": "2"},
        "c": {"S": "x"},
    }


def test_what_is_missing_has_no_column():
    assert columns_of([("x",), ("a", "b", 2)]).apply(ITEM) == {}


def test_attributes_are_the_first_names():
    assert columns_of([("a", "b"), ("c",)]).top_level_attributes() == {"a", "c"}
