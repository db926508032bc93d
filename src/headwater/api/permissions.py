"""What a request needs leave for: one access or several, each an action on a resource.

Pure. As on AWS a batch needs its action on each of its tables, a transaction the action of each of
its members, and a PartiQL statement the one of its kind; a read of an index needs it on the index
(Service Authorization Reference, "Actions, resources, and condition keys for Amazon DynamoDB").
Kinesis' actions are on data streams, or on a consumer if its ARN is given ("... for Amazon Kinesis
Data Streams").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headwater.api.binding import Input
from headwater.api.operation import Call
from headwater.api.statement_request import Asked, asked
from headwater.api.stream_shards import stream_of_token
from headwater.arn import (
    data_stream_arn,
    function_arn,
    index_arn,
    parse_data_stream,
    parse_stream,
    parse_table,
    table_arn,
)
from headwater.auth.policy import Access
from headwater.errors import ServiceError
from headwater.expressions.partiql.syntax import Delete, Exists, Insert, Select, Update

_TABLE_MEMBERS: Final = (
    "TableName",
    "TableArn",
    "ResourceArn",
    "SourceTableName",
    "SourceTableArn",
)
_DATA_STREAM_MEMBERS: Final = ("ConsumerARN", "ResourceARN", "StreamARN")
_OTHER_MEMBERS: Final = ("BackupArn", "ExportArn", "ImportArn")
# What has a TableName only to say which of all things are listed.
_LISTS: Final = frozenset({"ListBackups", "ListExports", "ListImports", "ListStreams"})
_TRANSACTION_ACTIONS: Final = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_STATEMENT_ACTIONS: Final[Mapping[type, str]] = {
    Delete: "PartiQLDelete",
    Exists: "PartiQLSelect",
    Insert: "PartiQLInsert",
    Select: "PartiQLSelect",
    Update: "PartiQLUpdate",
}
_LAMBDA_ACTIONS: Final = {"Invoke": "InvokeFunction"}
ANYTHING: Final = "*"
OF_TABLES: Final = frozenset({"dynamodb", "dynamodbstreams"})


@dataclass(frozen=True, slots=True)
class Permission:
    """One access that a request needs.

    table: name or ARN of the table whose policy is asked, or None. stream: the label of the stream
    whose policy is asked instead. members: of the request, or of the part of it that this access is
    about. statement: the PartiQL statement, if it is one. keys: of the items of a batch.
    enclosing: the operation that the action is a member of.
    """

    access: Access
    table: str | None = None
    stream: str | None = None
    members: Input = field(default_factory=dict)
    statement: Asked | None = None
    keys: tuple[Any, ...] = ()
    enclosing: str | None = None


def permissions(call: Call, account: str) -> list[Permission]:
    """Every access that a request needs; input that is at fault needs none: it will be refused."""
    if call.service == "lambda":
        return [Permission(_lambda_access(call, account), members=call.input)]
    if call.service == "kinesis":
        resource = data_stream_of(call, account) or ANYTHING
        return [Permission(Access(f"kinesis:{call.operation}", resource), members=call.input)]
    if call.service not in OF_TABLES:
        return [Permission(Access(f"{call.service}:{call.operation}", ANYTHING))]
    several = _SEVERAL.get(call.operation)
    if several is not None:
        return list(several(call, account))
    return [_single(call, account)]


def _lambda_access(call: Call, account: str) -> Access:
    action = f"lambda:{_LAMBDA_ACTIONS.get(call.operation, call.operation)}"
    name = call.input.get("FunctionName")
    if name is None:
        return Access(action, ANYTHING)
    is_arn = name.startswith("arn:")
    return Access(action, name if is_arn else function_arn(call.region, account, name))


def data_stream_of(call: Call, account: str) -> str | None:
    """The ARN of the data stream that a request is about, or of a consumer of one by its ARN.

    An iterator begins with its stream's ARN, and the token that a listing goes on with holds the
    stream's name.
    """
    request = call.input
    arn = next((request[each] for each in _DATA_STREAM_MEMBERS if each in request), None)
    if arn is None and "ShardIterator" in request:
        arn = request["ShardIterator"].rpartition("|1|")[0].rpartition("/")[0]
    if arn is not None and parse_data_stream(arn) is not None:
        return f"arn:aws:{arn.split(':', 2)[2]}"
    name = request.get("StreamName")
    if name is None and call.operation == "ListShards":
        name = stream_of_token(request.get("NextToken", ""))
    return None if name is None else data_stream_arn(call.region, account, name)


def _single(call: Call, account: str) -> Permission:
    request, action = call.input, f"dynamodb:{call.operation}"
    if call.service == "dynamodbstreams":
        return _of_stream(action, request)
    if call.operation == "ImportTable":
        name = request["TableCreationParameters"]["TableName"]
        return Permission(Access(action, _arn(call, account, name)), members=request)
    for member in () if call.operation in _LISTS else _TABLE_MEMBERS:
        if member in request:
            return _of_table(call, account, request[member])
    for member in _OTHER_MEMBERS:
        if member in request:
            return Permission(Access(action, request[member]), members=request)
    return Permission(Access(action, ANYTHING), members=request)


def _of_stream(action: str, request: Input) -> Permission:
    """Of an operation on a stream; an iterator begins with the stream's ARN."""
    arn = request.get("StreamArn")
    if arn is None and "ShardIterator" in request:
        arn = request["ShardIterator"].rpartition("|1|")[0]
    name = None if arn is None else parse_stream(arn)
    if arn is None or name is None:
        return Permission(Access(action, ANYTHING), members=request)
    return Permission(Access(action, arn), name.table, name.label, request)


