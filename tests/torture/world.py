"""The tables that are tortured, what is known of them, and a few questions to the server.

orders     journaled, with a stream that is on for good, a global and a local index, splits and
           rollovers; followed by functions and by a consumer outside
bank       accounts whose sum never changes, kept for recovery; written by transactions
fleeting   items that expire at once; each must leave exactly an insert and a removal
churn      journaled; its stream, time to live and indexes come and go, its records are trimmed
globe      journaled, in two regions, and in a third one that comes and goes
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import boto3
from botocore.config import Config

from headwater.cli.client import Client
from tests.torture.follower import Follower
from tests.torture.journal import Journal, Letters

ACCOUNTS: Final = 16
BALANCE: Final = 1000
FUNCTION: Final = Path(__file__).with_name("function")
STREAM: Final = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
JOURNALED: Final = ("orders", "churn")
"""Journaled tables that are of one region."""
_ONE_TRY: Final = Config(retries={"total_max_attempts": 1})
_ON_DEMAND: Final = "PAY_PER_REQUEST"


def keys(*names: str) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)
    ]


def types(**kinds: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


def index(name: str, *attributes: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": keys(*attributes),
        "Projection": {"ProjectionType": "ALL"},
    }


TABLES: Final[dict[str, dict[str, Any]]] = {
    "orders": {
        "KeySchema": keys("pk", "sk"),
        "AttributeDefinitions": types(pk="S", sk="N", parity="N", n="N"),
        "GlobalSecondaryIndexes": [index("by_parity", "parity", "n")],
        "LocalSecondaryIndexes": [index("by_number", "pk", "n")],
        "StreamSpecification": STREAM,
    },
    "bank": {"KeySchema": keys("pk"), "AttributeDefinitions": types(pk="S")},
    "fleeting": {
        "KeySchema": keys("pk"),
        "AttributeDefinitions": types(pk="S"),
        "StreamSpecification": STREAM,
    },
    "churn": {"KeySchema": keys("pk", "sk"), "AttributeDefinitions": types(pk="S", sk="N")},
}


@dataclass
class World:
    """Everything that outlives a server: chance, what is known, where the data is.

    workers: how many processes the server has; several have no lab. notes: a folder in which each
    function writes down what it is given. globe: who follows the global table, by region.
    transfers: by client token, those whose answer is due: the accounts, and the amount.
    given_up: numbers of records that a queue has told of. invoked: asynchronous invocations that
    were accepted. versions: numbers that published versions tell.
    spare: tables that may be deleted. names: how many have been given.
    """

    chance: Random
    data: Path
    notes: Path
    workers: int = 1
    journals: dict[str, Journal] = field(
        default_factory=lambda: {name: Journal() for name in (*JOURNALED, "globe")}
    )
    followers: dict[str, Follower] = field(
        default_factory=lambda: {"orders": Follower("orders"), "fleeting": Follower("fleeting")}
    )
    balances: dict[str, int] = field(
        default_factory=lambda: {f"account-{each}": BALANCE for each in range(ACCOUNTS)}
    )
    transfers: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    globe: dict[str, Follower] = field(default_factory=dict)
    letters: Letters = field(default_factory=Letters)
    given_up: set[str] = field(default_factory=set)
    invoked: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=dict)
    spare: list[str] = field(default_factory=list)
    written: int = 0
    names: int = 0

    def __post_init__(self) -> None:
        self.notes.mkdir(exist_ok=True)
        self.endpoint = ""  # of the server that runs
        self._session = boto3.Session("any", "any", region_name="us-east-1")

    def functions(self) -> Any:
        """boto3's client for functions, of the server that runs."""
        return self._session.client("lambda", endpoint_url=self.endpoint, config=_ONE_TRY)

    def noted(self, name: str) -> list[list[str]]:
        """What a function has written down: the words of each line."""
        path = self.notes / name
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def number(self) -> int:
        """A number that nothing has used yet."""
        self.written += 1
        return self.written

    def name(self, of: str) -> str:
        """A name that nothing has yet."""
        self.names += 1
        return f"{of}-{self.names}"


async def ask(client: Client, operation: str, **body: Any) -> dict[str, Any]:
    return await client.call("dynamodb", operation, body)


async def create(client: Client, name: str) -> None:
    await ask(client, "CreateTable", TableName=name, BillingMode=_ON_DEMAND, **TABLES[name])
    await settled(client, name)


async def settled(client: Client, name: str) -> dict[str, Any]:
    """The table once it and its indexes are ACTIVE."""
    while True:
        table: dict[str, Any] = (await ask(client, "DescribeTable", TableName=name))["Table"]
        indexes = table.get("GlobalSecondaryIndexes", [])
        states = [table["TableStatus"], *(each["IndexStatus"] for each in indexes)]
        if all(state == "ACTIVE" for state in states):
            return table


async def items_of(client: Client, name: str, **more: Any) -> AsyncIterator[dict[str, Any]]:
    """Every item of a table or an index."""
    start: dict[str, Any] = {}
    while True:
        page = await ask(client, "Scan", TableName=name, **more, **start)
        for item in page["Items"]:
            yield item
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


async def prepare(client: Client, world: World) -> None:
    """Create the tables, open the accounts."""
    for name in TABLES:
        await create(client, name)
    on = {"Enabled": True, "AttributeName": "until"}
    await ask(client, "UpdateTimeToLive", TableName="fleeting", TimeToLiveSpecification=on)
    recovery = {"PointInTimeRecoveryEnabled": True}
    for account, balance in world.balances.items():
        item = {"pk": {"S": account}, "balance": {"N": str(balance)}}
        await ask(client, "PutItem", TableName="bank", Item=item)
    await ask(
        client,
        "UpdateContinuousBackups",
        TableName="bank",
        PointInTimeRecoverySpecification=recovery,
    )
