"""Every fault of the lab that a request can meet, and two consumers that lose nothing by it.

One is written in plain boto3 on a lease table, as the Kinesis Client Library is; the other is
`headwater.consumer`. What writes is struck as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from headwater.consumer import Consumer, ConsumerSettings, services
from headwater.lab.faults import KINDS
from headwater.testing import Fault, Lab
from headwater.testing.tables import Table, create_table, stream_records
from tests.conformance.lease_consumer import LeaseConsumer, Record
from tests.conftest import CLIENT, LOOKS_MAX

pytestmark = pytest.mark.local_only
KEYS = [f"key-{number}" for number in range(4)]
FORMS = ("alone", "in a batch", "in a transaction")
SECONDS_MAX = 300
ONE_SHARD: dict[str, Any] = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
}
QUICK: dict[str, Any] = {
    "idle_seconds": 0.02,
    "lease_seconds": 0.6,
    "back_off_seconds_first": 0.02,
    "back_off_seconds_max": 0.1,
}

FAULTS = {
    "Throttled": [Fault("Throttled", rate=0.2)],
    "InternalServerError": [Fault("InternalServerError", rate=0.2)],
    "AnswerLost": [Fault("AnswerLost", rate=0.2)],
    "Slow": [Fault("Slow", rate=0.2, seconds=0.01)],
    "EmptyPage": [Fault("EmptyPage", every=2)],
    "LimitExceeded": [Fault("LimitExceeded", rate=0.5)],
    "Unprocessed": [Fault("Unprocessed", share=0.5, count=2)],
    "TransactionConflict": [Fault("TransactionConflict", rate=0.2)],
    "TransactionInProgress": [Fault("TransactionInProgress", count=2)],
}
OF_DELIVERIES = {"DeliveryFailed", "DeliveredTwice", "CrashBeforeCheckpoint"}


@dataclass
class Place:
    """A region with faults, a table with a stream, one for leases, and what was consumed."""

    lab: Lab
    table: Table
    leases: str
    tables: Any
    streams: Any
    seen: list[tuple[str, int]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        assert self.table.stream_arn is not None, "it has a stream"
        return self.table.stream_arn

    def handle(self, record: Record) -> None:
        image = record["dynamodb"]["NewImage"]
        self.seen.append((image["pk"]["S"], int(image["n"]["N"])))

    def has_seen_all(self) -> bool:
        return {(key, n) for key in KEYS for n in range(len(FORMS))} <= set(self.seen)

    def check_order(self) -> None:
        """What each key's records tell when they come first, is told in their order."""
        first = list(dict.fromkeys(self.seen))
        for key in KEYS:
            assert [n for name, n in first if name == key] == list(range(len(FORMS))), self.seen

    def write(self) -> None:
        """Change every item in each form; shards are replaced, iterators run out in between."""
        for n, form in enumerate(FORMS):
            items = [{"pk": {"S": key}, "n": {"N": str(n)}} for key in KEYS]
            self._write(form, items)
            if form != FORMS[-1]:
                self.lab.split(self.arn, self.lab.open_shards(self.arn)[0])
                self.lab.roll(self.arn, self.lab.open_shards(self.arn)[-1])
                self.lab.expire_iterators(self.arn)

    def _write(self, form: str, items: list[dict[str, Any]]) -> None:
        if form == "alone":
            for item in items:
                insist(partial(self.tables.put_item, TableName=self.table.name, Item=item))
        elif form == "in a batch":
            left = {self.table.name: [{"PutRequest": {"Item": item}} for item in items]}
            while left:
                done = insist(partial(self.tables.batch_write_item, RequestItems=left))
                left = done["UnprocessedItems"]
        else:
            puts = [{"Put": {"TableName": self.table.name, "Item": item}} for item in items]
            asked = {"TransactItems": puts, "ClientRequestToken": self.table.name[-36:]}
            insist(partial(self.tables.transact_write_items, **asked))


def insist(ask: Callable[[], Any]) -> Any:
    """Ask again until it is answered with success."""
    for _ in range(LOOKS_MAX):
        try:
            return ask()
        except (ClientError, BotoCoreError):
            continue
    return pytest.fail(f"refused {LOOKS_MAX} times")


@pytest.fixture(scope="module")
def region(endpoint: str) -> Iterator[tuple[Lab, Any, Any]]:
    """Its lab, and clients of DynamoDB and of its streams."""
    session = boto3.Session("test", "test", region_name="us-meetings-1")
    with (
        closing(Lab(endpoint, "us-meetings-1")) as lab,
        closing(session.client("dynamodb", endpoint_url=endpoint, config=CLIENT)) as tables,
        closing(session.client("dynamodbstreams", endpoint_url=endpoint, config=CLIENT)) as streams,
    ):
        yield lab, tables, streams


@pytest.fixture
def place(region: tuple[Lab, Any, Any], unique_name: Callable[[str], str]) -> Iterator[Place]:
    lab, tables, streams = region
    table = create_table(lab.wire, unique_name("orders"), **ONE_SHARD)
    leases = create_table(lab.wire, unique_name("leases"), "leaseKey", stream=None)
    yield Place(lab, table, leases.name, tables, streams)
    lab.erase()


def by_lease_table(place: Place) -> None:
    consumer = LeaseConsumer((place.streams, place.tables), place.arn, place.leases, place.handle)
    for _ in range(LOOKS_MAX):
        consumer.round()
        if place.has_seen_all():
            return
    pytest.fail(f"saw only {place.seen}; was refused {consumer.refusals}")


def by_library(place: Place) -> None:
    settings = ConsumerSettings(stream=place.arn, application=f"{place.leases}-library", **QUICK)
    consumer = Consumer(services(place.streams, place.tables), settings)

    async def handle(batch: Any) -> None:
        for record in batch:
            place.handle({"dynamodb": {"NewImage": record.new_image}})
        if place.has_seen_all():
            consumer.stop()

    async def run() -> None:
        async with asyncio.timeout(SECONDS_MAX):
            await consumer.run(handle)

    asyncio.run(run())


@pytest.mark.parametrize("consume", [by_lease_table, by_library])
@pytest.mark.parametrize("kind", FAULTS)
def test_consumer_loses_and_reorders_nothing(
    place: Place, kind: str, consume: Callable[[Place], None]
) -> None:
    place.lab.faults.set(*FAULTS[kind], seed=7)
    place.write()

    consume(place)

    place.check_order()
    assert all(place.lab.faults.counts()), "a fault struck nothing"
    assert place.lab.check(place.arn).faults == []


def test_every_fault_that_requests_can_meet_is_tried() -> None:
    assert FAULTS.keys() | OF_DELIVERIES == KINDS.keys()


def test_tools_of_the_lab_are_spared(place: Place) -> None:
    place.write()
    place.lab.faults.set(Fault("EmptyPage"), Fault("Throttled"), Fault("LimitExceeded"))

    records = stream_records(place.lab.wire, place.arn)

    assert len(records) == len(KEYS) * len(FORMS)
    assert place.lab.faults.counts() == [0, 0, 0]
