"""What was found, to read."""

from __future__ import annotations

import io

from rich.console import Console

from headwater.cli.diff.compare import Added, Changed, Finding, Missing, findings
from headwater.cli.diff.report import Report

ONE, TWO = {"N": "1"}, {"N": "2"}


def item(key: str, n: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"pk": {"S": key}, "n": n}


TABLE = [item("same", ONE), item("changed", ONE), item("missing", ONE)]
SHADOW = [item("added", ONE), item("changed", TWO), item("same", ONE)]


def found(*ignored: str) -> list[Finding | None]:
    return list(findings(iter(TABLE), iter(SHADOW), ["pk"], ignored))


def test_every_item_of_either_is_found() -> None:
    same, changed, missing, added = found()

    assert same is None
    assert isinstance(changed, Changed)
    assert missing == Missing({"pk": {"S": "missing"}}, TABLE[2])
    assert added == Added({"pk": {"S": "added"}}, SHADOW[0])


def test_ignored_attribute_makes_items_the_same() -> None:
    assert found("n")[:2] == [None, None]


def shown(limit: int) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    report = Report(console, limit)
    report.show("orders", iter(found()))
    report.close()
    assert report.differing == 3
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_report_tells_what_would_be_otherwise() -> None:
    assert shown(10) == [
        "~ pk=changed",
        "  - n: 1",
        "  + n: 2",
        "- pk=missing  would not be there: pk=missing, n=1",
        "+ pk=added  would be there: pk=added, n=1",
        "orders: 3 of 4 items differ",
    ]


def test_limit_is_told() -> None:
    assert shown(1)[-2:] == [
        "orders: 3 of 4 items differ",
        "The first 1 that differ are shown: --limit.",
    ]


def test_equal_tables_are_told_so() -> None:
    console = Console(file=io.StringIO(), width=80)
    report = Report(console, 5)

    report.show("orders", iter([None, None]))

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "orders: all 2 items are the same\n"
    assert report.differing == 0