def _of_table(call: Call, account: str, name: str) -> Permission:
    """Of an operation on one table, on its index, or on the stream that an ARN names."""
    action, request = f"dynamodb:{call.operation}", call.input
    stream = parse_stream(name)
    if stream is not None:
        return Permission(Access(action, name), stream.table, stream.label, request)
    index = request.get("IndexName")
    arn = _arn(call, account, name, index if isinstance(index, str) else None)
    return Permission(Access(action, arn), name, members=request)


def _arn(call: Call, account: str, name: str, index: str | None = None) -> str:
    """The ARN of a table by its name or ARN, or of an index of it."""
    if name.startswith("arn:"):
        parts = parse_table(name)
        if parts is None:
            return name
        name = parts.table
    if index is not None:
        return index_arn(call.region, account, name, index)
    return table_arn(call.region, account, name)


def _of_batch_get(call: Call, account: str) -> Iterator[Permission]:
    for name, request in call.input["RequestItems"].items():
        access = Access("dynamodb:BatchGetItem", _arn(call, account, name))
        yield Permission(access, name, members=request, keys=tuple(request["Keys"]))


def _of_batch_write(call: Call, account: str) -> Iterator[Permission]:
    for name, requests in call.input["RequestItems"].items():
        access = Access("dynamodb:BatchWriteItem", _arn(call, account, name))
        keys = tuple(
            each["PutRequest"]["Item"] if "PutRequest" in each else each["DeleteRequest"]["Key"]
            for each in requests
            if "PutRequest" in each or "DeleteRequest" in each
        )
        yield Permission(access, name, keys=keys)


def _of_transaction(call: Call, account: str) -> Iterator[Permission]:
    for each in call.input["TransactItems"]:
        for kind, request in each.items():
            name = request["TableName"]
            action = f"dynamodb:{_TRANSACTION_ACTIONS[kind]}"
            yield Permission(
                Access(action, _arn(call, account, name)),
                name,
                members=request,
                enclosing=call.operation,
            )


def _of_statements(call: Call, account: str) -> Iterator[Permission]:
    request = call.input
    statements: list[Input] = request.get("Statements") or request.get(
        "TransactStatements", [request]
    )
    for each in statements:
        try:
            statement = asked(each)
        except ServiceError:
            continue  # the handler says what is wrong with it
        body = statement.body
        index = body.index if isinstance(body, Select) else None
        enclosing = call.operation if call.operation == "ExecuteTransaction" else None
        yield Permission(
            Access(
                f"dynamodb:{_STATEMENT_ACTIONS[type(body)]}",
                _arn(call, account, body.table, index),
            ),
            body.table,
            members={"IndexName": index} if index else {},
            statement=statement,
            enclosing=enclosing,
        )


_SEVERAL: Final[Mapping[str, Callable[[Call, str], Iterator[Permission]]]] = {
    "BatchExecuteStatement": _of_statements,
    "BatchGetItem": _of_batch_get,
    "BatchWriteItem": _of_batch_write,
    "ExecuteStatement": _of_statements,
    "ExecuteTransaction": _of_statements,
    "TransactGetItems": _of_transaction,
    "TransactWriteItems": _of_transaction,
}
