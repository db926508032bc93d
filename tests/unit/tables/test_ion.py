"""Items as lines of Ion and back, beside amazon.ion."""

import sys
from decimal import Decimal
from typing import Any

import pytest
from amazon.ion import simpleion

from headwater.errors import ValidationException
from headwater.tables import ion
from headwater.values import item as items

ITEM: dict[str, Any] = {
    "Authors": {"SS": ["Author1", "Author2"]},
    "Id": {"N": "103"},
    "PageCount": {"N": "600"},
    "Price": {"N": "-12.50"},
    "InPublication": {"BOOL": False},
    "Cover": {"B": "QUJD"},
    "Sizes": {"NS": ["0", "1000", "2.5"]},
    "Keys": {"BS": ["", "QQ=="]},
    "Nothing": {"NULL": True},
    "null": {"S": 'a "quoted"\n\u0000\u2028 text, \U0001f600'},
    "white space": {"L": [{"L": []}, {"M": {}}, {"M": {"$ion_1_0": {"S": ""}}}]},
    "large": {"N": "9" * 38 + "0" * 88},
    "small": {"N": "0." + "0" * 129 + "1"},
}


def test_line_is_as_documented():
    found = {name: ITEM[name] for name in ("Authors", "Id", "PageCount", "InPublication", "Cover")}

    written = ion.line({"Item": found})

    assert written == (
        b'$ion_1_0 {Item:{Authors:$dynamodb_SS::["Author1","Author2"],Id:103.,PageCount:6d2,'
        b"InPublication:false,Cover:{{QUJD}}}}\n"
    )


def test_every_type_comes_back():
    canonical = items.normalise(ITEM)

    assert items.normalise(ion.item(ion.line({"Item": canonical[0]}))) == canonical


def test_another_reader_sees_the_types():
    written = ion.line({"Item": items.normalise(ITEM)[0]})

    read = simpleion.loads(written)["Item"]

    assert {name: value.ion_type.name for name, value in read.items()} == {
        "Authors": "LIST",
        "Id": "DECIMAL",
        "PageCount": "DECIMAL",
        "Price": "DECIMAL",
        "InPublication": "BOOL",
        "Cover": "BLOB",
        "Sizes": "LIST",
        "Keys": "LIST",
        "Nothing": "NULL",
        "null": "STRING",
        "white space": "LIST",
        "large": "DECIMAL",
        "small": "DECIMAL",
    }
    assert read["Price"] == Decimal("-12.5")
    assert [token.text for token in read["Sizes"].ion_annotations] == ["$dynamodb_NS"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "no struct with a member Item"),
        (b"$ion_1_0 {Thing:{a:1.}}", "no struct with a member Item"),
        (b"{Item:null.struct}", "no struct with a member Item"),
        (b"{Item:{", "not a line of Ion"),
        (b"{Item:{}} {Item:{}}", "not a line of Ion"),
        (b'{Item:{a:"\xff"}}', "not a line of Ion"),
        (b"{Item:{a:1d999999999999}}", "not a line of Ion"),
        (b"{Item:{a:1}}", "a value of Ion's type int, for which no attribute stands"),
        (b"{Item:{a:1e0}}", "a value of Ion's type float, for which no attribute stands"),
        (b"{Item:{a:word}}", "a value of Ion's type symbol, for which no attribute stands"),
        (b"{Item:{a:2007-01-01T}}", "a value of Ion's type timestamp, for which no attribute "),
        (b"{Item:{a:null.string}}", "a value of Ion's type string, for which no attribute stands"),
        (b"{Item:{a:other::1.}}", "an annotation that is not of a set"),
        (b"{Item:{a:$dynamodb_SS::{}}}", "an annotation that is not of a set"),
        (b"{Item:{a:$dynamodb_SS::[1.]}}", "a member that is not of its set's type"),
        (b"{Item:{a:$dynamodb_SS::null.list}}", "a set that is null"),
        (b"{Item:{a:" + b"[" * 900 + b"]" * 900 + b"}}", "nested too deep"),
        (b"{Item:{a:" + b"[" * 100_000 + b"]" * 100_000 + b"}}", "not a line of Ion"),
    ],
)
def test_what_is_no_item_is_told_as_such(line, reason):
    with pytest.raises(ion.NoIon) as caught:
        ion.item(line)

    assert str(caught.value).startswith(reason)


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "amazon", None)

    with pytest.raises(ValidationException, match=r"headwater\[ion\]"):
        ion.check_installed()
