"""Filter patterns, rule by rule. Sources: the module's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from headwater.consumers.filter import InvalidPattern, RecordFilter

RECORD: dict[str, Any] = {
    "eventName": "MODIFY",
    "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    "dynamodb": {
        "ApproximateCreationDateTime": 1731933377.0,
        "Keys": {"id": {"S": "us-1"}},
        "NewImage": {
            "id": {"S": "us-1"},
            "age": {"N": "300"},
            "name": {"S": "Alice"},
            "note": {"S": ""},
            "open": {"BOOL": True},
            "gone": {"NULL": True},
            "tags": {"SS": ["blue", "red"]},
            "list": {"L": [{"S": "x"}, {"L": [{"S": "deep"}]}, {"M": {"a": {"N": "1"}}}]},
        },
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
    "null": None,
    "numbers": [1, 2.5, [3]],
    "nothing": [],
}


def matches(pattern: Any, record: dict[str, Any] = RECORD) -> bool:
    return RecordFilter([orjson.dumps(pattern).decode()]).matches(record)


def image(name: str, kind: str, *rules: Any) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": {name: {kind: list(rules)}}}}


MATCHING = [
    {},
    {"eventName": ["MODIFY"]},
    {"eventName": ["INSERT", "MODIFY"]},
    {"eventName": ["MODIFY"], "userIdentity": {"type": ["Service"]}},
    image("age", "N", "300"),
    image("note", "S", ""),
    image("open", "BOOL", True),
    {"null": [None]},
    {"dynamodb": {"SizeBytes": [26]}},
    {"dynamodb": {"SizeBytes": [26.0]}},
    image("name", "S", {"anything-but": "Bob"}),
    image("name", "S", {"anything-but": ["Bob", "Eve"]}),
    image("name", "S", {"anything-but": {"prefix": "B"}}),
    image("name", "S", {"anything-but": {"equals-ignore-case": "bob"}}),
    {"dynamodb": {"SizeBytes": [{"anything-but": [1, 2]}]}},
    {"null": [{"anything-but": "x"}]},
    {"dynamodb": {"SizeBytes": [{"numeric": ["=", 26]}]}},
    {"dynamodb": {"SizeBytes": [{"numeric": [">", 10, "<=", 26]}]}},
    {"dynamodb": {"SizeBytes": [{"numeric": [">=", 26, "<", 26.5]}]}},
    {"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 1731933376]}]}},
    image("name", "S", {"exists": True}),
    image("nobody", "S", {"exists": False}),
    {"dynamodb": {"OldImage": {"name": {"S": [{"exists": False}]}}}},
    {"null": [{"exists": True}]},
    image("name", "S", {"prefix": "Al"}),
    image("name", "S", {"suffix": "ice"}),
    image("name", "S", {"prefix": {"equals-ignore-case": "aL"}}),
    image("name", "S", {"suffix": {"equals-ignore-case": "ICE"}}),
    image("name", "S", {"equals-ignore-case": "aLICE"}),
    image("name", "S", "Bob", {"prefix": "A"}),
    image("tags", "SS", "red"),
    image("tags", "SS", {"anything-but": "red"}),
    {"dynamodb": {"NewImage": {"list": {"L": {"S": ["x"]}}}}},
    {"dynamodb": {"NewImage": {"list": {"L": {"L": {"S": ["deep"]}}}}}},
    {"dynamodb": {"NewImage": {"list": {"L": {"M": {"a": {"N": ["1"]}}}}}}},
    {"numbers": [{"numeric": [">", 2.9]}]},
    {"nothing": [{"exists": False}]},
    {"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"SizeBytes": [26]}}]},
    {"dynamodb": {"$or": [{"SizeBytes": [1]}, {"StreamViewType": [{"prefix": "NEW"}]}]}},
    {"eventName": ["MODIFY"], "$or": [{"null": [None]}, {"null": [1]}]},
]


@pytest.mark.parametrize("pattern", MATCHING, ids=orjson.dumps)
def test_pattern_lets_the_record_through(pattern: Any) -> None:
    assert matches(pattern)


NOT_MATCHING = [
    {"eventName": ["modify"]},
    {"EventName": ["MODIFY"]},
    {"eventName": ["MODIFY"], "userIdentity": {"type": ["User"]}},
    {"absent": ["x"]},
    {"absent": {"inner": ["x"]}},
    {"eventName": {"inner": ["MODIFY"]}},
    image("age", "N", {"numeric": ["=", 300]}),
    image("age", "N", 300),
    image("open", "BOOL", 1),
    image("open", "BOOL", "true"),
    image("open", "BOOL", False),
    {"null": ["null"]},
    {"null": [""]},
    {"dynamodb": {"SizeBytes": ["26"]}},
    {"dynamodb": {"SizeBytes": [True]}},
    image("name", "S", {"anything-but": "Alice"}),
    image("name", "S", {"anything-but": ["Alice", "Bob"]}),
    image("name", "S", {"anything-but": {"suffix": "ice"}}),
    image("nobody", "S", {"anything-but": "x"}),
    {"dynamodb": {"SizeBytes": [{"numeric": ["<", 26]}]}},
    {"dynamodb": {"SizeBytes": [{"numeric": [">", 26, "<", 27]}]}},
    image("open", "BOOL", {"numeric": ["=", 1]}),
    image("name", "S", {"exists": False}),
    image("nobody", "S", {"exists": True}),
    {"dynamodb": {"NewImage": {"name": [{"exists": True}]}}},
    {"dynamodb": [{"anything-but": "x"}]},
    {"nothing": [{"exists": True}]},
    image("name", "S", {"prefix": "al"}),
    image("name", "S", {"suffix": "ICE"}),
    {"dynamodb": {"SizeBytes": [{"prefix": "2"}]}},
    {"dynamodb": {"SizeBytes": [{"equals-ignore-case": "26"}]}},
    image("tags", "SS", "green"),
    {"dynamodb": {"NewImage": {"list": {"L": {"S": ["deep"]}}}}},
    {"$or": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}]},
    {"eventName": ["INSERT"], "$or": [{"null": [None]}]},
]


@pytest.mark.parametrize("pattern", NOT_MATCHING, ids=orjson.dumps)
def test_pattern_keeps_the_record_back(pattern: Any) -> None:
    assert not matches(pattern)


INVALID = [
    "",
    "x",
    "[]",
    "null",
    '"text"',
    '{"eventName":"INSERT"}',
    '{"eventName":1}',
    '{"eventName":null}',
    '{"eventName":[]}',
    '{"eventName":[["INSERT"]]}',
    '{"eventName":{}}',
    '{"eventName":[{}]}',
    '{"eventName":[{"prefix":"a","suffix":"b"}]}',
    '{"eventName":[{"unknown":"a"}]}',
    '{"eventName":[{"Prefix":"a"}]}',
    '{"eventName":[{"prefix":1}]}',
    '{"eventName":[{"prefix":["a"]}]}',
    '{"eventName":[{"prefix":{"prefix":"a"}}]}',
    '{"eventName":[{"suffix":null}]}',
    '{"eventName":[{"equals-ignore-case":["a"]}]}',
    '{"eventName":[{"wildcard":"a*"}]}',
    '{"eventName":[{"cidr":"10.0.0.0/24"}]}',
    '{"eventName":[{"anything-but":[]}]}',
    '{"eventName":[{"anything-but":null}]}',
    '{"eventName":[{"anything-but":true}]}',
    '{"eventName":[{"anything-but":["a",1]}]}',
    '{"eventName":[{"anything-but":["a",null]}]}',
    '{"eventName":[{"anything-but":{}}]}',
    '{"eventName":[{"anything-but":{"numeric":["=",1]}}]}',
    '{"eventName":[{"exists":"true"}]}',
    '{"eventName":[{"exists":1}]}',
    '{"eventName":[{"numeric":10}]}',
    '{"eventName":[{"numeric":[]}]}',
    '{"eventName":[{"numeric":[">"]}]}',
    '{"eventName":[{"numeric":["=",1,"<"]}]}',
    '{"eventName":[{"numeric":["=>",1]}]}',
    '{"eventName":[{"numeric":["=","1"]}]}',
    '{"eventName":[{"numeric":["=",true]}]}',
    '{"eventName":[{"numeric":[1,1]}]}',
    '{"eventName":[{"numeric":["=",5000000001]}]}',
    '{"eventName":[{"numeric":["<",1,">",0]}]}',
    '{"eventName":[{"numeric":[">",1,"<",1]}]}',
    '{"eventName":[{"Numeric":["=",1]}]}',
    '{"$or":[]}',
    '{"$or":{"a":["b"]}}',
    '{"$or":["a"]}',
    '{"$or":[{}]}',
    '{"a":' * 101 + '["b"]' + "}" * 101,
    '{"a":' * 2000,
]


@pytest.mark.parametrize("pattern", INVALID, ids=range(len(INVALID)))
def test_pattern_that_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        RecordFilter([pattern])


def test_any_of_several_patterns_is_enough() -> None:
    record_filter = RecordFilter(['{"eventName":["INSERT"]}', '{"eventName":["MODIFY"]}'])

    assert record_filter.matches(RECORD)
    assert not record_filter.matches({"eventName": "REMOVE"})


def test_the_last_of_equal_names_counts() -> None:
    assert RecordFilter(['{"eventName":["INSERT"],"eventName":["MODIFY"]}']).matches(RECORD)


def test_members_of_one_pattern_are_met_by_one_element_of_an_array() -> None:
    record = {"list": [{"a": 1, "b": 1}, {"a": 2, "b": 2}]}

    assert matches({"list": {"a": [2], "b": [2]}}, record)
    assert not matches({"list": {"a": [1], "b": [2]}}, record)


def test_a_pattern_as_deep_as_allowed_is_taken() -> None:
    pattern = '{"a":' * 100 + '["b"]' + "}" * 100

    assert RecordFilter([pattern]).matches(orjson.loads(pattern.replace('["b"]', '"b"')))
