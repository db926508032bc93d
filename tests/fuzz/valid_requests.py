"""A valid request of every operation, to be spoiled.

They are about a table `fuzzed` and a function `fuzzed` that exist, and about ones named `passing`
which requests themselves create, change and delete.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TABLES = "DynamoDB_20120810."
STREAMS = "DynamoDBStreams_20120810."
TABLE = "fuzzed"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}"
PASSING = "passing"
FUNCTION = "fuzzed"
FUNCTIONS = "/2015-03-31/functions"
MAPPINGS = "/2015-03-31/event-source-mappings"
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}
OTHER_KEY = {"pk": {"S": "b"}, "sk": {"N": "1"}}
ITEM = {
    **KEY,
    "g": {"S": "group"},
    "s": {"S": "text"},
    "n": {"N": "1.5"},
    "b": {"B": "AAEC"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "m": {"M": {"x": {"L": [{"N": "1"}, {"S": ""}]}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": ["AAEC"]},
}
NAMES = {"ExpressionAttributeNames": {"#s": "s"}}
VALUES = {"ExpressionAttributeValues": {":s": {"S": "text"}, ":n": {"N": "1"}}}
ONE_VALUE = {"ExpressionAttributeValues": {":n": {"N": "1"}}}
REPORTS = {
    "ReturnConsumedCapacity": "INDEXES",
    "ReturnItemCollectionMetrics": "SIZE",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
UNITS = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. to: an operation's target, or a method and a path. body: None is none."""

    to: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What requests can name that was there before them."""

    stream_arn: str
    shard_id: str
    iterator: str
    mapping_id: str


def table_definition(name: str) -> dict[str, Any]:
    """A CreateTable with everything there is."""
    return {
        "TableName": name,
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        "KeySchema": _schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "ByGroup",
                "KeySchema": _schema("g"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
                **UNITS,
            }
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "Groups",
                "KeySchema": _schema("pk", "g"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "BillingMode": "PROVISIONED",
        **UNITS,
        "Tags": [{"Key": "k", "Value": "v"}],
        "SSESpecification": {"Enabled": False},
        "TableClass": "STANDARD",
        "DeletionProtectionEnabled": False,
    }


def function_definition(name: str) -> dict[str, Any]:
    """A CreateFunction with everything there is."""
    return {
        "FunctionName": name,
        "Role": "arn:aws:iam::000000000000:role/any",
        "Code": {"ZipFile": _code()},
        "Runtime": f"python3.{sys.version_info.minor}",
        "Handler": "app.handler",
        "Description": "returns its event",
        "Timeout": 3,
        "MemorySize": 128,
        "Environment": {"Variables": {"COLOUR": "red"}},
        "Tags": {"k": "v"},
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/any"},
        "PackageType": "Zip",
        "Publish": False,
    }


def mapping_definition(stream_arn: str) -> dict[str, Any]:
    """A CreateEventSourceMapping with everything there is; it delivers nothing."""
    return {
        "EventSourceArn": stream_arn,
        "FunctionName": FUNCTION,
        "StartingPosition": "LATEST",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "Enabled": False,
        "MaximumRetryAttempts": 1,
        "MaximumRecordAgeInSeconds": 60,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {}},
        "FilterCriteria": {"Filters": []},
    }


def valid_requests(place: Place) -> list[Asked]:
    """One or more of every operation; some succeed only after others."""
    return [
        *(
            Asked(f"{TABLES}{name}", body)
            for name, body in (*_items(), *_tables(), *_policies(), *_backups(), *_exports())
        ),
        *(Asked(f"{STREAMS}{name}", body) for name, body in _streams(place)),
        Asked("Headwater_20261123.Drain", {"TimeoutSeconds": 0.1}),
        Asked("Headwater_20261123.DescribeDelivery", {}),
        *_functions(place),
    ]


def _items() -> list[tuple[str, dict[str, Any]]]:
    table = {"TableName": TABLE}
    condition = (
        "attribute_not_exists(#s) OR size(m.x[0]) > :n OR begins_with(s, :s) "
        "OR n BETWEEN :n AND :n OR n IN (:n) AND NOT contains(ss, :s)"
    )
    conditional = {"ConditionExpression": condition, **NAMES, **VALUES}
    expected = {
        "s": {"AttributeValueList": [{"S": "x"}], "ComparisonOperator": "EQ"},
        "n": {"Value": {"N": "1"}, "Exists": True},
    }
    update = "SET #s = if_not_exists(#s, :s), c = :n + :n REMOVE m.x[0] ADD n :n"
    return [
        ("PutItem", {**table, "Item": ITEM, **conditional, "ReturnValues": "ALL_OLD", **REPORTS}),
        ("PutItem", {**table, "Item": ITEM, "Expected": expected, "ConditionalOperator": "OR"}),
        ("GetItem", {**table, "Key": KEY, "ProjectionExpression": "#s, m.x[0]", **NAMES}),
        ("GetItem", {"TableName": ARN, "Key": KEY, "AttributesToGet": ["s"]}),
        (
            "UpdateItem",
            {**table, "Key": KEY, "UpdateExpression": update, **NAMES, **VALUES, **REPORTS},
        ),
        (
            "UpdateItem",
            {
                **table,
                "Key": KEY,
                "AttributeUpdates": {"s": {"Value": {"S": "x"}, "Action": "PUT"}},
                "ReturnValues": "UPDATED_NEW",
            },
        ),
        ("DeleteItem", {**table, "Key": KEY, **conditional, "ReturnValues": "ALL_OLD"}),
        *_pages(),
        ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY, OTHER_KEY], **NAMES}}}),
        ("BatchWriteItem", {"RequestItems": {TABLE: _batch()}, "ReturnConsumedCapacity": "TOTAL"}),
        ("TransactWriteItems", {"TransactItems": _transaction(), "ClientRequestToken": "token"}),
        ("TransactGetItems", {"TransactItems": [{"Get": {**table, "Key": KEY}}]}),
        *_statements(),
    ]


def _pages() -> list[tuple[str, dict[str, Any]]]:
    table = {"TableName": TABLE}
    start = {"ExclusiveStartKey": KEY}
    above = {"n": {"AttributeValueList": [{"N": "1"}], "ComparisonOperator": "GT"}}
    same = {"g": {"AttributeValueList": [{"S": "a"}], "ComparisonOperator": "EQ"}}
    return [
        (
            "Query",
            {
                **table,
                "KeyConditionExpression": "pk = :s AND sk BETWEEN :n AND :n",
                "FilterExpression": "n > :n",
                **VALUES,
                "Limit": 5,
                "ScanIndexForward": False,
                "Select": "ALL_ATTRIBUTES",
                "ConsistentRead": True,
            },
        ),
        (
            "Query",
            {
                **table,
                "IndexName": "ByGroup",
                "KeyConditions": same,
                "QueryFilter": above,
                "ExclusiveStartKey": {**KEY, "g": {"S": "a"}},
            },
        ),
        (
            "Scan",
            {
                **table,
                "FilterExpression": "n > :n",
                **ONE_VALUE,
                "ProjectionExpression": "#s",
                **NAMES,
                "Segment": 0,
                "TotalSegments": 1,
                **start,
            },
        ),
        ("Scan", {**table, "IndexName": "Groups", "ScanFilter": above, "Select": "COUNT"}),
    ]


def _batch() -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": OTHER_KEY}}]


def _transaction() -> list[dict[str, Any]]:
    table = {"TableName": TABLE}
    third, fourth = {**KEY, "sk": {"N": "3"}}, {**KEY, "sk": {"N": "4"}}
    return [
        {"Put": {**table, "Item": ITEM}},
        {"Update": {**table, "Key": third, "UpdateExpression": "ADD n :n", **ONE_VALUE}},
        {"Delete": {**table, "Key": OTHER_KEY}},
        {
            "ConditionCheck": {
                **table,
                "Key": fourth,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]


def _statements() -> list[tuple[str, dict[str, Any]]]:
    one = {"Statement": f"UPDATE {TABLE} SET s = ? WHERE pk = 'a' AND sk = 1"}
    parameters = {"Parameters": [{"S": "a"}]}
    return [
        (
            "ExecuteStatement",
            {
                "Statement": f'SELECT s, m.x[0] FROM "{TABLE}"."ByGroup" WHERE g = ? AND n > 1',
                **parameters,
                "Limit": 3,
            },
        ),
        (
            "ExecuteStatement",
            {"Statement": f"INSERT INTO {TABLE} VALUE {{'pk': 'q', 'sk': 1, 'l': [1, <<1, 2>>]}}"},
        ),
        (
            "ExecuteStatement",
            {"Statement": f"DELETE FROM {TABLE} WHERE pk = 'q' AND sk = 1 RETURNING ALL OLD *"},
        ),
        ("BatchExecuteStatement", {"Statements": [{**one, **parameters}]}),
        ("ExecuteTransaction", {"TransactStatements": [{**one, **parameters}]}),
    ]


def _tables() -> list[tuple[str, dict[str, Any]]]:
    passing = {"TableName": PASSING}
    created = {
        "IndexName": "ByHue",
        "KeySchema": _schema("hue"),
        "Projection": {"ProjectionType": "ALL"},
        **UNITS,
    }
    hue = {"AttributeDefinitions": [{"AttributeName": "hue", "AttributeType": "S"}]}
    more = {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}
    return [
        ("CreateTable", table_definition(PASSING)),
        ("UpdateTable", {**passing, **hue, "GlobalSecondaryIndexUpdates": [{"Create": created}]}),
        (
            "UpdateTable",
            {**passing, "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "ByHue"}}]},
        ),
        ("UpdateTable", {**passing, "ProvisionedThroughput": more, "BillingMode": "PROVISIONED"}),
        ("UpdateTable", {**passing, "StreamSpecification": {"StreamEnabled": False}}),
        ("UpdateTable", {**passing, "DeletionProtectionEnabled": False}),
        (
            "UpdateTimeToLive",
            {**passing, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}},
        ),
        ("DescribeTimeToLive", {"TableName": TABLE}),
        ("DescribeTable", {"TableName": TABLE}),
        ("DescribeContinuousBackups", {"TableName": TABLE}),
        ("DeleteTable", passing),
        ("ListTables", {"Limit": 10, "ExclusiveStartTableName": "aaa"}),
        ("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "k", "Value": "v"}]}),
        ("UntagResource", {"ResourceArn": ARN, "TagKeys": ["k"]}),
        ("ListTagsOfResource", {"ResourceArn": ARN, "NextToken": "a"}),
        ("DescribeLimits", {}),
        ("DescribeEndpoints", {}),
    ]


def _policies() -> list[tuple[str, dict[str, Any]]]:
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": "arn:aws:iam::000000000000:user/nobody"},
        "Action": ["dynamodb:GetItem", "dynamodb:Put*"],
        "Resource": ARN,
        "Condition": {"StringLike": {"aws:username": "a*"}, "Null": {"dynamodb:Select": "true"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return [
        ("PutResourcePolicy", {"ResourceArn": ARN, "Policy": policy}),
        ("GetResourcePolicy", {"ResourceArn": ARN}),
        ("DeleteResourcePolicy", {"ResourceArn": ARN, "ExpectedRevisionId": "1"}),
    ]


def _backups() -> list[tuple[str, dict[str, Any]]]:
    backup = f"{ARN}/backup/01489602797149-73d8d5bc"
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
    overrides = {"BillingModeOverride": "PAY_PER_REQUEST", "LocalSecondaryIndexOverride": []}
    return [
        (
            "UpdateContinuousBackups",
            {"TableName": TABLE, "PointInTimeRecoverySpecification": recovery},
        ),
        ("CreateBackup", {"TableName": TABLE, "BackupName": "copy"}),
        ("ListBackups", {"TableName": TABLE, "Limit": 5, "BackupType": "USER"}),
        ("DescribeBackup", {"BackupArn": backup}),
        ("DeleteBackup", {"BackupArn": backup}),
        (
            "RestoreTableFromBackup",
            {"BackupArn": backup, "TargetTableName": "restored", **overrides},
        ),
        (
            "RestoreTableToPointInTime",
            {
                "SourceTableName": TABLE,
                "TargetTableName": "recovered",
                "UseLatestRestorableTime": True,
                **overrides,
            },
        ),
    ]


def _exports() -> list[tuple[str, dict[str, Any]]]:
    export = {"TableArn": ARN, "S3Bucket": "fuzzed", "S3Prefix": "a/b", "ExportFormat": "ION"}
    source = {"S3BucketSource": {"S3Bucket": "fuzzed", "S3KeyPrefix": "a"}}
    return [
        (
            "ExportTableToPointInTime",
            {
                **export,
                "FilterSpecification": {
                    "KeyConditionExpression": "pk = :s AND sk > :n",
                    "FilterExpression": "contains(#s, :s)",
                    "ProjectionExpression": "m.x[0]",
                    **NAMES,
                    **VALUES,
                },
            },
        ),
        (
            "ExportTableToPointInTime",
            {
                **export,
                "ExportType": "INCREMENTAL_EXPORT",
                "IncrementalExportSpecification": {
                    "ExportFromTime": 1.7e9,
                    "ExportToTime": 1.7e9 + 3600,
                    "ExportViewType": "NEW_IMAGE",
                },
            },
        ),
        ("DescribeExport", {"ExportArn": f"{ARN}/export/01489602797149-73d8d5bc"}),
        ("ListExports", {"TableArn": ARN, "MaxResults": 5, "NextToken": "a"}),
        (
            "ImportTable",
            {
                **source,
                "InputFormat": "CSV",
                "InputFormatOptions": {"Csv": {"Delimiter": ";", "HeaderList": ["pk", "sk"]}},
                "InputCompressionType": "ZSTD",
                "TableCreationParameters": table_definition("imported"),
            },
        ),
        ("DescribeImport", {"ImportArn": f"{ARN}/import/01489602797149-73d8d5bc"}),
        ("ListImports", {"TableArn": ARN, "PageSize": 5, "NextToken": "a"}),
    ]


def _streams(place: Place) -> list[tuple[str, dict[str, Any]]]:
    stream = {"StreamArn": place.stream_arn}
    shard = {**stream, "ShardId": place.shard_id}
    number = "1" * 21
    return [
        (
            "ListStreams",
            {"TableName": TABLE, "Limit": 2, "ExclusiveStartStreamArn": place.stream_arn},
        ),
        (
            "DescribeStream",
            {
                **stream,
                "Limit": 2,
                "ExclusiveStartShardId": place.shard_id,
                "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": place.shard_id},
            },
        ),
        (
            "GetShardIterator",
            {**shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number},
        ),
        ("GetShardIterator", {**shard, "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1.5}),
        ("GetRecords", {"ShardIterator": place.iterator, "Limit": 10}),
    ]


def _functions(place: Place) -> list[Asked]:
    function = f"{FUNCTIONS}/{FUNCTION}"
    mapping = f"{MAPPINGS}/{place.mapping_id}"
    return [
        Asked(f"POST {FUNCTIONS}", function_definition(PASSING)),
        Asked(f"GET {function}"),
        Asked(f"GET {FUNCTIONS}?MaxItems=1&Marker=Zg=="),
        Asked(f"GET {function}/configuration?Qualifier=$LATEST"),
        Asked(f"PUT {function}/configuration", {"Timeout": 4, "Description": "changed"}),
        Asked(f"PUT {function}/code", {"ZipFile": _code(), "DryRun": True}),
        Asked(f"POST {function}/invocations", {"any": 1}, {"X-Amz-Invocation-Type": "DryRun"}),
        Asked(f"DELETE {FUNCTIONS}/{PASSING}"),
        Asked(f"POST {MAPPINGS}", mapping_definition(place.stream_arn)),
        Asked(f"GET {MAPPINGS}?FunctionName={FUNCTION}&MaxItems=1"),
        Asked(f"GET {mapping}"),
        Asked(f"PUT {mapping}", {"BatchSize": 20, "FunctionName": FUNCTION}),
    ]


def _schema(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort is not None:
        keys.append({"AttributeName": sort, "KeyType": "RANGE"})
    return keys


def _code() -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            zipfile.ZipInfo("app.py"), "def handler(event, context):\n    return event\n"
        )
    return base64.b64encode(content.getvalue()).decode()
