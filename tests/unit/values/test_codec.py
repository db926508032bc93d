"""Stored bytes: pinned, and equal exactly for equal items."""

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headwater.values import codec, item

binaries = st.binary(max_size=4).map(lambda raw: b64encode(raw).decode())
integers = st.integers(-(10**30), 10**30)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
texts = st.text(st.characters(codec="utf-8"), max_size=6)
values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, texts),
        st.builds(lambda whole: {"N": str(whole)}, integers),
        st.builds(lambda base64: {"B": base64}, binaries),
        st.builds(lambda truth: {"BOOL": truth}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda members: {"SS": members}, st.lists(texts, min_size=1, unique=True)),
        st.builds(
            lambda members: {"NS": [str(member) for member in members]},
            st.lists(integers, min_size=1, unique=True),
        ),
        st.builds(lambda members: {"BS": members}, st.lists(binaries, min_size=1, unique=True)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda elements: {"L": elements}, st.lists(inner, max_size=3)),
        st.builds(lambda members: {"M": members}, st.dictionaries(names, inner, max_size=3)),
    ),
    max_leaves=8,
)
items = st.dictionaries(names, values, max_size=4)


def stored(sent: Any) -> bytes:
    return codec.encode(*item.normalise(sent))


def respelled(value: Any, draw: Any) -> Any:
    """The same value as another client might send it: other order, other spelling of numbers."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return {"N": draw(st.sampled_from([inner, f"{inner}.0", f"{inner}e0", f"{inner}0e-1"]))}
    if kind == "NS":
        spelled = [respelled({"N": member}, draw)["N"] for member in inner]
        return {"NS": draw(st.permutations(spelled))}
    if kind in ("SS", "BS"):
        return {kind: draw(st.permutations(inner))}
    if kind == "L":
        return {"L": [respelled(element, draw) for element in inner]}
    if kind == "M":
        return {"M": reordered(inner, draw)}
    return value


def reordered(members: Any, draw: Any) -> Any:
    return {name: respelled(members[name], draw) for name in draw(st.permutations(list(members)))}


@given(items, st.data())
def test_equal_items_have_equal_bytes_however_they_were_sent(sent, data):
    again = reordered(sent, data.draw)

    assert stored(again) == stored(sent)


@given(items, items)
def test_different_items_have_different_bytes(a, b):
    same = item.normalise(a)[0] == item.normalise(b)[0]

    assert (stored(a) == stored(b)) == same


@given(items)
def test_an_item_is_read_back(sent):
    canonical, size = item.normalise(sent)

    read = codec.decode(codec.encode(canonical, size))

    assert read == canonical
    assert item.normalise(read) == (canonical, size)


def test_stored_bytes_do_not_change():
    sent = {
        "pk": {"S": "é"},
        "n": {"N": "1.50"},
        "m": {"M": {"z": {"BOOL": True}, "a": {"L": [{"NULL": True}, {"B": "AQI="}]}}},
        "s": {"SS": ["b", "a"]},
    }

    written = stored(sent)

    assert written == (
        b'\x01\x00\x00\x00\x1c{"m":{"M":{"a":{"L":[{"NULL":true},{"B":"AQI="}]},"z":{"BOOL":true}}}'
        b',"n":{"N":"1.5"},"pk":{"S":"\xc3\xa9"},"s":{"SS":["a","b"]}}'
    )


def test_size_and_body_are_had_without_reading_the_item():
    written = stored({"pk": {"S": "abc"}})

    assert codec.size(written) == 5
    assert codec.body(written) == b'{"pk":{"S":"abc"}}'
