"""CreateTable: what it answers, and what it refuses."""

import re
import time

import pytest
from botocore.exceptions import ClientError

from tests.conformance.definition import THROUGHPUT, attributes, index, keys, schema
from tests.conformance.expectation import VALUES, at_least, fault, invalid, met_in_passing, refused

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NO_THROUGHPUT = {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0}


def definition(**changes):
    """A CreateTable without a name; a member changed to None is left out."""
    wanted = {**keys(("pk", "S")), "BillingMode": "PAY_PER_REQUEST", **changes}
    return {name: value for name, value in wanted.items() if value is not None}


@pytest.fixture
def create(dynamodb, unique_name):
    """Creates a table that the test expects to be refused."""

    def call(**parameters):
        return dynamodb.create_table(**{"TableName": unique_name("refused")} | parameters)

    return call


@pytest.fixture
def created(dynamodb, unique_name, tables):
    """Creates a table and returns the answer at once; it is deleted after the test."""
    names = []

    def call(**parameters):
        wanted = definition(TableName=unique_name("created")) | parameters
        answer = dynamodb.create_table(**wanted)["TableDescription"]
        names.append(wanted["TableName"])
        return answer

    yield call
    for name in names:
        tables.wait(name)
        dynamodb.delete_table(TableName=name)


def test_answer_shows_a_table_being_created(created):
    table = created()

    assert table["TableStatus"] == "CREATING"
    assert table["ItemCount"] == 0
    assert table["TableSizeBytes"] == 0
    assert table["KeySchema"] == schema("pk")
    assert table["AttributeDefinitions"] == attributes(("pk", "S"))["AttributeDefinitions"]
    assert table["DeletionProtectionEnabled"] is False
    assert UUID.fullmatch(table["TableId"])


@pytest.mark.local_only
def test_a_look_at_once_finds_it_active_or_has_waited_for_that(created, dynamodb):
    name = created()["TableName"]

    began = time.monotonic()
    status = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]

    assert status == "ACTIVE" or time.monotonic() - began > 1


def test_arn_ends_with_the_name_of_the_table(created):
    table = created()

    name = re.escape(table["TableName"])
    assert re.fullmatch(rf"arn:aws:dynamodb:[\w-]+:\d{{12}}:table/{name}", table["TableArn"])


def test_table_on_demand_has_no_throughput(created):
    table = created(BillingMode="PAY_PER_REQUEST")

    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["ProvisionedThroughput"] == NO_THROUGHPUT


def test_provisioned_table_has_no_summary_of_billing(created):
    table = created(BillingMode="PROVISIONED", ProvisionedThroughput=THROUGHPUT)

    assert "BillingModeSummary" not in table
    assert table["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **THROUGHPUT}


def test_stream_is_named_while_the_table_is_being_created(created):
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}

    table = created(StreamSpecification=stream)

    assert table["TableStatus"] == "CREATING"
    assert table["StreamSpecification"] == stream
    assert table["LatestStreamArn"] == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"


def test_table_without_a_stream_names_none(created):
    table = created()

    assert {"StreamSpecification", "LatestStreamArn", "LatestStreamLabel"}.isdisjoint(table)


def test_indexes_are_shown_with_their_arns(created):
    table = created(
        **keys(("pk", "S"), ("sk", "S")),
        LocalSecondaryIndexes=[index("local", "pk", "sk", ProjectionType="KEYS_ONLY")],
        GlobalSecondaryIndexes=[index("global", "sk")],
    )

    (of_partition,) = table["LocalSecondaryIndexes"]
    (of_table,) = table["GlobalSecondaryIndexes"]
    assert of_partition["IndexArn"] == f"{table['TableArn']}/index/local"
    assert of_table["IndexArn"] == f"{table['TableArn']}/index/global"
    assert of_table["IndexStatus"] == "CREATING"
    assert "IndexStatus" not in of_partition


