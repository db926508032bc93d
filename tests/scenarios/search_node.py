"""A real search server: one node of OpenSearch, in a directory of its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.scenarios.java_program import built, serving


class SearchNode:
    """A running node."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request, as JSON."""
        request = urllib.request.Request(
            f"{self.endpoint}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def documents(self, index: str) -> dict[str, Any]:
        """All documents of an index, by their ids."""
        self.ask("POST", f"{index}/_refresh")
        found = self.ask("GET", f"{index}/_search?size=10000")["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in found}


@contextmanager
def search_node(folder: Path) -> Iterator[SearchNode]:
    """Raises NoProgram where none can be had."""
    command = [*built("search", is_archived=False), "headwater.SearchNode", str(folder)]
    with serving(command, folder / "output") as endpoint:
        yield SearchNode(endpoint)
