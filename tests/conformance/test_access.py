"""Policies enforced: of tables, of streams, and of access keys, on a server with credentials."""

from __future__ import annotations

import json

import pytest

from tests.conformance.access import ACCOUNT
from tests.conformance.definition import attributes, index, keys, schema
from tests.conformance.expectation import invalid, refused
from tests.conftest import LOOKS_MAX

pytest_plugins = ("tests.conformance.access_fixtures",)
pytestmark = pytest.mark.local_only
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


@pytest.fixture
def owner(connect_as):
    return connect_as("OWNER")


@pytest.fixture
def ann(connect_as):
    return connect_as("ANN")


@pytest.fixture
def table(owner, unique_name):
    """A table with an index and a stream; its description."""
    name = unique_name("table")
    owner.create_table(
        TableName=name,
        KeySchema=schema("pk"),
        **attributes(("pk", "S"), ("colour", "S")),
        GlobalSecondaryIndexes=[index("by_colour", "colour")],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    owner.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
    )
    owner.put_item(TableName=name, Item={"pk": {"S": "ann"}, "colour": {"S": "red"}})
    return owner.describe_table(TableName=name)["Table"]


@pytest.fixture
def deny(connect_as, table):
    """Denies something about the table, or the resource with another ARN, to ann."""

    def put(action, resource=None, arn=None, **members):
        arn = arn or table["TableArn"]
        statement = {
            "Effect": "Deny",
            "Principal": {"AWS": ANN},
            "Action": action,
            "Resource": resource or arn,
            **members,
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        connect_as("OWNER").put_resource_policy(ResourceArn=arn, Policy=document)

    return put


def denied(
    action, resource, user="user/ann", why="with an explicit deny in a resource-based policy"
):
    return refused(
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:{user} is not authorized to perform: dynamodb:{action} on "
        f"resource: {resource} {why}",
    )


KEY = {"pk": {"S": "ann"}}


def test_what_is_denied_is_refused_to_the_one_it_is_denied_to(owner, ann, table, deny):
    name, arn = table["TableName"], table["TableArn"]
    deny("dynamodb:GetItem")

    with denied("GetItem", arn):
        ann.get_item(TableName=name, Key=KEY)
    with denied("GetItem", arn):
        ann.get_item(TableName=arn, Key=KEY)
    assert "Item" in owner.get_item(TableName=name, Key=KEY)
    assert ann.query(
        TableName=name,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "ann"}},
    )["Items"]


def test_a_policy_that_is_taken_away_denies_nothing_more(owner, ann, table, deny):
    deny("dynamodb:*")
    owner.delete_resource_policy(ResourceArn=table["TableArn"])

    assert "Item" in ann.get_item(TableName=table["TableName"], Key=KEY)


def test_a_policy_of_the_table_s_creation_is_in_force(owner, ann, unique_name):
    name = unique_name("table")
    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}"
    statement = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:Scan", "Resource": "*"}
    owner.create_table(
        TableName=name,
        **keys(("pk", "S")),
        BillingMode="PAY_PER_REQUEST",
        ResourcePolicy=json.dumps({"Statement": [statement]}),
    )

    with denied("Scan", arn):
        ann.scan(TableName=name)


def calls(table):
    """Every way to an item or a table, with the action that it needs."""
    name, arn = table["TableName"], table["TableArn"]
    select = f"SELECT * FROM \"{name}\" WHERE pk = 'ann'"
    update = f"UPDATE \"{name}\" SET x = 1 WHERE pk = 'ann'"
    insert = f"INSERT INTO \"{name}\" VALUE {{'pk': 'new'}}"
    delete = f"DELETE FROM \"{name}\" WHERE pk = 'ann'"
    put = {"TableName": name, "Item": KEY}
    keyed = {"TableName": name, "Key": KEY}
    condition = {"ConditionExpression": "attribute_exists(pk)"}
    change = {
        "UpdateExpression": "SET x = :x",
        "ExpressionAttributeValues": {":x": {"S": "1"}},
    }
    return [
        ("GetItem", "get_item", keyed),
        ("PutItem", "put_item", put),
        ("UpdateItem", "update_item", keyed),
        ("DeleteItem", "delete_item", keyed),
        ("Scan", "scan", {"TableName": name}),
        ("BatchGetItem", "batch_get_item", {"RequestItems": {name: {"Keys": [KEY]}}}),
        (
            "BatchWriteItem",
            "batch_write_item",
            {"RequestItems": {name: [{"DeleteRequest": {"Key": KEY}}]}},
        ),
        ("GetItem", "transact_get_items", {"TransactItems": [{"Get": keyed}]}),
        ("PutItem", "transact_write_items", {"TransactItems": [{"Put": put}]}),
        ("DeleteItem", "transact_write_items", {"TransactItems": [{"Delete": keyed}]}),
        (
            "UpdateItem",
            "transact_write_items",
            {"TransactItems": [{"Update": {**keyed, **change}}]},
        ),
        (
            "ConditionCheckItem",
            "transact_write_items",
            {"TransactItems": [{"ConditionCheck": {**keyed, **condition}}]},
        ),
        ("PartiQLSelect", "execute_statement", {"Statement": select}),
        ("PartiQLUpdate", "execute_statement", {"Statement": update}),
        ("PartiQLInsert", "batch_execute_statement", {"Statements": [{"Statement": insert}]}),
        ("PartiQLDelete", "execute_transaction", {"TransactStatements": [{"Statement": delete}]}),
        ("DescribeTable", "describe_table", {"TableName": name}),
        ("UpdateTable", "update_table", {"TableName": arn, "DeletionProtectionEnabled": True}),
        ("DeleteTable", "delete_table", {"TableName": name}),
        ("DescribeTimeToLive", "describe_time_to_live", {"TableName": name}),
        ("ListTagsOfResource", "list_tags_of_resource", {"ResourceArn": arn}),
        ("GetResourcePolicy", "get_resource_policy", {"ResourceArn": arn}),
        ("DescribeContinuousBackups", "describe_continuous_backups", {"TableName": name}),
        ("CreateBackup", "create_backup", {"TableName": name, "BackupName": "copy"}),
    ]