def test_items_of_a_table_being_created_are_not_found(created, dynamodb):
    code, _ = met_in_passing(
        created,
        lambda table: dynamodb.get_item(TableName=table["TableName"], Key={"pk": {"S": "a"}}),
    )

    assert code == "ResourceNotFoundException"


def test_existing_name_is_in_use(dynamodb, simple):
    with refused("ResourceInUseException", f"Table already exists: {simple}"):
        dynamodb.create_table(TableName=simple, **definition())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            attributes(("pk", "S"), ("other", "S")),
            VALUES + "Number of attributes in KeySchema does not exactly match number of "
            "attributes defined in AttributeDefinitions",
            id="attribute without a key",
        ),
        pytest.param(
            {"ProvisionedThroughput": THROUGHPUT},
            VALUES + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
            "BillingMode is PAY_PER_REQUEST",
            id="throughput on demand",
        ),
        pytest.param(
            {"KeySchema": [{"AttributeName": "pk", "KeyType": "RANGE"}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
            id="sort key first",
        ),
        pytest.param(
            {
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "HASH"},
                ],
                **attributes(("pk", "S"), ("sk", "S")),
            },
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
            id="two partition keys",
        ),
        pytest.param(
            {"KeySchema": schema("pk", "pk")},
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
            id="one name for both keys",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [index("one", "a"), index("one", "a")],
            },
            VALUES + "Duplicate index name: one",
            id="two indexes of one name",
        ),
        pytest.param(
            {
                **keys(("pk", "S"), ("sk", "S")),
                "LocalSecondaryIndexes": [index("one", "pk", "sk")],
                "GlobalSecondaryIndexes": [index("one", "sk")],
            },
            VALUES + "Duplicate index name: one",
            id="one name for indexes of both kinds",
        ),
        pytest.param(
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1},
            },
            fault(0, "provisionedThroughput.readCapacityUnits", at_least(1)),
            id="no throughput",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [index(f"index{i}", "a") for i in range(21)],
            },
            VALUES + "GlobalSecondaryIndex count exceeds the per-table limit of 20",
            id="21 global indexes",
        ),
        pytest.param(
            {
                **keys(("pk", "S"), ("sk", "S")),
                "LocalSecondaryIndexes": [index(f"index{i}", "pk", "sk") for i in range(6)],
            },
            VALUES + "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
            id="6 local indexes",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "LocalSecondaryIndexes": [index("local", "pk", "a")],
            },
            VALUES + "Table KeySchema does not have a range key, which is required when "
            "specifying a LocalSecondaryIndex",
            id="local index without a sort key",
        ),
        pytest.param(
            {"StreamSpecification": {"StreamEnabled": True}},
            VALUES + "Table is being created with a stream enabled, UpdateViewType is required",
            id="stream without a view",
        ),
        pytest.param(
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            VALUES + "Table is being created with a stream disabled, UpdateViewType should not be "
            "specified",
            id="view without a stream",
        ),
        pytest.param(
            {"StreamSpecification": {}},
            "1 validation error detected: Value null at 'streamSpecification.streamEnabled' "
            "failed to satisfy constraint: Member must not be null",
            id="empty stream specification",
        ),
        pytest.param(
            {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}},
            "1 validation error detected: Value null at 'streamSpecification.streamEnabled' "
            "failed to satisfy constraint: Member must not be null",
            id="stream neither on nor off",
        ),
    ],
)
def test_faulty_definition_is_refused(create, changes, message):
    with invalid(message):
        create(**definition(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"KeySchema": schema("unknown")}, id="key is not defined"),
        pytest.param({"BillingMode": "PROVISIONED"}, id="provisioned without throughput"),
        pytest.param({"KeySchema": []}, id="no key"),
        pytest.param({"AttributeDefinitions": None}, id="no attributes"),
        pytest.param({"KeySchema": schema("p" * 256), **attributes(("p" * 256, "S"))}, id="name"),
        pytest.param({"GlobalSecondaryIndexes": []}, id="empty list of indexes"),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [{"IndexName": "one", "KeySchema": schema("a")}],
            },
            id="index without a projection",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [
                    index("one", "a", ProjectionType="KEYS_ONLY", NonKeyAttributes=["b"])
                ],
            },
            id="attributes with keys only",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [index("one", "a", ProjectionType="INCLUDE")],
            },
            id="include nothing",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("a", "S")),
                "GlobalSecondaryIndexes": [
                    index(
                        "one",
                        "a",
                        ProjectionType="INCLUDE",
                        NonKeyAttributes=[f"n{number}" for number in range(21)],
                    )
                ],
            },
            id="include 21 attributes",
        ),
        pytest.param(
            {
                **attributes(("pk", "S"), ("sk", "S"), ("a", "S"), ("b", "S")),
                "KeySchema": schema("pk", "sk"),
                "LocalSecondaryIndexes": [index("one", "a", "b")],
            },
            id="local index of another partition key",
        ),
        pytest.param(
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "ALL"}}, id="view"
        ),
    ],
)
def test_faulty_definition_is_invalid(create, changes):
    with invalid():
        create(**definition(**changes))


