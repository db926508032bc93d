"""Strategies that spoil JSON: what a hostile client, or a broken one, might send."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from tests.valid_requests import ARN, KEY, PASSING, TABLE

_NUMBERS = (
    *("", "NaN", "Infinity", "1e126", "1e-131", "0e126", "1" * 39, "-0", "+1", "1_000", "0x1"),
    *(
        "\u0663",
        " 1",
        "1e",
        "1e99999999999",
        ".",
        "1.",
        "--1",
        "1e" + "0" * 40 + "1",
        "1" * 100_000,
    ),
)
_TEXTS = (
    *("\u0000", "\uffff", "\U0001f600", "a\nb", "\u202e", "\u0130", "../x", "$LATEST", "a b"),
    *(TABLE, PASSING, "nowhere", "ByGroup", "Groups", "pk", "sk", "g", "#s", ":s"),
    *("ALL_NEW", "UPDATED_OLD", "all_old", "BETWEEN", "NOT_NULL", "IN", "CONTAINS", "OR", "COUNT"),
    *("HASH", "RANGE", "KEYS_ONLY", "ADD", "DELETE", "TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"),
    *("1" * 21, "9" * 40, "-" + "1" * 21, "shardId-99999999999999999999-ffffffff"),
    *("arn:", ARN, f"{ARN}/stream/x", f"{ARN}/index/ByGroup", "arn:aws:s3:::bucket"),
    *("arn:aws:dynamodb:eu-west-1:000000000000:table/fuzzed", f"{ARN}\u0000", f"{ARN} "),
)
_EXPRESSIONS = (
    *(
        "(",
        "NOT " * 400 + "a = :s",
        "a = :s AND " * 300 + "a = :s",
        "(" * 900 + "a = :s" + ")" * 900,
    ),
    *(
        "size(size(a)) = :n",
        "a[99999999999999999999] = :s",
        "a" + ".a" * 40,
        "a[-1]",
        "\u00e9 = :s",
    ),
    *("SET a = :s SET b = :s", "SET a = a + a + a", "REMOVE a, a", "SET pk = :s", "DELETE ss :s"),
    *("SET #s.#s = :s, #s = :s", "SET a = list_append(m, n)", "ADD n :s", "SET n = n + :n"),
    *("a IN (" + ", ".join([":s"] * 101) + ")", "begins_with(n, :n)", "n BETWEEN :s AND :n"),
    *("pk = :n", "pk = :s OR sk = :n", "pk = :s AND begins_with(sk, :n)", "pk = :s AND pk = :s"),
    *("SELECT", f"SELECT * FROM {TABLE} WHERE " + "NOT " * 900 + "pk = 'a'", "SELECT * FROM x"),
    *(
        f"INSERT INTO {TABLE} VALUE {{'pk': 1}}",
        f"DELETE FROM {TABLE}",
        f"UPDATE {TABLE} SET pk = 1",
    ),
    *(f"INSERT INTO {TABLE} VALUE {{'pk': 'q', 'sk': 1, 'l': {'[' * 60}{']' * 60}}}", "'", '"'),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, [], {}, "", [[]], [{}], [None], {"": None}, {"S": None}, [1, 2, 3], True, False),
    *(0, -1, 2**31, 2**63, 2**64, -(2**63), 10**30, 1.5, -0.0, 1e308, 1e-320),
    *({"S": "x", "N": "1"}, {"S": 1}, {"B": "?"}, {"B": "AAA"}, {"BOOL": "true"}, {"NULL": False}),
    *({"SS": []}, {"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"BS": [""]}, {"M": []}, {"L": {}}),
    *({"X": "x"}, {"S": "a"}, {"N": "1"}, {"B": "AAEC"}, {"L": []}, {"M": {}}, {"NULL": True}),
    *([KEY, KEY], [KEY] * 101, ["a"] * 26, ["a"] * 1000, {str(n): {"S": "v"} for n in range(300)}),
)
_SIZES = (0, 1, 2, 255, 256, 1024, 1025, 2048, 2049, 4097, 65_536, 400 * 1024, 1024 * 1024)
_DEPTHS = (5, 31, 32, 33, 60, 200)


def _nested(depth: int, within: str) -> Any:
    value: Any = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]} if within == "L" else {"M": {"a": value}}
    return value


hostile_values = st.one_of(
    st.sampled_from(_ODD_VALUES),
    st.sampled_from(_NUMBERS).map(lambda number: {"N": number}),
    st.sampled_from((*_NUMBERS, *_TEXTS, *_EXPRESSIONS)),
    st.builds(lambda unit, size: unit * size, st.sampled_from("x\u00e9"), st.sampled_from(_SIZES)),
    st.sampled_from(_SIZES).map(lambda size: {"S": "x" * size}),
    st.builds(_nested, st.sampled_from(_DEPTHS), st.sampled_from("LM")),
)
_names = st.sampled_from(("X", "", "S", "M", "#", "#a b", ":", "\u00e9", "a" * 70_000))


@st.composite
def spoiled(draw: st.DrawFn, body: Any) -> Any:
    """A copy of a JSON value in which some members are other, gone, renamed or repeated."""
    spoiling = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(spoiling))
        if not places:
            return draw(hostile_values)
        holder, name = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(("replace", "replace", "remove", "rename", "repeat"))):
            case "replace":
                holder[name] = copy.deepcopy(draw(hostile_values))
            case "rename" if isinstance(holder, dict):
                holder[draw(_names)] = holder.pop(name)
            case "repeat" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[name]))
            case _:
                del holder[name]
    return spoiling


@st.composite
def spoiled_bytes(draw: st.DrawFn, body: Any) -> bytes:
    """A JSON value, spoiled or not, as bytes which may not be JSON any more."""
    value = draw(st.just(body) | spoiled(body))
    data = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    middle = draw(st.integers(0, len(data)))
    return draw(
        st.sampled_from(
            (
                data[:middle],
                data[:middle] + b"\xff" + data[middle:],
                data[:middle] + b'"' + data[middle:],
                data.replace(b'"', b'"\\ud800', 1),
                b'{"TableName": "nowhere", ' + data[1:],
                b"\xef\xbb\xbf" + data,
                b"[" * 100_000,
                b'{"a":' * 1_100,
                b"",
            )
        )
    )


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every object or array within a value, with each name or index in it."""
    found: list[tuple[Any, Any]] = []
    children: list[tuple[Any, Any]]
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    else:
        return found
    for name, child in children:
        found.append((value, name))
        found += _places(child)
    return found
