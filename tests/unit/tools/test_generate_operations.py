"""The page of operations, made from answers small enough to read."""

from __future__ import annotations

from tools.generate_operations import Answered, Finding, page

NAMED = frozenset({"Colour", "Finish", "WallName"})
COLOUR = Finding("Colour", ("`red`",), ())


def page_of(*answered: Answered) -> str:
    return page({"dynamodb": answered}, NAMED)


def test_parameter_that_is_taken_and_named_works():
    text = page_of(Answered("Paint", [COLOUR, Finding("WallName", ("`x`",), ())]))

    assert "### `Paint`\n\nWorks: `Colour`, `WallName`.\n" in text


def test_parameter_that_no_source_names_is_said_to_have_no_effect():
    text = page_of(Answered("Paint", [Finding("Brush", ("`x`",), ())]))

    assert "Taken, and without effect: `Brush`." in text


def test_refused_parameter_is_shown_with_the_values_that_are_taken():
    text = page_of(Answered("Paint", [Finding("Finish", ("`matt`",), ("`gloss`",))]))

    assert "| `Finish` | `matt` | not built yet |" in text


def test_reason_of_a_refusal_is_found_by_the_last_name_of_its_path():
    text = page_of(Answered("Paint", [Finding("Walls[].KMSKeyArn", (), ("`x`",))]))

    assert "| `Walls[].KMSKeyArn` |  | there are no keys of AWS's; encrypt the disk |" in text


def test_refused_operations_are_listed_without_a_section():
    text = page_of(Answered("Paint", [COLOUR]), Answered("Scrape", None))

    assert "Refused, not built yet: `Scrape`." in text
    assert "### `Scrape`" not in text


def test_operation_without_parameters_says_so():
    text = page_of(Answered("Paint", []))

    assert "### `Paint`\n\nTakes no parameters.\n" in text


def test_operations_of_our_own_are_described():
    text = page_of()

    assert "- `Drain`" in text
    assert "Drain {TimeoutSeconds?: number}" in text
