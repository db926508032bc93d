"""Filtered exports: which items and changes are written, and what of them."""

import pytest

from headwater.errors import ValidationException
from tests.unit.tables.exporting import Exporting, run

HOUR = 3600
NUMBERS = {"ExpressionAttributeValues": {":n": {"N": "2"}}}
KEYED = {
    "KeyConditionExpression": "pk = :p",
    "ExpressionAttributeValues": {":p": {"S": "k2"}},
}


async def filled(here: Exporting) -> None:
    table = await here.recoverable()
    for number in range(5):
        await here.put(table, f"k{number}", number)


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ({}, ["k0", "k1", "k2", "k3", "k4"]),
        ({"FilterExpression": "n > :n", **NUMBERS}, ["k3", "k4"]),
        (KEYED, ["k2"]),
        (
            {
                "FilterExpression": "#key = :p",
                "ExpressionAttributeNames": {"#key": "pk"},
                "ExpressionAttributeValues": {":p": {"S": "k1"}},
            },
            ["k1"],
        ),
        (
            {
                **KEYED,
                "FilterExpression": "n <> :n",
                "ExpressionAttributeValues": {":p": {"S": "k2"}, ":n": {"N": "2"}},
            },
            [],
        ),
    ],
)
def test_only_items_that_match_are_exported(specification, expected):
    async def body(here: Exporting) -> None:
        await filled(here)

        ended = await here.export(FilterSpecification=specification)

        assert sorted(here.exported_items()) == expected
        assert ended["ItemCount"] == len(expected)
        assert ended["FilterSpecification"] == specification

    run(body)


def test_projection_is_all_that_is_written():
    async def body(here: Exporting) -> None:
        await filled(here)

        await here.export(FilterSpecification={"ProjectionExpression": "n"})

        assert sorted(line["Item"]["n"]["N"] for line in here.lines()) == ["0", "1", "2", "3", "4"]
        assert {tuple(line["Item"]) for line in here.lines()} == {("n",)}

    run(body)


def test_what_is_read_is_billed_whatever_is_written():
    async def body(here: Exporting) -> None:
        await filled(here)

        whole = await here.export()
        filtered = await here.export(FilterSpecification={"FilterExpression": "n > :n", **NUMBERS})
        keyed = await here.export(FilterSpecification=KEYED)

        assert filtered["BilledSizeBytes"] == whole["BilledSizeBytes"]
        assert keyed["BilledSizeBytes"] * 5 < whole["BilledSizeBytes"] + 5

    run(body)


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        # The latest image decides, and of what is gone the old one.
        ({"FilterExpression": "n = :n", **NUMBERS}, {"k1", "k2"}),
        (KEYED, {"k2"}),
    ],
)
def test_changes_are_filtered_by_their_latest_image(specification, expected):
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        for number in range(4):
            await here.put(table, f"k{number}", number)
        here.clock.advance(HOUR)
        start = here.clock.now()
        await here.put(table, "k1", 2)
        await here.delete(table, "k2")
        await here.put(table, "k3", 9)
        here.clock.advance(HOUR)

        await here.export(
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={"ExportFromTime": start},
            FilterSpecification=specification,
        )

        assert {line["Keys"]["pk"]["S"] for line in here.lines()} == expected

    run(body)


def test_projection_of_changes_leaves_their_keys_whole():
    async def body(here: Exporting) -> None:
        table = await here.recoverable()
        await here.put(table, "k", 1)
        here.clock.advance(HOUR)
        start = here.clock.now()
        await here.put(table, "k", 2)
        here.clock.advance(HOUR)

        await here.export(
            ExportType="INCREMENTAL_EXPORT",
            IncrementalExportSpecification={"ExportFromTime": start},
            FilterSpecification={"ProjectionExpression": "n"},
        )

        (line,) = here.lines()
        assert line["Keys"] == {"pk": {"S": "k"}}
        assert (line["OldImage"], line["NewImage"]) == ({"n": {"N": "1"}}, {"n": {"N": "2"}})

    run(body)


@pytest.mark.parametrize(
    ("specification", "text"),
    [
        (
            {**KEYED, "FilterExpression": "pk = :p"},
            (
                "Filter Expression can only contain non-primary key attributes: "
                "Primary key attribute: pk"
            ),
        ),
        (
            {"KeyConditionExpression": "n = :n", **NUMBERS},
            "Query condition missed key schema element: pk",
        ),
        (
            {"FilterExpression": "attribute_exists(n)", **NUMBERS},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:n}",
        ),
        (
            NUMBERS,
            "ExpressionAttributeValues can only be specified when using expressions",
        ),
        (
            {"FilterExpression": ""},
            "Invalid FilterExpression: The expression can not be empty;",
        ),
        (
            {"ProjectionExpression": "a, a.b"},
            (
                "Invalid ProjectionExpression: Two document paths overlap with each other; must "
                "remove or rewrite one of these paths; path one: [a], path two: [a, b]"
            ),
        ),
    ],
)
def test_expressions_that_are_wrong_begin_no_export(specification, text):
    async def body(here: Exporting) -> None:
        await filled(here)

        with pytest.raises(ValidationException) as caught:
            await here.export(FilterSpecification=specification)

        assert str(caught.value) == text
        assert (await here.call("ListExports"))["ExportSummaries"] == []

    run(body)
