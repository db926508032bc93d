"""ConditionExpression: what is true of an item."""

import pytest
from botocore.exceptions import ClientError

ITEM = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "e": {"S": ""},
    "b": {"B": b"bytes"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["one", "two"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": [b"x", b"y"]},
    "l": {"L": [{"N": "1"}, {"S": "two"}, {"L": [{"S": "deep"}]}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "deep"}}}, "l": {"L": [{"N": "7"}]}}},
    "odd.name": {"S": "dotted"},
}
NAMES = {"#dot": "odd.name", "#m": "m", "#x": "x", "#y": "y", "#n": "n", "#gone": "gone"}
VALUES = {
    ":5": {"N": "5"},
    ":5e0": {"N": "0.5e1"},
    ":4": {"N": "4"},
    ":6": {"N": "6"},
    ":1": {"N": "1"},
    ":2": {"N": "2"},
    ":3": {"N": "3"},
    ":7": {"N": "7"},
    ":0": {"N": "0"},
    ":hello": {"S": "hello"},
    ":hell": {"S": "hell"},
    ":ell": {"S": "ell"},
    ":z": {"S": "z"},
    ":two": {"S": "two"},
    ":deep": {"S": "deep"},
    ":dotted": {"S": "dotted"},
    ":empty": {"S": ""},
    ":s5": {"S": "5"},
    ":bytes": {"B": b"bytes"},
    ":byt": {"B": b"byt"},
    ":yte": {"B": b"yte"},
    ":x": {"B": b"x"},
    ":true": {"BOOL": True},
    ":false": {"BOOL": False},
    ":null": {"NULL": True},
    ":set": {"SS": ["two", "one"]},
    ":other": {"SS": ["two", "three"]},
    ":numbers": {"NS": ["2.0", "1"]},
    ":list": {"L": [{"N": "1"}, {"S": "two"}, {"L": [{"S": "deep"}]}]},
    ":inner": {"L": [{"S": "deep"}]},
    ":map": {"M": {"z": {"S": "deep"}}},
    ":S": {"S": "S"},
    ":N": {"S": "N"},
    ":B": {"S": "B"},
    ":BOOL": {"S": "BOOL"},
    ":NULL": {"S": "NULL"},
    ":SS": {"S": "SS"},
    ":NS": {"S": "NS"},
    ":BS": {"S": "BS"},
    ":L": {"S": "L"},
    ":M": {"S": "M"},
}

