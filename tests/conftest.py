"""What every test can ask for.

Order is random (pytest-randomly prints the seed; --randomly-seed=N repeats it),
but unit tests run first, since they name a fault best. Hypothesis profiles: `ci` by default,
`thorough` by HYPOTHESIS_PROFILE. With --aws the conformance tests
run against AWS itself, with whatever credentials and region the environment gives; no server is
started then.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from headwater.clock import SystemChance
from tests.postgres_server import NoPostgres, PostgresServer, postgres_server
from tests.server_process import ServerProcess

# Commands are interrupted as Ctrl-C does it. A run that a script has begun in the background
# ignores that signal, and whatever it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

FOLDERS_IN_ORDER = (
    "unit",
    "contract",
    "model",
    "simulation",
    "conformance",
    "scenarios",
)
REGION = "us-east-1"
# How often a test looks for what must come: far more than it takes on a slow machine, since only a
# failure gets there.
LOOKS_MAX = 20_000
# One try only: a retry by the client would hide the error a test is after. No checks by the client:
# the server's are tested.
CLIENT = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=60,
    read_timeout=300,
    parameter_validation=False,
)

# How long data take to make says something of the machine, nothing of the code.
_CALM: Any = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("ci", max_examples=30, **_CALM)
settings.register_profile("thorough", max_examples=2_000, **_CALM)
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
def postgres() -> Iterator[PostgresServer]:
    """A server of PostgreSQL; skips where none can be had."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_server())
        except NoPostgres as error:
            pytest.skip(f"PostgreSQL: {error}")
        yield server


@pytest.fixture(scope="session")
def against_aws(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--aws"))


@pytest.fixture(scope="session")
def endpoint(against_aws: bool) -> Iterator[str | None]:
    """The address of the session's server, or None when AWS itself is tested."""
    if against_aws:
        yield None
    else:
        # Functions of tests write down what they see where tests can read it.
        with ServerProcess.serve("--memory", "--lab", "--function-isolation", "none") as server:
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


class Tables:
    """Makes tables that are active, and deletes them in the end."""

    def __init__(self, client: Any, unique_name: Callable[[str], str], poll_seconds: float) -> None:
        self._client = client
        self._unique_name = unique_name
        self._waiting = {"Delay": poll_seconds, "MaxAttempts": LOOKS_MAX}
        self._names: list[str] = []

    def make(self, **parameters: Any) -> dict[str, Any]:
        """Takes what CreateTable takes; the default is a string partition key `pk`, on demand.

        Returns the table's description once it is active.
        """
        wanted = {
            "TableName": self._unique_name("table"),
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        } | parameters
        self._client.create_table(**wanted)
        self._names.append(wanted["TableName"])
        return self.wait(wanted["TableName"])

    def wait(self, name: str) -> dict[str, Any]:
        """The description of a table once it is active."""
        waiter = self._client.get_waiter("table_exists")
        waiter.wait(TableName=name, WaiterConfig=self._waiting)
        return dict(self._client.describe_table(TableName=name)["Table"])

    def wait_gone(self, name: str) -> None:
        """Return once a table that is being deleted is no more."""
        waiter = self._client.get_waiter("table_not_exists")
        waiter.wait(TableName=name, WaiterConfig=self._waiting)

    def delete_all(self) -> None:
        for name in self._names:
            with contextlib.suppress(self._client.exceptions.ResourceNotFoundException):
                self._client.delete_table(TableName=name)


@pytest.fixture(scope="session")
def lasting_tables(
    dynamodb: Any, unique_name: Callable[[str], str], against_aws: bool
) -> Iterator[Tables]:
    """Tables that many tests share, deleted at the end of the run."""
    tables = Tables(dynamodb, unique_name, poll_seconds=2 if against_aws else 0.02)
    yield tables
    tables.delete_all()


@pytest.fixture
def tables(dynamodb: Any, unique_name: Callable[[str], str], against_aws: bool) -> Iterator[Tables]:
    """Tables of one test, deleted after it."""
    tables = Tables(dynamodb, unique_name, poll_seconds=2 if against_aws else 0.02)
    yield tables
    tables.delete_all()


@pytest.fixture
def make_table(tables: Tables) -> Callable[..., dict[str, Any]]:
    """Makes a table that is active, as `Tables.make` does, and deletes it after the test."""
    return tables.make
