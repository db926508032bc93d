"""What `headwater verify` prints."""

from __future__ import annotations

import pytest

from headwater.audit.report import Report
from headwater.cli.verify import show


def test_one_thing_is_told_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    section = report.section("keys")
    for what in ("stores", "index entries", "tables with expiry entries", "items replayed"):
        section.count(what)
    section.count("shards", 2)

    show(report)

    assert (
        "keys: 1 store, 1 index entry, 1 table with expiry entries, 1 item replayed, 2 shards\n"
        in capsys.readouterr().out
    )
