"""A table whose stream workers in other processes consume, and what they have told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from headwater.testing.lab import Lab
from tests.scenarios.commands import STREAM, TABLE, clients
from tests.scenarios.told import Told

KEYS = [f"key-{number}" for number in range(12)]
WAIT_SECONDS_MAX = 300


class Scene:
    """The table, with every item changed so many times, and the workers' lines."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.tables = clients(endpoint)
        self.told = Told()
        self._counts = dict.fromkeys(KEYS, 0)
        made = self.tables.create_table(**TABLE, StreamSpecification=STREAM)
        self.arn: str = made["TableDescription"]["LatestStreamArn"]
        self.tables.get_waiter("table_exists").wait(TableName=TABLE["TableName"])

    def close(self) -> None:
        self.tables.close()

    def write(self) -> None:
        """Change every item."""
        for key in KEYS:
            self._counts[key] += 1
            item = {"pk": {"S": key}, "n": {"N": str(self._counts[key])}}
            self.tables.put_item(TableName=TABLE["TableName"], Item=item)

    def split(self, shard: str) -> list[str]:
        with closing(Lab(self.endpoint)) as lab:
            return lab.split(self.arn, shard)

    def owners(self, application: str) -> dict[str, str]:
        """Who has each shard that is not finished, by the lease table."""
        items = self.tables.scan(TableName=application, ConsistentRead=True)["Items"]
        return {
            item["leaseKey"]["S"]: item["leaseOwner"]["S"]
            for item in items
            if "leaseOwner" in item and item["checkpoint"]["S"] != "SHARD_END"
        }

    def until(self, what: str, holds: Callable[[], object]) -> None:
        if not self.told.wait(lambda: bool(holds()), WAIT_SECONDS_MAX):
            said = "\n".join(f"{name}: {' '.join(words)}" for name, words in self.told.lines)
            pytest.fail(f"{what} never came:\n{said}")

    def until_all_is_read(self, what: str) -> None:
        wanted = {(key, n) for key, count in self._counts.items() for n in range(1, count + 1)}
        self.until(what, lambda: wanted <= set(self._records()))

    def check_order(self) -> None:
        """No count of a key jumps ahead: a repeat may go back, none leaves any out."""
        reached = dict.fromkeys(KEYS, 0)
        for key, count in self._records():
            assert count <= reached[key] + 1, f"{key}: {count} after {reached[key]}"
            reached[key] = max(reached[key], count)

    def _records(self) -> list[tuple[str, int]]:
        return [(key, int(count)) for _, key, count in self.told.words("record")]
