"""CreateTable's input, and what is refused of it."""

import pytest

from headwater.errors import LimitExceededException, ValidationException
from headwater.streams.window import ViewType
from headwater.tables import definition
from headwater.tables.schema import KeyAttribute, KeySchema, ProjectionType, Throughput
from tests.unit.tables.running import HASH_ONLY, checked

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}


def attributes(*names):
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def keys(*names):
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)
    ]


def index(*names, **members):
    return {
        "IndexName": "by-it",
        "KeySchema": keys(*names),
        "Projection": {"ProjectionType": "ALL"},
        **members,
    }


def define(**members):
    body = checked("CreateTable", {**HASH_ONLY, **members})
    return definition.of_input(body["TableName"], body)


def refusal(**members):
    with pytest.raises((ValidationException, LimitExceededException)) as refused:
        define(**{name: value for name, value in members.items() if value is not ...})
    return refused.value.message


def test_a_whole_definition_is_taken_over():
    defined = define(
        AttributeDefinitions=attributes("pk", "sk", "artist", "year"),
        KeySchema=keys("pk", "sk"),
        **PROVISIONED,
        LocalSecondaryIndexes=[index("pk", "year", IndexName="by-year")],
        GlobalSecondaryIndexes=[
            index(
                "artist",
                Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]},
                ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
            )
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        DeletionProtectionEnabled=True,
        Tags=[{"Key": "team", "Value": "a"}],
    )

    local, world = defined.indexes
    assert defined.keys == KeySchema((KeyAttribute("pk", "S"),), (KeyAttribute("sk", "S"),))
    assert defined.throughput == Throughput(5, 6)
    assert (local.name, local.is_global, local.keys.names()) == ("by-year", False, ("pk", "year"))
    assert (world.name, world.is_global, world.attributes) == ("by-it", True, ("title",))
    assert (world.projection, world.throughput) == (ProjectionType.INCLUDE, Throughput(1, 2))
    assert defined.view is ViewType.NEW_IMAGE
    assert defined.is_deletion_protected
    assert defined.tags == {"team": "a"}


@pytest.mark.parametrize(
    "members",
    [
        {"SSESpecification": {"Enabled": False}},
        {"TableClass": "STANDARD"},
        {"VectorIndexes": []},
        {"Tags": []},
        {"StreamSpecification": {"StreamEnabled": False}},
    ],
)
def test_a_default_said_aloud_changes_nothing(members):
    assert define(**members) == define()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("SSESpecification", {"Enabled": True}),
        ("SSESpecification", {"KMSMasterKeyId": "alias/key"}),
        (
            "GlobalTableSourceArn",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/music",
        ),
        ("GlobalTableSettingsReplicationMode", "ENABLED"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(member, value):
    message = refusal(**{member: value})

    assert message == f"{INVALID}{member} is not supported by Headwater yet"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"KeySchema": None},
            (
                "1 validation error detected: Value null at 'keySchema' failed to satisfy "
                "constraint: Member must not be null"
            ),
        ),
        (
            {"AttributeDefinitions": None, "KeySchema": None},
            (
                "2 validation errors detected: Value null at 'attributeDefinitions' failed to "
                "satisfy constraint: Member must not be null; Value null at 'keySchema' failed to "
                "satisfy constraint: Member must not be null"
            ),
        ),
        (
            {"ProvisionedThroughput": UNITS},
            (
                f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            {"BillingMode": None},
            (
                f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when "
                "BillingMode is PROVISIONED"
            ),
        ),
        (
            {
                "BillingMode": None,
                "ProvisionedThroughput": {
                    "ReadCapacityUnits": 10**12 + 1,
                    "WriteCapacityUnits": 1,
                },
            },
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
    ],
)
def test_what_is_missing_or_contradicts_the_billing_mode_is_refused(members, message):
    assert refusal(**members) == message


