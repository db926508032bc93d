"""Packed objects, unpacked in pieces of bounded size."""

import gzip
import sys

import pytest
import zstandard

from headwater.errors import ValidationException
from headwater.tables import import_packing
from headwater.tables.import_packing import Gzip, ObjectFault, Zstd

KINDS = pytest.mark.parametrize(
    ("pack", "unpacker"), [(gzip.compress, Gzip), (zstandard.compress, Zstd)]
)


@KINDS
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_several_members_are_unpacked_from_pieces_of_any_size(pack, unpacker, size):
    content = b"line\n" * 1000
    packed = pack(content) + pack(b"more")
    begun = unpacker()

    found = b"".join(
        piece
        for at in range(0, len(packed), size)
        for piece in begun.pieces(packed[at : at + size])
    )
    begun.end()

    assert found == content + b"more"


@KINDS
def test_what_is_packed_tightly_comes_in_bounded_pieces(pack, unpacker):
    packed = pack(b"0" * 50_000_000)

    sizes = [len(piece) for piece in unpacker().pieces(packed)]

    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 5 * 1024 * 1024


@KINDS
def test_an_object_that_is_packed_otherwise_or_cut_off_cannot_be_read_further(pack, unpacker):
    with pytest.raises(ObjectFault):
        list(unpacker().pieces(b"plain text"))
    cut = unpacker()
    list(cut.pieces(pack(b"text" * 1000)[:-4]))
    with pytest.raises(ObjectFault):
        cut.end()


@KINDS
def test_an_empty_object_is_none_that_is_cut_off(pack, unpacker):
    unpacker().end()


def test_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(ValidationException, match=r"headwater\[zstd\]"):
        import_packing.check_installed()
