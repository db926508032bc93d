from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headwater.streams import entry
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind

images = st.builds(Image, st.binary(max_size=40), st.integers(0, 2**32 - 1))
entries = st.builds(
    Entry,
    st.sampled_from(Kind),
    st.integers(0, 2**63),
    images,
    images,
    images,
    st.booleans(),
    st.sampled_from(["", "eu-west-1"]),
)


@given(entries)
def test_entry_comes_back_from_its_bytes(written: Entry) -> None:
    assert entry.decode(entry.encode(written, written.time_us)) == written


@given(entries, st.integers(0, 2**63))
def test_entry_takes_the_time_it_is_given(written: Entry, time_us: int) -> None:
    stored = entry.encode(written, time_us)

    assert entry.time_us_of(stored) == entry.decode(stored).time_us == time_us


def test_stored_form_is_pinned() -> None:
    written = Entry(
        Kind.MODIFY, 0, Image(b"k", 2), Image(b"new", 3), NO_IMAGE, is_by_service=True, origin="r"
    )

    stored = entry.encode(written, 0x0102030405060708)

    assert stored.hex() == (
        "0102010102030405060708000000020000000300000000000000010000000301726b6e6577"
    )
