"""Objects cut into lines, and lines into items."""

import pytest

from headwater.limits import import_line_bytes_max
from headwater.tables.import_lines import (
    CsvForm,
    JsonForm,
    LineFault,
    Splitter,
)
from headwater.tables.import_packing import ObjectFault
from headwater.tables.imports import Csv


def split(*pieces: bytes) -> list[bytes | None]:
    splitter = Splitter()
    found = [line for piece in pieces for line in splitter.lines(piece)]
    return [*found, *splitter.end()]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a\r\nb"], [b"a", b"b"]),
        ([b"a", b"b\nc", b"\n"], [b"ab", b"c"]),
        ([b"a\n\nb"], [b"a", b"", b"b"]),
        ([b"\xef\xbb\xbfa\n\xef\xbb\xbfb"], [b"a", b"\xef\xbb\xbfb"]),
        ([b""], []),
    ],
)
def test_lines_are_cut_wherever_pieces_end(pieces, lines):
    assert split(*pieces) == lines


def test_a_line_that_is_too_long_is_told_and_the_next_is_read():
    long = b"x" * import_line_bytes_max

    assert split(long, b"y\nnext\n") == [None, b"next"]
    assert split(long + b"y") == [None]
    assert split(long + b"\nnext") == [long, b"next"]


def test_a_line_of_json_holds_an_item():
    assert JsonForm().item(b'{"Item":{"pk":{"S":"a"}}}') == {"pk": {"S": "a"}}


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"Item":[]}', b'{"pk":{"S":"a"}}', b"\xff"])
def test_a_line_without_an_item_is_a_fault(line):
    with pytest.raises(LineFault):
        JsonForm().item(line)


def test_the_first_line_names_the_columns_of_csv_and_keys_have_their_types():
    form = CsvForm(Csv(), {"pk": "N", "sk": "B"})

    assert form.item(b"pk,sk,title") is None
    assert form.item(b'7,YQ==,"He said ""no"", twice"') == {
        "pk": {"N": "7"},
        "sk": {"B": "YQ=="},
        "title": {"S": 'He said "no", twice'},
    }


def test_a_given_header_makes_the_first_line_an_item():
    form = CsvForm(Csv(";", ("pk", "n")), {"pk": "S"})

    assert form.item(b"a;1") == {"pk": {"S": "a"}, "n": {"S": "1"}}


@pytest.mark.parametrize("line", [b"a", b"a,b,c", b'"a,b', b"\xff,b"])
def test_a_line_that_does_not_fit_the_columns_is_a_fault(line):
    form = CsvForm(Csv(header=("pk", "n")), {})

    with pytest.raises(LineFault):
        form.item(line)


@pytest.mark.parametrize("line", [b"pk,pk", b'"pk'])
def test_without_a_header_nothing_of_the_object_can_be_read(line):
    with pytest.raises(ObjectFault):
        CsvForm(Csv(), {}).item(line)
