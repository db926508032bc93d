from __future__ import annotations

import contextlib
import struct
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.api import cbor

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
)
names = st.text().filter(lambda name: not name.endswith("Timestamp") and name != "Data")
values = st.recursive(
    scalars, lambda each: st.lists(each) | st.dictionaries(names, each), max_leaves=20
)


@given(values)
def test_what_json_can_say_reads_back(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


@given(st.binary(max_size=400))
def test_bytes_are_base64_within_and_bytes_on_the_wire(data: bytes) -> None:
    record = {"Data": b64encode(data).decode()}

    packed = cbor.dumps(record)

    assert data in packed
    assert cbor.loads(packed) == record


def test_time_is_tagged_milliseconds_on_the_wire() -> None:
    packed = cbor.dumps({"StreamCreationTimestamp": 1_700_000_000.125})

    assert packed.endswith(b"\xc1\x1b" + (1_700_000_000_125).to_bytes(8, "big"))
    assert cbor.loads(packed) == {"StreamCreationTimestamp": 1_700_000_000.125}


@pytest.mark.parametrize(
    ("packed", "value"),
    [
        (b"\xbf\x61a\x9f\x01\x20\xff\xff", {"a": [1, -1]}),
        (b"\x7f\x61a\x61b\xff", "ab"),
        (b"\x5f\x41a\x41b\xff", b64encode(b"ab").decode()),
        (b"\xf9\x3c\x00", 1.0),
        (b"\xfa" + struct.pack(">f", 0.5), 0.5),
        (b"\xd9\xd9\xf7\x01", 1),
    ],
)
def test_forms_that_are_only_read(packed: bytes, value: Any) -> None:
    assert cbor.loads(packed) == value


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x01\x01",
        b"\xff",
        b"\x1c",
        b"\xa1\x01\x01",
        b"\xa1\x61a\xff",
        b"\x82\x01\xff",
        b"\x5f\x61a\xff",
        b"\x61\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 40 + b"\x01",
        b"\xc1\x61a",
        b"\xdf\x01",
    ],
)
def test_what_is_no_cbor_is_refused(packed: bytes) -> None:
    with pytest.raises(cbor.NotCbor):
        cbor.loads(packed)


@given(st.binary(max_size=60))
def test_nothing_else_is_raised_whatever_comes(packed: bytes) -> None:
    with contextlib.suppress(cbor.NotCbor):
        cbor.loads(packed)
