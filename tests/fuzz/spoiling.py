"""What a hostile client, or a broken one, makes of a valid request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.fuzz.connections import Message
from tests.fuzz.grammar import expression, is_expression
from tests.fuzz.valid_requests import TABLES, Asked
from tests.fuzz.values import NAMES, attribute_value, hostile, like

Places = list[tuple[Any, Any]]

_ODD_HEADERS: Final[tuple[dict[str, str], ...]] = (
    {"X-Amz-Target": TABLES},
    {"X-Amz-Target": ""},
    {"X-Amz-Target": f"{TABLES}getItem"},
    {"X-Amz-Target": "DynamoDB_20111205.GetItem"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-amz-json-1.1"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"},
    {"Accept-Encoding": "gzip;q=x"},
    {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=, Signature="},
    {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20261123/mars-1/dynamodb/aws4_request"},
    {"Authorization": "Basic YTpi"},
    {"X-Amz-Date": "yesterday"},
)
_ODD_ENDS: Final = (
    *("/", "?Qualifier=1", "?Qualifier=%ff", "%00", "%2f..", "?MaxItems=-1", "?Marker=\u00e9"),
    *("//", "?", "?=", "#x", "%", "?a&b=&&", "/" + "a" * 3000),
)
_PLACEHOLDERS: Final = re.compile(r"[:#]\w+")


def spoiled(chance: Random, asked: Asked) -> Message:
    """A request that was valid, with its body, its bytes, its headers or its path spoiled."""
    roll = chance.randrange(20)
    if roll < 14 or asked.body is None:
        return _message(asked, json.dumps(_spoiled_body(chance, asked.body)).encode())
    if roll < 17:
        return _message(asked, _spoiled_bytes(chance, asked.body))
    if roll < 18:
        headers = {**asked.headers, **chance.choice(_ODD_HEADERS)}
        return _message(Asked(asked.to, asked.body, headers), json.dumps(asked.body).encode())
    return _at_odd_path(chance, asked)


def has_expressions(asked: Asked) -> bool:
    """Whether there is a grammar to spoil in a request."""
    return any(is_expression(name) for _, name in _places(asked.body))


def _message(asked: Asked, data: bytes) -> Message:
    method, _, path = asked.to.partition(" ")
    if path:
        return Message(asked, method, path, data)
    return Message(asked, "POST", "/", data)


def _at_odd_path(chance: Random, asked: Asked) -> Message:
    method, _, path = asked.to.partition(" ")
    odd = quote(f"{path or '/'}{chance.choice(_ODD_ENDS)}", safe="/?=&%$")
    # What is asked at a path has no target.
    moved = Asked(f"{method if path else 'POST'} {odd}", asked.body, asked.headers)
    return _message(moved, json.dumps(asked.body).encode())


def _spoiled_body(chance: Random, body: Any) -> Any:
    """A copy in which some members are other, gone, renamed or repeated."""
    spoiling = json.loads(json.dumps(body))
    changes: list[Callable[[Random, Places], None]] = []
    if any(is_expression(name) for _, name in _places(spoiling)) and chance.randrange(3):
        changes.append(_with_other_expressions)
    if not changes or chance.randrange(4) == 0:
        changes += [_with_other_member] * chance.choice((1, 1, 1, 2, 3))
    for change in changes:
        places = _places(spoiling)
        if not places:
            return hostile(chance)
        change(chance, places)
    return spoiling


def _with_other_expressions(chance: Random, places: Places) -> None:
    """Put others in the place of expressions; mostly their placeholders are defined."""
    holders = {id(holder): holder for holder, name in places if is_expression(name)}
    for holder in holders.values():
        texts = []
        for member in filter(is_expression, list(holder)):
            holder[member] = expression(chance, member)
            texts.append(holder[member])
        if "Statement" not in holder and chance.randrange(6):
            _define(chance, holder, set(_PLACEHOLDERS.findall(" ".join(texts))))
        elif "Statement" in holder:
            count = " ".join(texts).count("?") + chance.choice((0, 0, 0, 0, 1, -1))
            holder["Parameters"] = [attribute_value(chance) for _ in range(max(0, count))] or None


def _define(chance: Random, holder: dict[str, Any], used: set[str]) -> None:
    names = {each: chance.choice(("s", "n", "m", "a b", "pk")) for each in used if each[0] == "#"}
    values = {each: _fitting(chance, each) for each in used if each[0] == ":"}
    for member, defined in (
        ("ExpressionAttributeNames", names),
        ("ExpressionAttributeValues", values),
    ):
        holder[member] = defined or None


def _fitting(chance: Random, placeholder: str) -> dict[str, Any]:
    if chance.randrange(8) == 0:
        return attribute_value(chance)
    fitting: dict[str, dict[str, Any]] = {
        ":s": {"S": "a"},
        ":n": {"N": "1"},
        ":t": {"S": "SS"},
        ":l": {"L": [{"N": "1"}]},
        ":set": {"SS": ["a"]},
    }
    return fitting.get(placeholder) or attribute_value(chance)


def _with_other_member(chance: Random, places: Places) -> None:
    holder, name = chance.choice(places)
    match chance.randrange(6):
        case 0:
            del holder[name]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(NAMES)] = holder.pop(name)
        case 2 if isinstance(holder, list):
            holder.append(holder[name])
        case 3:
            holder[name] = hostile(chance)
        case _:
            holder[name] = like(chance, holder[name])


def _spoiled_bytes(chance: Random, body: Any) -> bytes:
    """A JSON value, spoiled or not, as bytes which may not be JSON any more."""
    value = body if chance.randrange(2) else _spoiled_body(chance, body)
    text = json.dumps(value, ensure_ascii=bool(chance.randrange(2)))
    data = text.encode("utf-8", "surrogatepass")
    middle = chance.randrange(len(data) + 1)
    match chance.randrange(60):
        case 0:
            return b"[" * 100_000
        case 1:
            return b'{"a":' * 1_100
        case 2 | 3:
            return b""
        case 4 | 5 | 6:
            return b"\xef\xbb\xbf" + data
    return chance.choice(
        (
            data[:middle],
            data[:middle] + b"\xff" + data[middle:],
            data[:middle] + b'"' + data[middle:],
            data[:middle] + data[middle + 1 :],
            data[:middle] + bytes([chance.randrange(256)]) + data[middle + 1 :],
            data.replace(b'"', b'"\\ud800', 1),
            b'{"TableName": "nowhere", ' + data[1:],
            data.replace(b"1", chance.choice((b"1e400", b"NaN", b"01", b"-", b"1.")), 1),
        )
    )


def _places(value: Any) -> Places:
    """Every object or array within a value, with each name or index in it."""
    found: Places = []
    left = [value] if isinstance(value, dict | list) else []
    while left:
        each = left.pop()
        inside = each.items() if isinstance(each, dict) else enumerate(each)
        for name, child in inside:
            found.append((each, name))
            if isinstance(child, dict | list):
                left.append(child)
    return found
