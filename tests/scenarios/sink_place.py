"""A server with sinks from a configuration file, that is killed and started again."""

from __future__ import annotations

import os
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from headwater.testing.wire import Wire
from tests.scenarios.commands import TABLE, clients
from tests.server_process import HEADWATER, ServerProcess

# How long to wait for what must come: far more than it takes anywhere.
WAIT_SECONDS_MAX = 300


class Place:
    """A server with sinks, that is killed and started again.

    more: of its environment.
    """

    def __init__(
        self, folder: Path, configuration: str, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        file = folder / "headwater.toml"
        file.write_text(configuration)
        self.sinks = [each["name"] for each in tomllib.loads(configuration).get("sink", [])]
        self.files = folder / "files"
        places = ("--data", folder / "data", "--sink-files", self.files)
        self._options: tuple[str | Path, ...] = ("--config", file, *places)
        usual = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        self._environment = {**os.environ, **usual, **more}
        self._server = self._start("0")
        self.endpoint = self._server.endpoint
        self.dynamodb = clients(self.endpoint)

    def _start(self, port: str) -> ServerProcess:
        words: list[str | Path] = [HEADWATER, "serve", "--port", port, *self._options]
        return ServerProcess.start(words, self._environment)

    def kill(self) -> None:
        self._server.kill()

    def start_again(self) -> None:
        self._server = self._start(self.endpoint.rpartition(":")[2])

    def stop(self) -> None:
        self._server.stop()

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        wire = Wire(self.endpoint, "us-east-1")
        try:
            return wire.call("headwater", operation, **body)
        finally:
            wire.close()

    def caught_up(self) -> None:
        """Wait until every sink has written everything."""
        found: set[str] = set()
        for _ in range(WAIT_SECONDS_MAX * 20):
            found = {sink["Name"] for sink in self.ask("ListSinks")["Sinks"]}
            if found.issuperset(self.sinks) and all(map(self._has_caught_up, found)):
                return
            threading.Event().wait(0.05)
        raise AssertionError({name: self.ask("DescribeSink", Name=name) for name in found})

    def _has_caught_up(self, name: str) -> bool:
        told = self.ask("DescribeSink", Name=name)
        is_running = told["Sink"]["State"] == "RUNNING"
        return is_running and not any(shard["Lag"] for shard in told["Shards"])


def items_of(dynamodb: Any, table: str) -> dict[str, dict[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    plain = TypeDeserializer().deserialize
    found = [plain({"M": item}) for page in pages for item in page["Items"]]
    return {item["pk"]: item for item in found}


def create(dynamodb: Any, name: str, **more: Any) -> None:
    """A table, once it takes items."""
    dynamodb.create_table(**{**TABLE, "TableName": name, **more})
    until_active(dynamodb, name)


def until_active(dynamodb: Any, name: str) -> None:
    for _ in range(WAIT_SECONDS_MAX * 50):
        if dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE":
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{name} does not become active")
