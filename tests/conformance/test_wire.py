"""The protocol itself: headers, error bodies, checksums, compression, what is read and what not."""

import gzip
import json
import re
import zlib

import pytest

from tests.conformance.wire import JSON, STREAMS, TABLES

REQUEST_ID = re.compile(r"[0-9A-Z]{52}")
CORAL = "com.amazon.coral.service#"


@pytest.fixture
def stored(dynamodb, simple, key):
    """An item of the simple table, and the request that gets it."""
    item = {"pk": {"S": key}, "n": {"N": "1"}, "b": {"B": b"bytes"}}
    dynamodb.put_item(TableName=simple, Item=item)
    return {"TableName": simple, "Key": {"pk": {"S": key}}, "ConsistentRead": True}


@pytest.fixture
def large(dynamodb, simple, key):
    """The request that gets an item large enough to be compressed."""
    dynamodb.put_item(TableName=simple, Item={"pk": {"S": key}, "f": {"S": "x" * 100_000}})
    return {"TableName": simple, "Key": {"pk": {"S": key}}, "ConsistentRead": True}


def test_answer_is_json_of_the_protocol(wire, stored):
    answer = wire.call(TABLES + "GetItem", stored)

    assert answer.status == 200
    assert answer.headers["content-type"] == JSON
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.content["Item"]["n"] == {"N": "1"}


def test_binary_is_base64(wire, stored):
    answer = wire.call(TABLES + "GetItem", stored)

    assert answer.content["Item"]["b"] == {"B": "Ynl0ZXM="}


@pytest.mark.parametrize("body", [None, {}], ids=["success", "error"])
def test_every_answer_has_a_checksum_and_an_id(wire, stored, body):
    answer = wire.call(TABLES + "GetItem", stored if body is None else body)

    assert answer.headers["x-amz-crc32"] == str(zlib.crc32(answer.body))
    assert REQUEST_ID.fullmatch(answer.headers["x-amzn-requestid"])


def test_ids_of_requests_differ(wire, stored):
    first = wire.call(TABLES + "GetItem", stored)
    second = wire.call(TABLES + "GetItem", stored)

    assert first.headers["x-amzn-requestid"] != second.headers["x-amzn-requestid"]


def test_modelled_error_has_the_name_space_of_the_service(wire, unique_name):
    request = {"TableName": unique_name("unknown"), "Key": {"pk": {"S": "a"}}}

    answer = wire.call(TABLES + "GetItem", request)

    assert answer.status == 400
    assert answer.content == {
        "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": "Requested resource not found",
    }


def test_validation_error_has_the_name_space_of_validation(wire, simple):
    answer = wire.call(TABLES + "GetItem", {"TableName": simple, "Key": {"x": {"S": "a"}}})

    assert answer.status == 400
    assert answer.content == {
        "__type": "com.amazon.coral.validate#ValidationException",
        "message": "The provided key element does not match the schema",
    }


@pytest.mark.parametrize(
    "target",
    [TABLES + "Unknown", TABLES + "getItem", TABLES, "Unknown_20120810.GetItem", "GetItem"],
)
def test_unknown_target_is_no_operation(wire, target):
    answer = wire.call(target, {})

    assert answer.status == 400
    assert answer.content == {"__type": CORAL + "UnknownOperationException"}


def test_operation_of_the_streams_is_not_one_of_the_tables(wire):
    answer = wire.call(TABLES + "GetRecords", {"ShardIterator": "x"})

    assert answer.error[:2] == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{]",
        b"[]",
        b'"text"',
        b"{'a': 1}",
        b'{"TableName": }',
        b'{"TableName": "\\ud800"}',
        b"\xff\xfe",
        b"{} {}",
    ],
    ids=repr,
)
def test_body_that_is_no_json_object_cannot_be_read(wire, body):
    answer = wire.call(TABLES + "GetItem", body)

    assert (answer.status, answer.content["__type"]) == (400, CORAL + "SerializationException")


