"""What is hard to take: numbers, texts and attribute values at and beyond every limit."""

from __future__ import annotations

import copy
from random import Random
from typing import Any, Final

from tests.fuzz.valid_requests import ARN, KEY, PASSING, TABLE

NUMBERS: Final = (
    *("", "NaN", "Infinity", "1e126", "1e-131", "0e126", "1" * 39, "-0", "+1", "1_000", "0x1"),
    *("\u0663", " 1", "1e", "1e99999999999", ".", "1.", "--1", "1e" + "0" * 40 + "1"),
    *("0", "1", "-1", "1.5", "9" * 38, "1e125", "1e-130", "1.0"),
)
TEXTS: Final = (
    *("\u0000", "\uffff", "\U0001f600", "a\nb", "\u202e", "\u0130", "../x", "$LATEST", "a b"),
    *(TABLE, PASSING, "nowhere", "ByGroup", "Groups", "pk", "sk", "g", "#s", ":s"),
    *("ALL_NEW", "UPDATED_OLD", "all_old", "BETWEEN", "NOT_NULL", "IN", "CONTAINS", "OR", "COUNT"),
    *("HASH", "RANGE", "KEYS_ONLY", "ADD", "DELETE", "TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"),
    *("1" * 21, "9" * 40, "-" + "1" * 21, "shardId-99999999999999999999-ffffffff"),
    *("arn:", ARN, f"{ARN}/stream/x", f"{ARN}/index/ByGroup", "arn:aws:s3:::bucket"),
    *("arn:aws:dynamodb:eu-west-1:000000000000:table/fuzzed", f"{ARN}\u0000", f"{ARN} "),
)
NAMES: Final = ("X", "", "S", "M", "N", "#", "#a b", ":", "#s", ":s", "\u00e9", "pk", "TableName")
_ODD: Final[tuple[Any, ...]] = (
    *(None, [], {}, "", [[]], [{}], [None], {"": None}, {"S": None}, [1, 2, 3], True, False),
    *(0, -1, 2**31, 2**63, 2**64, -(2**63), 10**30, 1.5, -0.0, 1e308, 1e-320),
    *({"S": "x", "N": "1"}, {"S": 1}, {"B": "?"}, {"B": "AAA"}, {"BOOL": "true"}, {"NULL": False}),
    *({"SS": []}, {"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"BS": [""]}, {"M": []}, {"L": {}}),
    *({"X": "x"}, {"S": "a"}, {"N": "1"}, {"B": "AAEC"}, {"L": []}, {"M": {}}, {"NULL": True}),
    *([KEY, KEY], ["a"] * 26, {"SS": ["a", "\u00e9"]}, {"BS": ["AAEC", "AA=="]}),
)
_SIZES: Final = (0, 1, 2, 255, 256, 1024, 1025, 2048, 2049, 4097)
_DEPTHS: Final = (1, 5, 31, 32, 33)

# They take as long as hundreds of others, so they are rare.
_RARE: Final = 150
_LARGE_SIZES: Final = (65_536, 400 * 1024, 1024 * 1024)


def hostile(chance: Random) -> Any:
    """A value that may stand where any member of a request stands."""
    if chance.randrange(_RARE) == 0:
        return _large(chance)
    match chance.randrange(6):
        case 0:
            return {"N": chance.choice(NUMBERS)}
        case 1:
            return chance.choice(NUMBERS)
        case 2:
            return chance.choice(TEXTS)
        case 3:
            return attribute_value(chance)
        case 4:
            return _sized(chance, _SIZES)
        case _:
            # A copy, since what stands in a request may be spoiled again.
            return copy.deepcopy(chance.choice(_ODD))


def like(chance: Random, value: Any) -> Any:
    """A value of the same type as another, so that what is looked at later is reached."""
    match value:
        case bool():
            return not value
        case int() | float():
            return chance.choice((0, 1, -1, 2, 5, 100, 101, 1000, 2**31, 2**63 - 1, 1.5, 1.7e9))
        case str():
            return chance.choice(chance.choice((NUMBERS, TEXTS)))
        case {"S": _} | {"N": _} | {"B": _} | {"M": _} | {"SS": _} | {"NS": _} | {"BS": _}:
            return attribute_value(chance)
        case dict():
            return {chance.choice(NAMES): attribute_value(chance), **value}
        case list():
            return [*value, *value][: chance.randrange(4)]
    return hostile(chance)


def attribute_value(chance: Random, depth: int = 0) -> dict[str, Any]:
    """An attribute value of any type, valid more often than not."""
    match chance.randrange(10 if depth < 3 else 5):
        case 0 | 1:
            return {"S": chance.choice(("", "a", "text", "\u00e9", "group"))}
        case 2:
            return {"N": chance.choice(NUMBERS)}
        case 3:
            return {"B": chance.choice(("", "AAEC", "AA==", "AAE"))}
        case 4:
            return chance.choice(({"BOOL": True}, {"NULL": True}, {"BOOL": False}))
        case 5:
            return {"SS": [chance.choice("abc") for _ in range(chance.randrange(4))]}
        case 6:
            return {"NS": [chance.choice(NUMBERS) for _ in range(chance.randrange(3))]}
        case 7:
            return {"L": [attribute_value(chance, depth + 1) for _ in range(chance.randrange(3))]}
        case 8:
            return {"M": {name: attribute_value(chance, depth + 1) for name in ("x", "y")}}
        case _:
            return _nested(chance.choice(_DEPTHS), chance.choice("LM"))


def _large(chance: Random) -> Any:
    match chance.randrange(6):
        case 0:
            return [dict(KEY) for _ in range(101)]
        case 1:
            return {str(number): {"S": "v"} for number in range(300)}
        case 2:
            return {"N": "1" * 100_000}
        case 3:
            return ["a"] * 1000
        case 4:
            return _nested(200, chance.choice("LM"))
        case _:
            return _sized(chance, _LARGE_SIZES)


def _sized(chance: Random, sizes: tuple[int, ...]) -> Any:
    text = chance.choice(("x", "\u00e9")) * chance.choice(sizes)
    return chance.choice((text, {"S": text}))


def _nested(depth: int, within: str) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]} if within == "L" else {"M": {"a": value}}
    return value
