from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from headwater.sinks import schema as schemas
from headwater.sinks.schema import Column, ColumnType, Schema, document_of, evolved, row

KNOWN = evolved(Schema(), [{"k": "a", "price": 12.5, "tags": ["x"]}]).schema


def test_first_documents_make_the_columns_without_a_warning() -> None:
    made = evolved(Schema(), [{"k": "a", "n": None}, {"ok": True}])

    assert made.schema.columns == (
        Column("k", "k", ColumnType.TEXT),
        Column("ok", "ok", ColumnType.TRUTH),
    )
    assert made.warnings == ()


def test_a_new_attribute_is_a_column_and_a_warning() -> None:
    made = evolved(KNOWN, [{"k": "a", "colour": "red"}, {"colour": "blue"}])

    assert made.schema.columns == (*KNOWN.columns, Column("colour", "colour", ColumnType.TEXT))
    assert made.warnings == ("attribute colour is new: column colour of type text",)


def test_a_changed_type_gets_a_column_of_its_own_and_the_old_one_stays() -> None:
    made = evolved(KNOWN, [{"price": "on request"}])

    assert made.schema.columns[: len(KNOWN.columns)] == KNOWN.columns
    assert made.schema.columns[-1] == Column("price__text", "price", ColumnType.TEXT)
    assert made.warnings == ("attribute price is text where it was number: column price__text",)
    assert row(made.schema, {"price": "on request"}) == {"price__text": "on request"}
    assert row(made.schema, {"price": 3}) == {"price": 3.0}


def test_the_same_documents_change_nothing() -> None:
    again = evolved(KNOWN, [{"k": "b", "price": 1, "tags": {"x": 1}}])

    assert (again.schema, again.warnings) == (KNOWN, ())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, ColumnType.NUMBER),
        (2**53, ColumnType.NUMBER),
        (2**53 + 1, ColumnType.DIGITS),
        (Decimal("1.000000000000000000001"), ColumnType.DIGITS),
        (0.1, ColumnType.NUMBER),
        (True, ColumnType.TRUTH),
        ("", ColumnType.TEXT),
        ([], ColumnType.JSON),
        ({}, ColumnType.JSON),
    ],
)
def test_no_value_loses_anything_in_its_column(value: Any, kind: ColumnType) -> None:
    schema = evolved(Schema(), [{"a": value}]).schema

    (column,) = schema.columns
    assert column.type is kind
    assert document_of(schema, row(schema, {"a": value})) == {"a": value}


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    schema = evolved(Schema(), [{"Name": "a"}, {"name": "b"}, {"NAME": "c"}]).schema

    assert [column.name for column in schema.columns] == ["Name", "name__2", "NAME__3"]


def test_an_attribute_never_takes_the_name_of_a_column_about_the_change() -> None:
    schema = evolved(Schema(), [{"_hw_id": "a", "_HW_rest": "b"}]).schema

    names = [column.name for column in schema.columns]
    assert names == ["attribute_hw_id", "attribute_HW_rest"]


def test_attributes_beyond_the_last_column_go_into_the_rest() -> None:
    many = {f"a{number}": number for number in range(schemas.columns_max)}
    made = evolved(KNOWN, [many])

    assert len(made.schema.columns) == schemas.columns_max
    assert made.warnings[-1] == "there are 1000 columns: further ones go into _hw_rest"
    values = row(made.schema, many)
    assert values[schemas.REST] == '{"a997":997,"a998":998,"a999":999}'
    assert document_of(made.schema, values) == many


def test_a_schema_is_stored_and_read() -> None:
    assert schemas.decode(schemas.encode(KNOWN)) == KNOWN


def test_a_text_that_does_not_fit_its_column_goes_into_the_rest() -> None:
    document = {"a": "short", "b": "too long", "n": 1}
    schema = evolved(Schema(), [document]).schema

    values = row(schema, document, lambda text: len(text) < 6)

    assert values == {"a": "short", "n": 1.0, schemas.REST: '{"b":"too long"}'}
    assert document_of(schema, values) == document


def test_there_are_no_more_columns_than_a_place_can_have() -> None:
    found = evolved(Schema(), [{"a": 1, "b": 2, "c": 3}], columns_max=2)

    assert [each.name for each in found.schema.columns] == ["a", "b"]
    assert found.warnings == (f"there are 2 columns: further ones go into {schemas.REST}",)


def test_a_number_beyond_all_integers_is_read_as_it_was() -> None:
    document = {"n": 1e125}
    schema = evolved(Schema(), [document]).schema

    assert document_of(schema, row(schema, document)) == document