@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
def test_depth_without_end_is_refused(wire, simple, depth):
    value = b'{"L":[' * depth + b'{"S":"a"}' + b"]}" * depth
    head = b'{"TableName":"%s","Item":{"pk":{"S":"deep"},"a":' % simple.encode()

    answer = wire.call(TABLES + "PutItem", head + value + b"}}")

    assert answer.status == 400
    assert answer.error[1] in ("ValidationException", "SerializationException")


@pytest.mark.parametrize(
    ("operation", "member", "value", "message"),
    [
        ("GetItem", "TableName", 1, "NUMBER_VALUE cannot be converted to String"),
        ("Scan", "Limit", "1", "STRING_VALUE cannot be converted to Integer"),
        ("GetItem", "Key", "text", "Unexpected field type"),
        (
            "GetItem",
            "Key",
            {"pk": {"B": "abcde"}},
            "Base64 encoded length is expected a multiple of 4 bytes but found: 5",
        ),
        (
            "GetItem",
            "Key",
            {"pk": {"B": 1}},
            "only base-64-encoded strings are convertible to bytes",
        ),
        ("GetItem", "Key", {"pk": {"S": 1}}, "NUMBER_VALUE cannot be converted to String"),
        ("Scan", "Limit", {}, "Start of structure or map found where not expected"),
    ],
)
def test_member_of_wrong_type_cannot_be_read(wire, simple, operation, member, value, message):
    answer = wire.call(TABLES + operation, {"TableName": simple, member: value})

    assert answer.error[:2] == (400, "SerializationException")
    assert message in (answer.error[2] or "")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("TableName", ["a"]),
        ("TableName", {"a": 1}),
        ("TableName", True),
        ("Key", ["a"]),
        ("Key", 1),
        ("Key", {"pk": "a"}),
        ("Key", {"pk": ["a"]}),
        ("Key", {"pk": {"N": 1}}),
        ("Key", {"pk": {"BOOL": "true"}}),
        ("Key", {"pk": {"SS": "a"}}),
        ("Key", {"pk": {"SS": [1]}}),
        ("Key", {"pk": {"L": {}}}),
        ("Key", {"pk": {"M": []}}),
        ("ConsistentRead", "x"),
        ("ConsistentRead", 1.5),
        ("ExpressionAttributeNames", []),
        ("ExpressionAttributeNames", {"#a": 1}),
        ("ProjectionExpression", {}),
        ("AttributesToGet", "a"),
    ],
)
def test_other_members_of_wrong_type_are_client_errors(wire, simple, member, value):
    request = {"TableName": simple, "Key": {"pk": {"S": "a"}}} | {member: value}

    answer = wire.call(TABLES + "GetItem", request)

    assert answer.status == 400
    assert answer.error[1] in ("SerializationException", "ValidationException")


def test_unknown_members_are_ignored(wire, stored):
    answer = wire.call(TABLES + "GetItem", stored | {"Unknown": {"a": [1]}, "tableName": "x"})

    assert answer.status == 200
    assert "Item" in answer.content


def test_null_is_absence(wire, stored):
    nothing = {"ProjectionExpression": None, "ReturnConsumedCapacity": None}

    answer = wire.call(TABLES + "GetItem", stored | nothing)

    assert answer.status == 200
    assert set(answer.content) == {"Item"}


def test_null_for_what_is_required_is_absence(wire, simple):
    answer = wire.call(TABLES + "GetItem", {"TableName": simple, "Key": None})

    assert answer.error[:2] == (400, "ValidationException")
    assert "Value null at 'key' failed to satisfy constraint: Member must not be null" in (
        answer.error[2] or ""
    )


def test_every_missing_member_is_named(wire):
    answer = wire.call(TABLES + "PutItem", {})

    assert answer.error[:2] == (400, "ValidationException")
    assert (answer.error[2] or "").startswith(
        ("2 validation errors detected: ", "The parameter 'TableName' is required")
    )


def test_white_space_and_escapes_are_read(wire, simple, key):
    body = (
        f' {{ "TableName" :\n"{simple}" ,\t"Key":{{"pk":{{"\\u0053":"{key}"}}}}\r\n}} '
    ).encode()

    answer = wire.call(TABLES + "GetItem", body)

    assert answer.status == 200


