from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.storage.keyspace import SequenceNumber
from headwater.streams import entry
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind, Place
from headwater.streams.window import ViewType

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
places = st.builds(
    Place,
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**63),
    st.sampled_from([None, *ViewType]),
)


@given(entries, places)
def test_entry_comes_back_from_its_bytes_with_the_time_of_its_place(
    written: Entry, place: Place
) -> None:
    stored = entry.encode(written, place)

    assert entry.decode(stored) == written._replace(time_us=place.time_us)
    assert entry.time_us_of(stored) == place.time_us
    assert entry.keys_of(stored) == written.keys.body
    assert entry.has_origin(stored) == bool(written.origin)
    assert entry.is_by_service(stored) == written.is_by_service


@given(entries, places)
def test_entry_knows_which_view_it_is_stored_for(written: Entry, place: Place) -> None:
    stored = entry.encode(written, place)

    assert entry.view_of(stored) is place.view


KEYS, NEW, OLD = Image(b"{k}", 2), Image(b"{new}", 3), Image(b"{old}", 4)
HEAD = b'0000000000050003","eventName":"MODIFY'
TAIL = b',"SequenceNumber":"100000000000000327683","SizeBytes":%d,"StreamViewType":"%b"}'


@pytest.mark.parametrize(
    ("view", "rest", "shown", "size"),
    [
        (ViewType.KEYS_ONLY, b"{new}{old}", b"", 2),
        (ViewType.NEW_IMAGE, b"{old}", b',"NewImage":{new}', 5),
        (ViewType.OLD_IMAGE, b"{new}", b',"OldImage":{old}', 6),
        (ViewType.NEW_AND_OLD_IMAGES, b"", b',"NewImage":{new},"OldImage":{old}', 9),
    ],
)
def test_text_is_what_the_streams_records_say(
    view: ViewType, rest: bytes, shown: bytes, size: int
) -> None:
    written = Entry(Kind.MODIFY, 0, KEYS, NEW, OLD, origin="eu-west-1")
    place = Place(SequenceNumber(0x50003), 1_464_805_270_999_999, view)

    stored = entry.encode(written, place)

    text = HEAD + b'1464805270,"Keys":{k}' + shown + TAIL % (size, view.encode())
    assert stored.endswith(b"eu-west-1" + rest + text)
    assert stored[entry.text_at(stored) :] == text


def test_text_of_a_change_by_the_service_ends_with_who_made_it() -> None:
    written = Entry(Kind.REMOVE, 0, KEYS, NO_IMAGE, OLD, is_by_service=True)

    stored = entry.encode(written, Place(SequenceNumber(7), 0, ViewType.KEYS_ONLY))

    assert stored.endswith(b'"KEYS_ONLY"}' + entry.RECORD_IDENTITY)


def test_stored_form_is_pinned() -> None:
    written = Entry(
        Kind.MODIFY, 0, Image(b"k", 2), Image(b"new", 3), NO_IMAGE, is_by_service=True, origin="r"
    )

    stored = entry.encode(written, Place(SequenceNumber(7), 0x0102030405060708, None))

    header = "0202010102030405060708000000020000000300000000"
    places = "000000350000003600000039000000010000000300000000"
    assert stored.hex() == header + places + "0000003901726b6e6577"
