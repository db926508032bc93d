"""What every test can ask for.

Order is random (pytest-randomly prints the seed; --randomly-seed=N repeats it),
but unit tests run first, since they name a fault best. Hypothesis profiles: `ci` by default,
`thorough` by HYPOTHESIS_PROFILE=thorough. With --aws the conformance tests run against AWS itself,
with whatever credentials and region the environment gives; no server is started then.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from headwater.clock import SystemChance
from tests.server_process import ServerProcess

FOLDERS_IN_ORDER = (
    "unit",
    "contract",
    "model",
    "simulation",
    "conformance",
    "scenarios",
)
REGION = "us-east-1"
# One try only: a retry by the client would hide the error a test is after.
CLIENT = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)

settings.register_profile("ci", deadline=None, max_examples=60, print_blob=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--aws", action="store_true", help="run the conformance tests against AWS")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_rank)
    if config.getoption("--aws"):
        skip = pytest.mark.skip(reason="only Headwater has this")
        for item in items:
            if item.get_closest_marker("local_only"):
                item.add_marker(skip)


def _rank(item: pytest.Item) -> int:
    """The place of the test's folder; sorting by it keeps the random order within a folder."""
    folder = item.nodeid.split("/")[1]
    return FOLDERS_IN_ORDER.index(folder) if folder in FOLDERS_IN_ORDER else -1


@pytest.fixture(scope="session")
def against_aws(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--aws"))


@pytest.fixture(scope="session")
def endpoint(against_aws: bool) -> Iterator[str | None]:
    """The address of the session's server, or None when AWS itself is tested."""
    if against_aws:
        yield None
    else:
        with ServerProcess.serve("--memory", "--lab") as server:
            yield server.endpoint


@pytest.fixture(scope="session")
def connect(endpoint: str | None) -> Iterator[Callable[[str], Any]]:
    """Makes boto3 clients of a service by name; one per service, closed at the end."""
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = boto3.client(service, config=CLIENT)
        return clients[service]

    with pytest.MonkeyPatch.context() as environment:
        if endpoint is not None:
            environment.setenv("AWS_ENDPOINT_URL", endpoint)
            environment.setenv("AWS_ACCESS_KEY_ID", "test")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
            environment.setenv("AWS_DEFAULT_REGION", REGION)
        yield client
        for each in clients.values():
            each.close()


@pytest.fixture(scope="session")
def dynamodb(connect: Callable[[str], Any]) -> Any:
    return connect("dynamodb")


@pytest.fixture(scope="session")
def dynamodbstreams(connect: Callable[[str], Any]) -> Any:
    return connect("dynamodbstreams")


@pytest.fixture(scope="session")
def aws_lambda(connect: Callable[[str], Any]) -> Any:
    return connect("lambda")


@pytest.fixture(scope="session")
def unique_name() -> Callable[[str], str]:
    """Makes names that no other test, run or neighbour on the same account has."""
    run = SystemChance().uuid()[:8]
    count = itertools.count(1)

    def name(prefix: str) -> str:
        return f"headwater-{prefix}-{run}-{next(count)}"

    return name


@pytest.fixture
def make_table(
    dynamodb: Any, unique_name: Callable[[str], str], against_aws: bool
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes tables that are active, and deletes them after the test.

    Takes what CreateTable takes; the default is a string partition key `pk`, on demand.
    Returns the table's description once it is active.
    """
    names: list[str] = []

    def make(**parameters: Any) -> dict[str, Any]:
        wanted = {
            "TableName": unique_name("table"),
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        } | parameters
        dynamodb.create_table(**wanted)
        names.append(wanted["TableName"])
        waiter = dynamodb.get_waiter("table_exists")
        delay = 2 if against_aws else 0.02
        waiter.wait(TableName=names[-1], WaiterConfig={"Delay": delay, "MaxAttempts": 200})
        return dict(dynamodb.describe_table(TableName=names[-1])["Table"])

    yield make
    for name in names:
        with contextlib.suppress(dynamodb.exceptions.ResourceNotFoundException):
            dynamodb.delete_table(TableName=name)