def test_text_beyond_the_basic_plane_survives(wire, simple, key):
    text = "\U0001f600 \u2028 \x7f \u0000"
    wire.call(
        TABLES + "PutItem",
        {"TableName": simple, "Item": {"pk": {"S": key}, "t": {"S": text}}},
    )

    answer = wire.call(
        TABLES + "GetItem",
        {"TableName": simple, "Key": {"pk": {"S": key}}, "ConsistentRead": True},
    )

    assert answer.content["Item"]["t"] == {"S": text}


def test_compressed_request_is_read(wire, stored):
    body = gzip.compress(json.dumps(stored).encode())

    answer = wire.call(TABLES + "GetItem", body, {"Content-Encoding": "gzip"})

    assert answer.status == 200
    assert "Item" in answer.content


def test_answer_is_compressed_for_who_accepts_it(wire, large):
    answer = wire.call(TABLES + "GetItem", large, {"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 100_000
    assert len(json.loads(gzip.decompress(answer.body))["Item"]["f"]["S"]) == 100_000


def test_checksum_is_of_the_compressed_body(wire, large):
    answer = wire.call(TABLES + "GetItem", large, {"Accept-Encoding": "gzip"})

    assert answer.headers["x-amz-crc32"] == str(zlib.crc32(answer.body))


def test_answer_is_plain_for_who_does_not(wire, large):
    answer = wire.call(TABLES + "GetItem", large)

    assert "content-encoding" not in answer.headers
    assert len(answer.content["Item"]["f"]["S"]) == 100_000


def test_get_of_the_root_tells_health(wire):
    answer = wire.send("GET", "/", {})

    assert answer.status == 200
    assert re.fullmatch(rb"healthy: dynamodb\.[\w-]+\.amazonaws\.com ", answer.body)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_no_operation(wire, method):
    answer = wire.send(method, "/", {"Content-Type": JSON, "X-Amz-Target": TABLES + "ListTables"})

    assert answer.status == 404
    assert answer.body == b"<UnknownOperationException/>\n"


def test_time_is_in_epoch_seconds(wire, simple):
    answer = wire.call(TABLES + "DescribeTable", {"TableName": simple})

    created = answer.content["Table"]["CreationDateTime"]
    assert isinstance(created, int | float)
    assert 1_700_000_000 < created < 5_000_000_000


def test_streams_are_asked_by_a_target_of_their_own(streams_wire, streamed):
    table = streamed["KEYS_ONLY"]

    answer = streams_wire.call(STREAMS + "ListStreams", {"TableName": table["TableName"]})

    assert answer.status == 200
    assert [each["StreamArn"] for each in answer.content["Streams"]] == [table["LatestStreamArn"]]


def test_failed_condition_carries_its_item_beside_the_text(wire, stored, key):
    request = {
        "TableName": stored["TableName"],
        "Item": {"pk": {"S": key}},
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    answer = wire.call(TABLES + "PutItem", request)

    assert answer.error == (
        400,
        "ConditionalCheckFailedException",
        "The conditional request failed",
    )
    assert answer.content["Item"]["n"] == {"N": "1"}


def test_cancelled_transaction_tells_its_reasons_in_the_body(wire, simple, key):
    check = {
        "TableName": simple,
        "Key": {"pk": {"S": key}},
        "ConditionExpression": "attribute_exists(pk)",
    }

    answer = wire.call(
        TABLES + "TransactWriteItems", {"TransactItems": [{"ConditionCheck": check}]}
    )

    assert answer.error[:2] == (400, "TransactionCanceledException")
    assert answer.error[2] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[ConditionalCheckFailed]"
    )
    assert answer.content["CancellationReasons"] == [
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    ]


def test_body_over_16_megabytes_is_too_large(wire, simple, key):
    item = {"pk": {"S": key}, "f": {"S": "x" * (16 * 1024 * 1024)}}

    answer = wire.call(TABLES + "PutItem", {"TableName": simple, "Item": item})

    assert answer.status == 413
