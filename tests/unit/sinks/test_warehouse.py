"""Settings of warehouses, and names of their columns."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.sinks import duckdb_file, postgres, settings
from headwater.sinks.kind import InvalidSettings
from headwater.sinks.warehouse import KIND


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"database": "mysql://here/x"}, "is not file:FOLDER/NAME or postgresql://"),
        ({"database": "file:alone.duckdb"}, "is not file:FOLDER/NAME"),
        ({"database": "s3://bucket/x"}, "is not file:FOLDER/NAME"),
        ({"database": "file:a/b", "password": "x"}, "a file has no password"),
        ({"keep": "items", "history_table": "h"}, "no history is kept"),
        ({"table": "_hw_sinks"}, "cannot be the name of a table"),
        ({"table": "t", "history_table": "t"}, "are the same"),
        ({"keep": "none"}, "keep: 'none' is not one of both, items, history"),
    ],
)
def test_settings_that_cannot_work_are_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        settings.parse(KIND, asked)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u:secret@h/d", "the password is a setting of its own"),
        ("postgresql://h/d?password=secret", "the password is a setting of its own"),
        ("postgresql://h/d?nonsense=1", "database: invalid"),
    ],
)
def test_addresses_that_show_a_password_are_refused(address: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        postgres.check(address)


def test_a_password_is_not_shown() -> None:
    assert settings.shown(KIND, {"password": "x"}) == {"password": "(hidden)"}


@pytest.mark.parametrize("wanted", ["", "x" * 64, "ä" * 40, "a\x00b", "XMIN"])
def test_a_name_that_postgres_cannot_have_is_cut_and_marked(wanted: str) -> None:
    name = postgres.DIALECT.name(wanted)

    assert name not in (wanted, postgres.DIALECT.name(f"{wanted}2"))
    assert len(name.encode()) <= 63
    assert name == postgres.DIALECT.name(wanted)
    assert name.startswith(wanted.replace("\x00", "")[:20])


def test_other_names_stay_as_they_are() -> None:
    assert postgres.DIALECT.name('odd "name" ä') == 'odd "name" ä'
    assert duckdb_file.DIALECT.name("x" * 1000) == "x" * 1000
