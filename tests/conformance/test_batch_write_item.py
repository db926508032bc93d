"""BatchWriteItem."""

import pytest

from tests.conformance.expectation import VALUES, invalid, missing


@pytest.fixture
def write(dynamodb, simple):
    """Sends requests for the simple table."""

    def call(*requests):
        return dynamodb.batch_write_item(RequestItems={simple: list(requests)})

    return call


@pytest.fixture
def stored(dynamodb, simple, key):
    """The items whose keys are the test's with these endings."""

    def call(*endings):
        keys = [{"pk": {"S": key + ending}} for ending in endings]
        answer = dynamodb.batch_get_item(
            RequestItems={simple: {"Keys": keys, "ConsistentRead": True}}
        )
        return sorted(answer["Responses"][simple], key=lambda item: item["pk"]["S"])

    return call


def put(key, **attributes):
    return {"PutRequest": {"Item": {"pk": {"S": key}, **attributes}}}


def delete(key):
    return {"DeleteRequest": {"Key": {"pk": {"S": key}}}}


def test_items_are_put_and_deleted(write, stored, key):
    write(put(key + "a"), put(key + "b"))

    answer = write(put(key + "a", x={"S": "new"}), delete(key + "b"), put(key + "c"))

    assert answer["UnprocessedItems"] == {}
    assert stored("a", "b", "c") == [
        {"pk": {"S": key + "a"}, "x": {"S": "new"}},
        {"pk": {"S": key + "c"}},
    ]


def test_tables_are_written_together(dynamodb, simple, composite, key):
    item = {"pk": {"S": key}, "sk": {"S": "a"}}

    dynamodb.batch_write_item(
        RequestItems={simple: [put(key)], composite: [{"PutRequest": {"Item": item}}]}
    )

    first = dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}}, ConsistentRead=True)
    second = dynamodb.get_item(TableName=composite, Key=item, ConsistentRead=True)
    assert "Item" in first
    assert "Item" in second


def test_25_requests_are_the_most(write, key, stored):
    write(*(put(f"{key}{n}") for n in range(25)))

    with invalid():
        write(*(put(f"{key}{n}", x={"S": "x"}) for n in range(26)))
    assert len(stored(*map(str, range(25)))) == 25
    assert all("x" not in item for item in stored(*map(str, range(25))))


@pytest.mark.parametrize("second", [put, delete])
def test_same_item_twice_is_refused(write, key, second):
    with invalid("Provided list of item keys contains duplicates"):
        write(put(key), second(key))


def test_key_that_does_not_match_is_refused(write):
    with invalid("The provided key element does not match the schema"):
        write({"DeleteRequest": {"Key": {"other": {"S": "a"}}}})


@pytest.mark.parametrize(
    "item", [{"x": {"S": "a"}}, {"pk": {"N": "1"}}], ids=["missing", "wrong type"]
)
def test_item_with_a_faulty_key_is_refused(write, item):
    with invalid():
        write({"PutRequest": {"Item": item}})


def test_one_faulty_request_fails_all(write, stored, key):
    with invalid(VALUES + "An string set  may not be empty"):
        write(put(key + "a"), put(key + "b", x={"SS": []}))

    assert stored("a", "b") == []


def test_one_unknown_table_fails_all(dynamodb, simple, key, unique_name, stored):
    with missing():
        dynamodb.batch_write_item(
            RequestItems={simple: [put(key)], unique_name("unknown"): [put(key)]}
        )

    assert stored("") == []


@pytest.mark.parametrize(
    "requests",
    [[], [{}], [{**put("a"), **delete("b")}]],
    ids=["no request", "empty request", "both kinds"],
)
def test_request_without_meaning_is_refused(write, requests):
    with invalid():
        write(*requests)


def test_no_table_is_refused(dynamodb):
    with invalid():
        dynamodb.batch_write_item(RequestItems={})


def test_deleting_what_is_not_there_succeeds(write, key):
    assert write(delete(key))["UnprocessedItems"] == {}


def test_wrong_type_of_an_index_key_fails_all(dynamodb, indexed, key):
    items = [
        {"pk": {"S": key}, "sk": {"S": "a"}},
        {"pk": {"S": key}, "sk": {"S": "b"}, "colour": {"N": "1"}},
    ]

    with invalid():
        dynamodb.batch_write_item(
            RequestItems={indexed: [{"PutRequest": {"Item": item}} for item in items]}
        )

    answer = dynamodb.get_item(TableName=indexed, Key=items[0], ConsistentRead=True)
    assert "Item" not in answer