def test_101_attributes_included_over_all_indexes_are_too_many(create):
    indexes = [
        index(
            f"index{place}",
            "a",
            ProjectionType="INCLUDE",
            NonKeyAttributes=[f"n{place}-{number}" for number in range(count)],
        )
        for place, count in enumerate([20, 20, 20, 20, 20, 1])
    ]

    # Which error it is, no page of AWS's says.
    with pytest.raises(ClientError):
        create(**definition(**attributes(("pk", "S"), ("a", "S"))), GlobalSecondaryIndexes=indexes)


def test_attribute_defined_twice_is_refused(create):
    with invalid() as refusal:
        create(**definition(**attributes(("pk", "S"), ("pk", "S"))))

    assert refusal.message.endswith("Attribute Name is duplicated: pk")


def test_attribute_that_no_index_uses_is_refused(create):
    with invalid() as refusal:
        create(
            **definition(
                **attributes(("pk", "S"), ("a", "S"), ("b", "S")),
                GlobalSecondaryIndexes=[index("one", "a")],
            )
        )

    assert refusal.message.startswith(VALUES + "Some AttributeDefinitions are not used.")


def test_index_key_that_is_not_defined_is_refused(create):
    with invalid() as refusal:
        create(**definition(GlobalSecondaryIndexes=[index("one", "a")]))

    assert refusal.message.startswith(
        VALUES + "Some index key attributes are not defined in AttributeDefinitions."
    )


@pytest.mark.parametrize(
    ("type_", "path"),
    [("X", "attributeDefinitions.1.member.attributeType")],
)
def test_unknown_type_of_key_names_its_place(create, type_, path):
    with invalid() as refusal:
        create(**definition(**attributes(("pk", type_))))

    assert f"Value '{type_}' at '{path}' failed to satisfy constraint" in refusal.message
    assert "Member must satisfy enum value set: [" in refusal.message


@pytest.mark.parametrize("name", ["ab", "x" * 256])
def test_name_of_wrong_length_is_invalid(create, name):
    with invalid("TableName must be at least 3 characters long and at most 255 characters long"):
        create(**definition(), TableName=name)


def test_name_with_a_blank_is_invalid(create):
    with invalid() as refusal:
        create(**definition(), TableName="a b c")

    assert "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+" in refusal.message


def test_every_faulty_member_is_named_in_one_message(create):
    faulty = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "X"}]}

    with invalid() as refusal:
        create(**definition(**faulty, BillingMode="FREE"))

    assert refusal.message.startswith("2 validation errors detected: ")
    assert "; " in refusal.message


def test_stream_that_is_off_equals_none(created, tables):
    table = created(StreamSpecification={"StreamEnabled": False})

    described = tables.wait(table["TableName"])
    assert "LatestStreamArn" not in described