def test_every_way_to_a_table_needs_its_action(ann, table, deny):
    for action, method, members in calls(table):
        deny(f"dynamodb:{action}")

        with denied(action, table["TableArn"]):
            getattr(ann, method)(**members)


def test_no_way_to_a_table_needs_another_action(connect_as, ann, table):
    arn = table["TableArn"]
    for action, method, members in calls(table):
        if action in ("DeleteTable", "UpdateTable"):
            continue
        others = {
            "Effect": "Deny",
            "Principal": {"AWS": ANN},
            "NotAction": f"dynamodb:{action}",
            "Resource": "*",
        }
        connect_as("OWNER").put_resource_policy(
            ResourceArn=arn, Policy=json.dumps({"Statement": others})
        )
        connect_as("OWNER").put_item(TableName=table["TableName"], Item=KEY)

        getattr(ann, method)(**members)


def test_an_index_is_a_resource_of_its_own(ann, table, deny):
    name, arn = table["TableName"], table["TableArn"]
    by_colour = {
        "TableName": name,
        "IndexName": "by_colour",
        "KeyConditionExpression": "colour = :c",
        "ExpressionAttributeValues": {":c": {"S": "red"}},
    }
    deny("dynamodb:Query")
    ann.query(**by_colour)

    deny("dynamodb:*", resource=f"{arn}/index/*")

    with denied("Query", f"{arn}/index/by_colour"):
        ann.query(**by_colour)
    with denied("PartiQLSelect", f"{arn}/index/by_colour"):
        ann.execute_statement(Statement=f'SELECT * FROM "{name}"."by_colour"')
    ann.scan(TableName=name)


def test_a_stream_is_denied_by_its_own_policy(connect_as, table, deny):
    streams, arn = connect_as("ANN", "dynamodbstreams"), table["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = streams.get_shard_iterator(**asked)["ShardIterator"]
    deny("dynamodb:*")
    streams.get_records(ShardIterator=iterator)

    deny("dynamodb:Get*", arn=arn)

    with denied("GetRecords", arn):
        streams.get_records(ShardIterator=iterator)
    with denied("GetShardIterator", arn):
        streams.get_shard_iterator(**asked)
    streams.describe_stream(StreamArn=arn)


LEADING = {"ForAllValues:StringNotEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}


def test_leading_keys_confine_who_asks_to_their_own_items(ann, table, deny):
    name, arn = table["TableName"], table["TableArn"]
    other = {"pk": {"S": "bob"}}
    deny("dynamodb:*", Condition=LEADING)

    ann.get_item(TableName=name, Key=KEY)
    ann.query(
        TableName=name,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "ann"}},
    )
    ann.execute_statement(Statement=f"SELECT * FROM \"{name}\" WHERE pk = 'ann'")
    with denied("GetItem", arn):
        ann.get_item(TableName=name, Key=other)
    with denied("PutItem", arn):
        ann.put_item(TableName=name, Item=other)
    with denied("BatchWriteItem", arn):
        ann.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": other}}]})
    with denied("PartiQLInsert", arn):
        ann.execute_statement(Statement=f"INSERT INTO \"{name}\" VALUE {{'pk': 'bob'}}")
    with denied("Query", arn):
        ann.query(
            TableName=name,
            KeyConditions={
                "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "bob"}]}
            },
        )
    with denied("Scan", arn):
        ann.scan(TableName=name)


def test_attributes_can_be_kept_from_who_asks(ann, table, deny):
    name, arn = table["TableName"], table["TableArn"]
    deny(
        "dynamodb:*",
        Condition={"ForAnyValue:StringEquals": {"dynamodb:Attributes": ["salary"]}},
    )

    ann.get_item(TableName=name, Key=KEY, ProjectionExpression="colour")
    with denied("GetItem", arn):
        ann.get_item(TableName=name, Key=KEY, ProjectionExpression="salary.amount")
    with denied("PutItem", arn):
        ann.put_item(TableName=name, Item={**KEY, "salary": {"N": "1"}})
    with denied("UpdateItem", arn):
        ann.update_item(
            TableName=name,
            Key=KEY,
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "salary"},
            ExpressionAttributeValues={":s": {"N": "1"}},
        )
    with denied("Scan", arn):
        ann.scan(TableName=name, ScanFilter={"salary": {"ComparisonOperator": "NOT_NULL"}})
    with denied("PartiQLSelect", arn):
        ann.execute_statement(Statement=f'SELECT colour FROM "{name}" WHERE salary > 1')