@pytest.mark.parametrize(
    ("defined", "schema", "message"),
    [
        (
            ("pk", "pk"),
            ("pk",),
            f"{INVALID}Attribute Name is duplicated: pk",
        ),
        (
            ("pk", "other"),
            ("pk",),
            (
                f"{INVALID}Number of attributes in KeySchema does not exactly match number of "
                "attributes defined in AttributeDefinitions"
            ),
        ),
        (
            ("pk",),
            ("pk", "sk"),
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            ("other",),
            ("pk",),
            (
                f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
                "Keys: [pk], AttributeDefinitions: [other]"
            ),
        ),
        (
            ("pk",),
            ("pk", "pk"),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
    ],
)
def test_keys_and_definitions_must_agree(defined, schema, message):
    assert refusal(AttributeDefinitions=attributes(*defined), KeySchema=keys(*schema)) == message


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["RANGE"], "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        (
            ["HASH", "HASH"],
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            ["HASH", "HASH", "RANGE"],
            (
                "1 validation error detected: Value '[KeySchemaElement(attributeName=a, "
                "keyType=HASH), KeySchemaElement(attributeName=b, keyType=HASH), "
                "KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'keySchema' failed to "
                "satisfy constraint: Member must have length less than or equal to 2"
            ),
        ),
    ],
)
def test_a_key_schema_is_a_hash_and_at_most_one_range_key(kinds, message):
    names = ["a", "b", "c"][: len(kinds)]
    elements = [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=True)
    ]

    assert refusal(AttributeDefinitions=attributes(*names), KeySchema=elements) == message


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"GlobalSecondaryIndexes": []},
            f"{INVALID}List of GlobalSecondaryIndexes is empty",
        ),
        (
            {"GlobalSecondaryIndexes": [index("b")]},
            (
                f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
                "Keys: [b], AttributeDefinitions: [pk]"
            ),
        ),
        (
            {
                "AttributeDefinitions": attributes("pk", "extra"),
                "GlobalSecondaryIndexes": [index("pk")],
            },
            (
                f"{INVALID}Some AttributeDefinitions are not used. "
                "AttributeDefinitions: [pk, extra], keys used: [pk]"
            ),
        ),
        (
            {"GlobalSecondaryIndexes": [index("pk"), index("pk")]},
            f"{INVALID}Duplicate index name: by-it",
        ),
        (
            {"GlobalSecondaryIndexes": [index("pk", IndexName=f"i-{n}") for n in range(21)]},
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            {"GlobalSecondaryIndexes": [index("pk", ProvisionedThroughput=UNITS)]},
            (
                f"{INVALID}ProvisionedThroughput should not be specified for index: by-it when "
                "BillingMode is PAY_PER_REQUEST"
            ),
        ),
        (
            {**PROVISIONED, "GlobalSecondaryIndexes": [index("pk")]},
            f"{INVALID}ProvisionedThroughput must be specified for index: by-it",
        ),
        (
            {"GlobalSecondaryIndexes": [index("pk", Projection={})]},
            f"{INVALID}Unknown ProjectionType: null",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    index("pk", Projection={"ProjectionType": "ALL", "NonKeyAttributes": ["a"]})
                ]
            },
            f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            {"GlobalSecondaryIndexes": [index("pk", Projection={"ProjectionType": "INCLUDE"})]},
            f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    index(
                        "pk",
                        IndexName=f"i-{n}",
                        Projection={
                            "ProjectionType": "INCLUDE",
                            "NonKeyAttributes": [f"a{m}" for m in range(20)],
                        },
                    )
                    for n in range(6)
                ]
            },
            (
                "Subscriber limit exceeded: Number of NonKeyAttributes of all indexes of a table "
                "exceeds the limit of 100"
            ),
        ),
    ],
)
def test_global_indexes_are_checked(members, message):
    assert refusal(**members) == message


@pytest.mark.parametrize(
    ("schema", "indexes", "message"),
    [
        (("pk", "sk"), [], f"{INVALID}List of LocalSecondaryIndexes is empty"),
        (
            ("pk",),
            [index("pk", "sk")],
            (
                f"{INVALID}Table KeySchema does not have a range key, which is required when "
                "specifying a LocalSecondaryIndex"
            ),
        ),
        (
            ("pk", "sk"),
            [index("pk")],
            f"{INVALID}Index KeySchema does not have a range key for index: by-it",
        ),
        (
            ("pk", "sk"),
            [index("sk", "pk")],
            (
                f"{INVALID}Index KeySchema does not have the same leading hash key as table "
                "KeySchema for index: by-it. index hash key: sk, table hash key: pk"
            ),
        ),
        (
            ("pk", "sk"),
            [index("pk", "sk", IndexName=f"i-{n}") for n in range(6)],
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
    ],
)
def test_local_indexes_are_checked(schema, indexes, message):
    refused = refusal(
        AttributeDefinitions=attributes("pk", "sk"),
        KeySchema=keys(*schema),
        LocalSecondaryIndexes=indexes,
    )

    assert refused == message


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        (
            {"StreamEnabled": True},
            (f"{INVALID}Table is being created with a stream enabled, UpdateViewType is required"),
        ),
        (
            {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
            (
                f"{INVALID}Table is being created with a stream disabled, "
                "UpdateViewType should not be specified"
            ),
        ),
        (
            {},
            (
                "1 validation error detected: Value null at 'streamSpecification.streamEnabled' "
                "failed to satisfy constraint: Member must not be null"
            ),
        ),
    ],
)
def test_a_stream_needs_a_view_type_and_none_without(specification, message):
    assert refusal(StreamSpecification=specification) == message


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            "Duplicate Tag Keys provided as input: Duplicate Tag Key found a",
        ),
        (
            [{"Key": "aws:a", "Value": ""}],
            "Tag Key cannot be prefixed with aws:, Key: aws:a",
        ),
        (
            [{"Key": f"k{n}", "Value": ""} for n in range(51)],
            "Number of Tags exceed the current limit for the provided ResourceArn",
        ),
    ],
)
def test_tags_are_checked(tags, message):
    assert refusal(Tags=tags) == message
