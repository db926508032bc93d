"""BatchGetItem."""

import pytest

from tests.conformance.expectation import invalid, missing


@pytest.fixture
def stored(dynamodb, simple, key):
    """Three items of the simple table."""
    items = [{"pk": {"S": f"{key}-{n}"}, "n": {"N": str(n)}, "x": {"S": "x"}} for n in range(3)]
    dynamodb.batch_write_item(
        RequestItems={simple: [{"PutRequest": {"Item": item}} for item in items]}
    )
    return items


@pytest.fixture
def get(dynamodb, simple):
    """Gets keys of the simple table, consistently."""

    def call(keys, **options):
        request = {"Keys": keys, "ConsistentRead": True, **options}
        return dynamodb.batch_get_item(RequestItems={simple: request})

    return call


def keys_of(items):
    return [{"pk": item["pk"]} for item in items]


def in_order(items):
    return sorted(items, key=lambda item: item["pk"]["S"])


def test_items_are_found(get, simple, stored):
    answer = get(keys_of(stored))

    assert in_order(answer["Responses"][simple]) == stored
    assert answer["UnprocessedKeys"] == {}


def test_missing_items_are_left_out(get, simple, stored, key):
    answer = get([{"pk": {"S": key}}, *keys_of(stored[:1])])

    assert answer["Responses"][simple] == stored[:1]


def test_nothing_found_is_an_empty_list(get, simple, key):
    assert get([{"pk": {"S": key}}])["Responses"] == {simple: []}


def test_projection_applies(get, simple, stored):
    answer = get(keys_of(stored[:1]), ProjectionExpression="n")

    assert answer["Responses"][simple] == [{"n": {"N": "0"}}]


def test_tables_are_read_together(dynamodb, simple, composite, stored, key):
    item = {"pk": {"S": key}, "sk": {"S": "a"}}
    dynamodb.put_item(TableName=composite, Item=item)

    answer = dynamodb.batch_get_item(
        RequestItems={
            simple: {"Keys": keys_of(stored[:1]), "ConsistentRead": True},
            composite: {"Keys": [item], "ConsistentRead": True},
        }
    )

    assert answer["Responses"] == {simple: stored[:1], composite: [item]}


def test_100_keys_are_the_most(get, simple, key):
    keys = [{"pk": {"S": f"{key}-{n}"}} for n in range(100)]

    assert get(keys)["Responses"][simple] == []
    with invalid() as refusal:
        get([*keys, {"pk": {"S": key}}])
    assert "Too many items requested for the BatchGetItem call" in refusal.message or (
        "Member must have length less than or equal to 100" in refusal.message
    )


def test_100_keys_are_the_most_over_all_tables(dynamodb, simple, composite, key):
    with invalid("Too many items requested for the BatchGetItem call"):
        dynamodb.batch_get_item(
            RequestItems={
                simple: {"Keys": [{"pk": {"S": f"{key}-{n}"}} for n in range(60)]},
                composite: {"Keys": [{"pk": {"S": key}, "sk": {"S": str(n)}} for n in range(41)]},
            }
        )


def test_same_key_twice_is_refused(get, key):
    with invalid("Provided list of item keys contains duplicates"):
        get([{"pk": {"S": key}}, {"pk": {"S": key}}])


def test_equal_numbers_are_the_same_key(dynamodb, numbered, key):
    keys = [{"pk": {"S": key}, "sk": {"N": number}} for number in ("1", "1.0")]

    with invalid("Provided list of item keys contains duplicates"):
        dynamodb.batch_get_item(RequestItems={numbered: {"Keys": keys}})


def test_key_that_does_not_match_is_refused(get):
    with invalid("The provided key element does not match the schema"):
        get([{"other": {"S": "a"}}])


def test_unknown_table_is_not_found(dynamodb, unique_name):
    with missing():
        dynamodb.batch_get_item(
            RequestItems={unique_name("unknown"): {"Keys": [{"pk": {"S": "a"}}]}}
        )


@pytest.mark.parametrize("request_items", [{}, {"table": {"Keys": []}}])
def test_empty_request_is_refused(dynamodb, request_items):
    with invalid():
        dynamodb.batch_get_item(RequestItems=request_items)


def test_keys_beyond_16_megabytes_are_handed_back(dynamodb, simple, key, get):
    items = [{"pk": {"S": f"{key}-{n}"}, "fill": {"S": "x" * 399_000}} for n in range(45)]
    for item in items:
        dynamodb.put_item(TableName=simple, Item=item)

    answer = get(keys_of(items), ExpressionAttributeNames={"#p": "pk"}, ProjectionExpression="#p")

    left = answer["UnprocessedKeys"][simple]
    assert 1 <= len(left["Keys"]) < 45
    assert len(answer["Responses"][simple]) + len(left["Keys"]) == 45
    assert left["ConsistentRead"] is True
    assert left["ProjectionExpression"] == "#p"
    assert left["ExpressionAttributeNames"] == {"#p": "pk"}
    rest = dynamodb.batch_get_item(RequestItems=answer["UnprocessedKeys"])
    assert in_order(answer["Responses"][simple] + rest["Responses"][simple]) == in_order(
        keys_of(items)
    )