@pytest.mark.parametrize(
    ("condition", "is_denied"),
    [
        ({"IpAddress": {"aws:SourceIp": ["127.0.0.1", "::1"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": ANN}}, True),
        ({"StringEquals": {"aws:username": "bob"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"NumericLessThan": {"aws:EpochTime": "1"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"StringLike": {"aws:UserAgent": "*oto*"}}, True),
        ({"StringEquals": {"dynamodb:ReturnConsumedCapacity": "TOTAL"}}, True),
        ({"StringEquals": {"dynamodb:ReturnValues": "ALL_OLD"}}, False),
        ({"StringEquals": {"dynamodb:Select": "COUNT"}}, True),
        ({"Null": {"dynamodb:EnclosingOperation": "true"}}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "a"}}, False),
    ],
)
def test_conditions_are_asked_of_the_request(ann, table, deny, condition, is_denied):
    deny("dynamodb:Scan", Condition=condition)
    asked = {
        "TableName": table["TableName"],
        "ReturnConsumedCapacity": "TOTAL",
        "Select": "COUNT",
    }

    if is_denied:
        with denied("Scan", table["TableArn"]):
            ann.scan(**asked)
    else:
        ann.scan(**asked)


def test_a_member_of_a_transaction_knows_what_encloses_it(ann, table, deny):
    name = table["TableName"]
    deny(
        "dynamodb:PutItem",
        Condition={"StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}},
    )

    ann.put_item(TableName=name, Item=KEY)
    with denied("PutItem", table["TableArn"]):
        ann.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": KEY}}])


def test_a_full_scan_by_partiql_can_be_denied(ann, table, deny):
    name = table["TableName"]
    deny("dynamodb:PartiQLSelect", Condition={"Bool": {"dynamodb:FullTableScan": "true"}})

    ann.execute_statement(Statement=f"SELECT * FROM \"{name}\" WHERE pk = 'ann'")
    with denied("PartiQLSelect", table["TableArn"]):
        ann.execute_statement(Statement=f'SELECT * FROM "{name}"')


def test_who_locks_themselves_out_must_confirm_it(connect_as, ann, table):
    arn = table["TableArn"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:*", "Resource": "*"}
    document = json.dumps({"Statement": statement})

    with invalid():
        ann.put_resource_policy(ResourceArn=arn, Policy=document)
    ann.put_resource_policy(ResourceArn=arn, Policy=document, ConfirmRemoveSelfResourceAccess=True)

    with denied("PutResourcePolicy", arn):
        ann.put_resource_policy(ResourceArn=arn, Policy=document)
    root = connect_as("ROOT")
    with denied("Scan", arn, user="root"):
        root.scan(TableName=table["TableName"])
    root.delete_resource_policy(ResourceArn=arn)
    ann.scan(TableName=table["TableName"])


NOT_ALLOWED = "because no identity-based policy allows the dynamodb:{} action"


def test_a_key_with_a_policy_may_do_what_it_allows(connect_as, table):
    name, arn = table["TableName"], table["TableArn"]
    reader = connect_as("READER")

    assert "Item" in reader.get_item(TableName=name, Key=KEY)
    with denied("Scan", arn, "user/reader", NOT_ALLOWED.format("Scan")):
        reader.scan(TableName=name)
    with denied("ListTables", "*", "user/reader", NOT_ALLOWED.format("ListTables")):
        reader.list_tables()
    with denied(
        "BatchGetItem", arn, "user/reader", "with an explicit deny in an identity-based policy"
    ):
        reader.batch_get_item(RequestItems={name: {"Keys": [KEY]}})


def test_a_key_with_a_policy_is_given_more_by_a_resource(connect_as, owner, table):
    arn = table["TableArn"]
    reader = connect_as("READER")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"},
        "Action": ["dynamodb:Scan", "dynamodb:BatchGetItem"],
        "Resource": arn,
    }
    owner.put_resource_policy(ResourceArn=arn, Policy=json.dumps({"Statement": statement}))

    assert reader.scan(TableName=table["TableName"])["Items"]
    with refused("AccessDeniedException"):
        reader.batch_get_item(RequestItems={table["TableName"]: {"Keys": [KEY]}})


def test_a_key_with_a_policy_has_no_way_around_by_functions(connect_as):
    with refused("AccessDeniedException"):
        connect_as("READER", "lambda").list_functions()
    connect_as("ANN", "lambda").list_functions()


def test_a_policy_survives_a_change_of_its_table(owner, ann, table, deny):
    name = table["TableName"]
    deny("dynamodb:GetItem")

    owner.update_table(TableName=name, DeletionProtectionEnabled=True)

    with denied("GetItem", table["TableArn"]):
        ann.get_item(TableName=name, Key=KEY)