TRUE = [
    "n = :5",
    "n = :5e0",
    "n <> :4",
    "n < :6",
    "n <= :5",
    "n > :4",
    "n >= :5",
    ":4 < n",
    "s = :hello",
    "s > :hell",
    "s < :z",
    "e = :empty",
    "b = :bytes",
    "b > :byt",
    "t = :true",
    "t <> :false",
    "z = :null",
    "ss = :set",
    "ss <> :other",
    "ns = :numbers",
    "l = :list",
    "m.y = :map",
    "n <> s",
    "gone <> :5",
    "n <> :s5",
    "n BETWEEN :4 AND :6",
    "n BETWEEN :5 AND :5",
    "s BETWEEN :hell AND :z",
    "n IN (:4, :5)",
    "s IN (:hello)",
    "n IN (:hello, :5)",
    "attribute_exists(n)",
    "attribute_exists(m.y.z)",
    "attribute_exists(l[2][0])",
    "attribute_not_exists(gone)",
    "attribute_not_exists(m.gone)",
    "attribute_not_exists(l[9])",
    "attribute_not_exists(n.x)",
    "attribute_not_exists(n[0])",
    "attribute_type(s, :S)",
    "attribute_type(n, :N)",
    "attribute_type(b, :B)",
    "attribute_type(t, :BOOL)",
    "attribute_type(z, :NULL)",
    "attribute_type(ss, :SS)",
    "attribute_type(ns, :NS)",
    "attribute_type(bs, :BS)",
    "attribute_type(l, :L)",
    "attribute_type(m, :M)",
    "begins_with(s, :hell)",
    "begins_with(s, :hello)",
    "begins_with(s, :empty)",
    "begins_with(b, :byt)",
    "contains(s, :ell)",
    "contains(b, :yte)",
    "contains(ss, :two)",
    "contains(ns, :1)",
    "contains(bs, :x)",
    "contains(l, :two)",
    "contains(l, :1)",
    "contains(l, :inner)",
    "size(s) = :5",
    "size(b) = :5",
    "size(ss) = :2",
    "size(ns) = :2",
    "size(bs) = :2",
    "size(l) = :3",
    "size(m) = :3",
    "size(e) = :0",
    "size(s) BETWEEN :4 AND :6",
    "size(s) IN (:5)",
    ":3 = size(m)",
    "size(s) = n",
    "m.x = :1",
    "m.y.z = :deep",
    "m.l[0] = :7",
    "l[1] = :two",
    "l[2][0] = :deep",
    "#m.#y.z = :deep",
    "#dot = :dotted",
    "n = :5 AND s = :hello",
    "n = :4 OR s = :hello",
    "NOT n = :4",
    "NOT n = :4 AND s = :hello",
    "NOT (n = :4 AND s = :hello)",
    "n = :5 OR n = :4 AND s = :z",
    "(n = :5 OR n = :4) AND s = :hello",
    "NOT gone = :5",
    "n=:5 and s=:hello",
    "n In (:5) Or Not s = :hello",
    "n between :4 and :6",
    "attribute_exists (n)",
    "\n n\t=\n:5 ",
    "not attribute_exists(gone)",
]
FALSE = [
    "n = :4",
    "n = :s5",
    "n < :5",
    "n > :5",
    "gone = :5",
    "gone < :5",
    "gone > :5",
    "gone = gone2",
    "n < :s5",
    "s > :5",
    "t = :null",
    "ss = :other",
    "n <> :5",
    "n <> :5e0",
    "n BETWEEN :6 AND :7",
    "gone BETWEEN :4 AND :6",
    "s BETWEEN :4 AND :6",
    "n IN (:4, :6)",
    "n IN (:s5)",
    "gone IN (:5)",
    "attribute_exists(gone)",
    "attribute_exists(m.gone)",
    "attribute_exists(l[3])",
    "attribute_not_exists(n)",
    "attribute_type(n, :S)",
    "attribute_type(gone, :S)",
    "begins_with(s, :ell)",
    "begins_with(n, :s5)",
    "begins_with(gone, :hell)",
    "begins_with(s, :byt)",
    "contains(s, :z)",
    "contains(ss, :hell)",
    "contains(ss, :1)",
    "contains(ns, :s5)",
    "contains(l, :5)",
    "contains(n, :5)",
    "contains(gone, :5)",
    "size(n) = :1",
    "size(t) = :1",
    "size(gone) = :0",
    "size(s) = :s5",
    "NOT n = :5",
    "n = :5 AND s = :z",
    "n = :4 OR s = :z",
    "NOT (n = :5 OR s = :z)",
    "(n = :5 OR n = :4) AND s = :z",
    "NOT n = :5 AND s = :hello",
]


@pytest.fixture(scope="module")
def subject(dynamodb, simple, unique_name):
    """The key of an item that every condition is tried on, and that no write changes."""
    item_key = {"pk": {"S": unique_name("subject")}}
    dynamodb.put_item(TableName=simple, Item={**item_key, **ITEM})
    return item_key


@pytest.fixture
def holds(dynamodb, simple, subject):
    """Whether a condition lets the item be written once more as it is."""

    def call(condition):
        used = {
            "ExpressionAttributeNames": used_of(NAMES, condition),
            "ExpressionAttributeValues": used_of(VALUES, condition),
        }
        try:
            dynamodb.put_item(
                TableName=simple,
                Item={**subject, **ITEM},
                ConditionExpression=condition,
                **{member: given for member, given in used.items() if given},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    return call


def used_of(placeholders, condition):
    """Those that the condition uses: the others would be refused."""
    words = condition.translate(str.maketrans("(),[].=<>", " " * 9)).split()
    return {name: given for name, given in placeholders.items() if name in words}


@pytest.mark.parametrize("condition", TRUE)
def test_condition_holds(holds, condition):
    assert holds(condition)


@pytest.mark.parametrize("condition", FALSE)
def test_condition_does_not_hold(holds, condition):
    assert not holds(condition)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("attribute_not_exists(pk)", True),
        ("attribute_exists(pk)", False),
        ("pk <> :v", True),
        ("pk = :v", False),
        ("size(pk) >= :zero", False),
    ],
)
def test_condition_on_no_item(dynamodb, simple, key, condition, expected):
    values = {":v": {"S": key}, ":zero": {"N": "0"}}
    used = {name: value for name, value in values.items() if name in condition}
    options = {"ExpressionAttributeValues": used} if used else {}

    try:
        dynamodb.delete_item(
            TableName=simple, Key={"pk": {"S": key}}, ConditionExpression=condition, **options
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        held = False
    else:
        held = True

    assert held is expected
