"""The checks of operations' inputs: what passes, and AWS's words for what does not."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.api import shapes
from headwater.errors import SerializationException, ServiceError, ValidationException

NAMES = [
    (service, name)
    for service in ("dynamodb", "dynamodbstreams", "lambda")
    for name in shapes.load(service).operations
]


def check(operation: str, body: dict[str, Any], service: str = "dynamodb") -> dict[str, Any]:
    return shapes.load(service).operations[operation].check(body)


def refusal(operation: str, body: dict[str, Any], service: str = "dynamodb") -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        check(operation, body, service)
    return caught.value


def put(attribute: object) -> dict[str, Any]:
    return {"TableName": "music", "Item": {"pk": attribute}}


def nested(levels: int) -> dict[str, Any]:
    attribute: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        attribute = {"L": [attribute]}
    return attribute


@pytest.mark.parametrize(("service", "name"), NAMES)
def test_every_operation_compiles(service, name):
    operation = shapes.load(service).operations[name]

    try:
        answer = operation.check({})
    except ValidationException:
        answer = {}

    assert answer == {}


def test_valid_body_is_returned_as_it_is():
    body = put({"M": {"a": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}, {"BS": ["YQ=="]}]}}})

    assert check("PutItem", body) is body


def test_unknown_members_are_dropped():
    body = {"TableName": "music", "Key": {"pk": {"S": "a"}}, "Colour": {"is": ["ignored"]}}

    assert check("GetItem", body) == {"TableName": "music", "Key": {"pk": {"S": "a"}}}


def test_null_counts_as_absent():
    body = {"TableName": "music", "Key": {"pk": {"S": "a", "N": None}}, "ConsistentRead": None}

    assert check("GetItem", body) == {"TableName": "music", "Key": {"pk": {"S": "a"}}}


def test_null_attribute_becomes_one_without_a_type():
    assert check("PutItem", put(None))["Item"] == {"pk": {}}


def test_number_of_types_in_an_attribute_is_not_asked_here():
    body = put({"S": "a", "N": "1"})

    assert check("PutItem", body) is body


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": 1.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"N": False}, "FALSE_VALUE cannot be converted to String"),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"S": {}}, "Start of structure or map found where not expected"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"BOOL": "true"}, "Unexpected token received from parser"),
        ({"BOOL": {}}, "Start of structure or map found where not expected"),
        ({"B": 1}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": True}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": []}, "Unrecognized collection type class java.nio.ByteBuffer"),
        ({"B": {}}, "Start of structure or map found where not expected"),
        ({"B": "abcde"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ({"B": "ab*="}, "Invalid Base64 character: '*'"),
        ({"B": "=abc"}, "Invalid Base64 character: '='"),
        ({"B": "YR=="}, "Invalid last non-pad Base64 character dectected"),
        ({"SS": "a"}, "Unexpected field type"),
        ({"SS": {}}, "Start of structure or map found where not expected"),
        ({"NS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"BS": ["a"]}, "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
        ({"L": 1}, "Unexpected field type"),
        ({"L": ["a"]}, "Unexpected value type in payload"),
        ({"M": "a"}, "Unexpected field type"),
        ({"M": {"a": {"L": [{"N": 1}]}}}, "NUMBER_VALUE cannot be converted to String"),
        ("text", "Unexpected value type in payload"),
        (
            [],
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
        ),
    ],
)
def test_wrong_type_in_an_attribute_is_a_serialization_error(attribute, text):
    error = refusal("PutItem", put(attribute))

    assert isinstance(error, SerializationException)
    assert error.message == text


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        ("ListTables", {"Limit": "1"}, "STRING_VALUE cannot be converted to Integer"),
        ("ListTables", {"Limit": True}, "TRUE_VALUE cannot be converted to Integer"),
        ("ListTables", {"Limit": [1]}, "Unrecognized collection type class java.lang.Integer"),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "1"}},
            "STRING_VALUE cannot be converted to Long",
        ),
        ("CreateTable", {"ProvisionedThroughput": 1}, "Unexpected value type in payload"),
        (
            "CreateTable",
            {"ProvisionedThroughput": []},
            (
                "Unrecognized collection type class "
                "com.amazonaws.dynamodb.v20120810.ProvisionedThroughput"
            ),
        ),
        ("CreateTable", {"KeySchema": "pk"}, "Unexpected field type"),
        (
            "CreateTable",
            {"KeySchema": {}},
            "Start of structure or map found where not expected",
        ),
        ("GetItem", {"Key": "pk"}, "Unexpected field type"),
        (
            "GetItem",
            {"Key": []},
            (
                "Unrecognized collection type "
                "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>"
            ),
        ),
        (
            "BatchWriteItem",
            {"RequestItems": []},
            (
                "Unrecognized collection type java.util.Map<java.lang.String, "
                "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>>"
            ),
        ),
        ("GetItem", {"TableName": 1}, "NUMBER_VALUE cannot be converted to String"),
    ],
)
def test_wrong_type_of_a_member_is_a_serialization_error(operation, body, text):
    error = refusal(operation, body)

    assert isinstance(error, SerializationException)
    assert error.message == text


def test_serialization_comes_before_constraints():
    error = refusal("GetItem", {"TableName": "", "Key": {"pk": {"S": 1}}})

    assert error.message == "NUMBER_VALUE cannot be converted to String"


def test_fraction_of_an_integer_is_cut_off():
    assert check("ListTables", {"Limit": 10.9}) == {"Limit": 10}


def test_integer_out_of_range_becomes_the_nearest_in_it():
    error = refusal("ListTables", {"Limit": 1e30})

    assert error.message is not None
    assert "Value '2147483647' at 'limit'" in error.message


def test_null_in_a_set_is_refused():
    error = refusal("PutItem", put({"SS": ["a", None]}))

    assert error.message == (
        "1 validation error detected: Value null at 'item.pk.member.sS.2.member' failed to "
        "satisfy constraint: Member must not be null"
    )


def test_nesting_far_beyond_the_limit_is_refused_before_the_stack_is_at_risk():
    error = refusal("PutItem", put(nested(400)))

    assert isinstance(error, ValidationException)
    assert error.message == "Nesting Levels have exceeded supported limits"


def test_nesting_near_the_limit_is_left_to_the_exact_check():
    body = put(nested(33))

    assert check("PutItem", body) is body


@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        (
            "ListTables",
            {"Limit": 101},
            (
                "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: "
                "Member must have value less than or equal to 100"
            ),
        ),
        (
            "ListTables",
            {"Limit": 0},
            (
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            "PutItem",
            {"TableName": "music"},
            (
                "1 validation error detected: Value null at 'item' failed to satisfy constraint: "
                "Member must not be null"
            ),
        ),
        (
            "PutItem",
            {"TableName": "music", "Item": {}, "ReturnValues": "all"},
            (
                "1 validation error detected: Value 'all' at 'returnValues' failed to satisfy "
                "constraint: Member must satisfy enum value set: "
                "[NONE, ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATED_NEW]"
            ),
        ),
        (
            "Query",
            {"TableName": "music", "IndexName": ";"},
            (
                "2 validation errors detected: Value ';' at 'indexName' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
                "Value ';' at 'indexName' failed to satisfy constraint: "
                "Member must have length greater than or equal to 3"
            ),
        ),
        (
            "BatchGetItem",
            {"RequestItems": {"music": {"Keys": []}}},
            (
                "1 validation error detected: Value '[]' at 'requestItems.music.member.keys' "
                "failed to satisfy constraint: Member must have length greater than or equal to 1"
            ),
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"music": []}},
            (
                "1 validation error detected: Value '{music=[]}' at 'requestItems' failed to "
                "satisfy constraint: Map value must satisfy constraint: "
                "[Member must have length less than or equal to 25, "
                "Member must have length greater than or equal to 1]"
            ),
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"": [{}]}},
            (
                "1 validation error detected: Value "
                "'{=[WriteRequest(putRequest=null, deleteRequest=null)]}' at 'requestItems' "
                "failed to satisfy constraint: Map keys must satisfy constraint: "
                "[Member must have length less than or equal to 1024, "
                "Member must have length greater than or equal to 1]"
            ),
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"music": [{"PutRequest": {}}]}},
            (
                "1 validation error detected: Value null at "
                "'requestItems.music.member.1.member.putRequest.item' failed to satisfy "
                "constraint: Member must not be null"
            ),
        ),
        (
            "UntagResource",
            {"ResourceArn": "arn", "TagKeys": ["ok", ""]},
            (
                "1 validation error detected: Value '[ok, ]' at 'tagKeys' failed to satisfy "
                "constraint: Member must satisfy constraint: "
                "[Member must have length less than or equal to 128, "
                "Member must have length greater than or equal to 1]"
            ),
        ),
        (
            "ExecuteStatement",
            {"Statement": "SELECT", "Parameters": []},
            (
                "1 validation error detected: Value '[]' at 'parameters' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1"
            ),
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{}] * 101},
            "1 validation error detected: Value '["
            + ", ".join(
                ["TransactWriteItem(conditionCheck=null, put=null, delete=null, update=null)"] * 101
            )
            + "]' at 'transactItems' failed to satisfy constraint: "
            "Member must have length less than or equal to 100",
        ),
        (
            "CreateTable",
            {"TableName": "music", "KeySchema": [None], "AttributeDefinitions": []},
            (
                "1 validation error detected: Value null at 'keySchema.1.member' failed to satisfy "
                "constraint: Member must not be null"
            ),
        ),
    ],
)
def test_broken_constraint_is_told_in_words_of_the_model(operation, body, text):
    error = refusal(operation, body)

    assert isinstance(error, ValidationException)
    assert error.message == text


def test_all_violations_are_told_in_one_message():
    body = {
        "TableName": "a;c",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "X"}],
        "KeySchema": [{"AttributeName": "", "KeyType": "HASH"}],
    }

    error = refusal("CreateTable", body)

    assert error.message == (
        "3 validation errors detected: "
        "Value 'X' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [S, N, B]; "
        "Value 'a;c' at 'tableName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
        "Value '' at 'keySchema.1.member.attributeName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_item_contents_are_not_repeated_in_a_message():
    item = {"pk": {"S": "secret"}}
    requests = [{"PutRequest": {"Item": item}}] * 26

    error = refusal("BatchWriteItem", {"RequestItems": {"music": requests}})

    assert error.message is not None
    assert "pk=com.amazonaws.dynamodb.v20120810.AttributeValue@" in error.message
    assert "secret" not in error.message


def test_missing_table_name_is_told_by_the_service():
    error = refusal("GetItem", {})

    assert isinstance(error, ValidationException)
    assert error.message == (
        "The parameter 'TableName' is required but was not present in the request"
    )


@pytest.mark.parametrize("name", ["", "ab", "a" * 256])
def test_table_name_of_wrong_length_is_told_by_the_service(name):
    error = refusal("GetItem", {"TableName": name})

    assert error.message == (
        "TableName must be at least 3 characters long and at most 255 characters long"
    )


@pytest.mark.parametrize("name", ["abc", "a" * 255, "A.b-c_9"])
def test_table_name_within_its_limits_passes(name):
    assert check("DescribeTable", {"TableName": name}) == {"TableName": name}


def test_table_arn_passes_as_a_table_name():
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/music"

    assert check("DescribeTable", {"TableName": arn}) == {"TableName": arn}


def test_stream_operations_use_the_models_own_table_name():
    error = refusal("ListStreams", {"TableName": "ab"}, "dynamodbstreams")

    assert error.message == (
        "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 3"
    )


def test_lambda_member_keeps_its_capitals_after_the_first():
    body = {
        "FunctionName": "f",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {},
        "KMSKeyArn": "key",
    }

    error = refusal("CreateFunction", body, "lambda")

    assert error.message == (
        "1 validation error detected: Value 'key' at 'kMSKeyArn' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"
    )


def test_text_too_long_is_not_held_against_the_pattern():
    error = refusal("GetFunction", {"FunctionName": " " * 300}, "lambda")

    assert error.message is not None
    assert error.message.startswith("1 validation error detected: ")
    assert error.message.endswith("Member must have length less than or equal to 256")


def test_lambda_list_of_enums_is_told_as_a_whole():
    body = {
        "FunctionName": "f",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {},
        "Architectures": ["x86"],
    }

    error = refusal("CreateFunction", body, "lambda")

    assert error.message == (
        "1 validation error detected: Value '[x86]' at 'architectures' failed to satisfy "
        "constraint: Member must satisfy constraint: "
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )


def test_tag_key_may_have_letters_of_any_script():
    body = {"FunctionName": "f", "Tags": {"Größe 大": "x"}}
    body |= {"Role": "arn:aws:iam::000000000000:role/r", "Code": {}}

    assert check("CreateFunction", body, "lambda") is body


def test_lambda_errors_bring_their_status():
    errors = shapes.load("lambda").error_status

    assert errors["ResourceNotFoundException"] == 404
    assert errors["TooManyRequestsException"] == 429
    assert errors["ServiceException"] == 500


def test_services_know_their_operations():
    counts = {
        name: len(shapes.load(name).operations)
        for name in ("dynamodb", "dynamodbstreams", "lambda")
    }

    assert counts == {"dynamodb": 62, "dynamodbstreams": 4, "lambda": 46}
