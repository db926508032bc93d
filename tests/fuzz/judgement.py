"""What is wrong with an answer, and what a server holds, so that it can be compared.

What a server holds is told without what goes on by itself: times, counts, states.
"""

from __future__ import annotations

import http
import json
from collections.abc import Sequence
from typing import Any, Final

import orjson

from tests.fuzz.connections import Answer, Connections, Message, shown
from tests.fuzz.valid_requests import (
    ARN,
    FUNCTION,
    FUNCTIONS,
    MAPPINGS,
    STREAMS,
    TABLE,
    TABLES,
    Asked,
    Place,
    function_definition,
    mapping_definition,
    table_definition,
)

REFUSED: Final = 400
FAULT: Final = 500
# What these refuse depends on nothing but the request; other codes are about what is stored.
MALFORMED: Final = frozenset(
    {
        *("ValidationException", "SerializationException", "UnknownOperationException"),
        *("InvalidParameterValueException", "InvalidRequestContentException"),
        *("MissingAuthenticationTokenException", "IncompleteSignatureException"),
    }
)
_READING: Final = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "TransactGet", "Drain")
_STABLE: Final = (
    *("AttributeDefinitions", "KeySchema", "TableId", "LatestStreamArn", "StreamSpecification"),
    *("ProvisionedThroughput", "DeletionProtectionEnabled", "BillingModeSummary"),
    *("TableClassSummary", "OnDemandThroughput"),
)


class Wrong(Exception):
    """A server did what it must not; the text says what, and with which request."""


class Server:
    """A server's side of a campaign: what was made there, and what it holds."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def prepare(self) -> Place:
        """Make what the requests are about."""
        definition = {**table_definition(TABLE), "DeletionProtectionEnabled": True}
        table = self._made(TABLES + "CreateTable", definition)["TableDescription"]
        arn = table["LatestStreamArn"]
        self.settle()
        described = self._made(STREAMS + "DescribeStream", {"StreamArn": arn})["StreamDescription"]
        shard = described["Shards"][0]["ShardId"]
        wanted = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self._made(STREAMS + "GetShardIterator", wanted)["ShardIterator"]
        self._made(f"POST {FUNCTIONS}", function_definition(FUNCTION))
        mapping = self._made(f"POST {MAPPINGS}", mapping_definition(arn))
        return Place(arn, shard, iterator, mapping["UUID"])

    def answers(self, messages: Sequence[Message]) -> list[str | None]:
        """Ask, judge every answer, and tell the codes of errors; None for what was taken."""
        answers = self._connections.ask(messages)
        return [judged(*pair) for pair in zip(messages, answers, strict=True)]

    def settle(self) -> None:
        """Return once nothing is under way."""
        while any(self._is_under_way(name) for name in self._tables()):
            pass

    def content(self) -> dict[str, Any]:
        """What is stored, as answers tell it; nothing once the table has been deleted."""
        if TABLE not in self._tables():
            return {}
        described = self._made(TABLES + "DescribeTable", {"TableName": TABLE})["Table"]
        named = {"TableName": TABLE}
        continuous = self._made(TABLES + "DescribeContinuousBackups", named)
        backups = self._made(TABLES + "ListBackups", {})["BackupSummaries"]
        exports = self._made(TABLES + "ListExports", {})["ExportSummaries"]
        return {
            "items": self._items(),
            "table": {name: described.get(name) for name in _STABLE},
            "indexes": sorted(
                each["IndexName"] for each in described.get("GlobalSecondaryIndexes", ())
            ),
            "tables": self._tables(),
            "expiry": self._made(TABLES + "DescribeTimeToLive", named),
            "tags": self._made(TABLES + "ListTagsOfResource", {"ResourceArn": ARN}),
            "policy": self._answer(TABLES + "GetResourcePolicy", {"ResourceArn": ARN}).body,
            "recovery": continuous["ContinuousBackupsDescription"][
                "PointInTimeRecoveryDescription"
            ]["PointInTimeRecoveryStatus"],
            "backups": sorted(each["BackupArn"] for each in backups),
            "exports": sorted(each["ExportArn"] for each in exports),
            "functions": self._made(f"GET {FUNCTIONS}", None),
            "mappings": self._made(f"GET {MAPPINGS}", None),
        }

    def _items(self) -> list[Any]:
        found: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            page = self._made(TABLES + "Scan", {"TableName": TABLE, **start})
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _tables(self) -> list[str]:
        found: list[str] = []
        start: dict[str, Any] = {}
        while True:
            page = self._made(TABLES + "ListTables", start)
            found += page["TableNames"]
            if "LastEvaluatedTableName" not in page:
                return found
            start = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}

    def _is_under_way(self, table: str) -> bool:
        answer = self._answer(TABLES + "DescribeTable", {"TableName": table})
        if answer.status >= REFUSED:
            return False  # gone since
        described = json.loads(answer.body)["Table"]
        states = [described["TableStatus"]]
        states += [each["IndexStatus"] for each in described.get("GlobalSecondaryIndexes", ())]
        expiry = self._answer(TABLES + "DescribeTimeToLive", {"TableName": table})
        return states != ["ACTIVE"] * len(states) or b"ING" in expiry.body

    def _made(self, to: str, body: Any) -> Any:
        answer = self._answer(to, body)
        if answer.status >= REFUSED:
            raise Wrong(f"{to} with {body}: {answer}")
        return json.loads(answer.body)

    def _answer(self, to: str, body: Any) -> Answer:
        method, _, path = to.partition(" ")
        data = b"" if body is None else orjson.dumps(body)
        message = Message(Asked(to), method if path else "POST", path or "/", data)
        return self._connections.ask([message])[0]


def judged(message: Message, answer: Answer) -> str | None:
    """The code of the error that an answer is, or None for a success; Wrong for any other error."""
    if answer.status < REFUSED:
        return None
    if answer.status >= FAULT:
        raise Wrong(f"{answer} to {shown([message])}")
    headers = message.asked.headers
    if answer.status == http.HTTPStatus.NOT_FOUND and answer.body.startswith(b"<"):
        return "UnknownOperationException"  # no operation at all
    if answer.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE and answer.body[:1] != b"{":
        return "RequestEntityTooLarge"  # the edge reads no such body: nobody knows its protocol
    if "Content-Encoding" in headers:
        return "SerializationException"  # refused before its protocol is known
    try:
        error = json.loads(answer.body)
        if " " in message.asked.to or "Content-Type" in headers:
            told = answer.header(b"x-amzn-errortype") or b""
            return told.decode() or str(error.get("__type")).rpartition("#")[2]
        return str(error["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise Wrong(f"no error in the protocol's form: {answer} to {shown([message])}") from fault


def may_change(message: Message) -> bool:
    """Whether a request could change what is stored if it were taken."""
    if " " in message.asked.to:
        return message.method != "GET"
    return not message.asked.to.rpartition(".")[2].startswith(_READING)
