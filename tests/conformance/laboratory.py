"""A server of a test's own with the lab, whose time it commands, and what there is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.conformance.function_making import Functions, shipped
from tests.conformance.mapping_making import BOTH, Mappings, Notebook, Source
from tests.conformance.stream_reading import oldest, shards
from tests.conformance.wire import Answer, Wire
from tests.conftest import CLIENT, REGION, Tables
from tests.server_process import ServerProcess

HOUR = 3600.0
NOTES_KEYS = {
    "KeySchema": [
        {"AttributeName": "arn", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "arn", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
}


@dataclass
class Lab:
    """A server of its own, whose time the test commands."""

    server: ServerProcess
    wire: Wire
    dynamodb: Any
    streams: Any
    aws_lambda: Any
    tables: Tables
    unique_name: Callable[[str], str]

    def __post_init__(self) -> None:
        self.mappings = Mappings(self.aws_lambda)
        self.functions = Functions(self.aws_lambda, self.unique_name)

    def ask(self, operation: str, **body: Any) -> Answer:
        return self.wire.call(f"Headwater_20261123.{operation}", body)

    def tell(self, operation: str, **body: Any) -> Any:
        """The answer of an operation that must succeed."""
        answer = self.ask(operation, **body)
        assert answer.status == 200, answer.body
        return answer.content

    def advance(self, seconds: float) -> float:
        return float(self.tell("AdvanceClock", Seconds=seconds)["Now"])

    def now(self) -> float:
        return float(self.tell("DescribeClock")["Now"])

    def source(self, **more: Any) -> Source:
        """A table with a stream."""
        return Source(self.dynamodb, self.tables.make(StreamSpecification=BOTH, **more))

    def notebook(self) -> Notebook:
        return Notebook(self.dynamodb, self.tables.make(**NOTES_KEYS)["TableName"])

    def note_taker(self, notebook: Notebook) -> str:
        """The name of a function that notes what it is given."""
        environment = {"Variables": {"NOTES_TABLE": notebook.table}}
        made = self.functions.make(
            shipped("note"), "note.handler", Timeout=30, Environment=environment
        )
        return str(made["FunctionName"])

    def records(self, arn: str) -> list[Any]:
        """What the shards that are listed have, in the order of their ids."""
        return [
            record
            for shard in shards(self.streams, arn)
            for record in self.streams.get_records(
                ShardIterator=oldest(self.streams, arn, shard["ShardId"])
            )["Records"]
        ]


@contextmanager
def laboratory(unique_name: Callable[[str], str], *options: str | Path) -> Iterator[Lab]:
    """A server with the lab; options: of `headwater serve`."""
    with ServerProcess.serve("--lab", *options) as server:
        session = boto3.Session("any", "any", region_name=REGION)
        dynamodb, streams, aws_lambda = clients = [
            session.client(service, endpoint_url=server.endpoint, config=CLIENT)
            for service in ("dynamodb", "dynamodbstreams", "lambda")
        ]
        credentials = session.get_credentials()
        assert credentials is not None
        wire = Wire(server.endpoint, REGION, credentials)
        tables = Tables(dynamodb, unique_name, poll_seconds=0.02)
        yield Lab(server, wire, dynamodb, streams, aws_lambda, tables, unique_name)
        for client in clients:
            client.close()
