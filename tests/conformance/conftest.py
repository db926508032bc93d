"""Tables that many tests share, and clients below the SDK.

Shared tables live for the whole run; a test keeps to itself by taking a partition key nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.conformance.data_streams import DataStreams
from tests.conformance.definition import VIEWS, attributes, index, keys, schema
from tests.conformance.stream_reading import Follower
from tests.conformance.wire import Wire
from tests.conftest import CLIENT, REGION, Tables


@pytest.fixture(scope="session")
def kinesis(connect: Callable[[str], Any]) -> Any:
    return connect("kinesis")


@pytest.fixture(scope="session")
def data_streams(kinesis: Any, unique_name: Callable[[str], str]) -> Iterator[DataStreams]:
    """Makes data streams; all are deleted when the run ends."""
    made = DataStreams(kinesis, unique_name)
    yield made
    made.delete_all()


@pytest.fixture
def key(unique_name: Callable[[str], str]) -> str:
    """A partition key that no other test uses."""
    return unique_name("key")


@pytest.fixture
def execute(dynamodb: Any) -> Callable[..., Any]:
    """Executes one PartiQL statement; its parameters are attribute values."""

    def execute(statement: str, *parameters: Any, **options: Any) -> Any:
        if parameters:
            options["Parameters"] = list(parameters)
        return dynamodb.execute_statement(Statement=statement, **options)

    return execute


@pytest.fixture(scope="session")
def simple(lasting_tables: Tables) -> str:
    """A table with the partition key `pk`, a string."""
    return str(lasting_tables.make()["TableName"])


@pytest.fixture(scope="session")
def composite(lasting_tables: Tables) -> str:
    """A table with the keys `pk` and `sk`, both strings."""
    return str(lasting_tables.make(**keys(("pk", "S"), ("sk", "S")))["TableName"])


@pytest.fixture(scope="session")
def numbered(lasting_tables: Tables) -> str:
    """A table with the keys `pk`, a string, and `sk`, a number."""
    return str(lasting_tables.make(**keys(("pk", "S"), ("sk", "N")))["TableName"])


@pytest.fixture(scope="session")
def binary(lasting_tables: Tables) -> str:
    """A table with the keys `pk`, a string, and `sk`, binary."""
    return str(lasting_tables.make(**keys(("pk", "S"), ("sk", "B")))["TableName"])


@pytest.fixture(scope="session")
def indexed(lasting_tables: Tables) -> str:
    """A table with the keys `pk` and `sk`, strings, and an index of each kind and projection.

    Local: `by_grade` (pk, grade: a number), all attributes. Global: `by_colour` (colour, a string;
    grade), all attributes; `colour_keys`, keys only; `colour_some`, with the attribute `note`.
    """
    made = lasting_tables.make(
        KeySchema=schema("pk", "sk"),
        **attributes(("pk", "S"), ("sk", "S"), ("colour", "S"), ("grade", "N")),
        LocalSecondaryIndexes=[index("by_grade", "pk", "grade")],
        GlobalSecondaryIndexes=[
            index("by_colour", "colour", "grade"),
            index("colour_keys", "colour", "grade", ProjectionType="KEYS_ONLY"),
            index("colour_some", "colour", ProjectionType="INCLUDE", NonKeyAttributes=["note"]),
        ],
    )
    return str(made["TableName"])


@pytest.fixture(scope="session")
def streamed(lasting_tables: Tables) -> dict[str, dict[str, Any]]:
    """A table per view type, with its stream: descriptions by view."""
    return {
        view: lasting_tables.make(
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view}
        )
        for view in VIEWS
    }


@pytest.fixture(scope="session")
def followers(streamed: dict[str, dict[str, Any]], dynamodbstreams: Any) -> dict[str, Follower]:
    """Who reads those streams, by view."""
    return {
        view: Follower(dynamodbstreams, table["LatestStreamArn"])
        for view, table in streamed.items()
    }


@pytest.fixture(scope="session")
def watched(streamed: dict[str, dict[str, Any]]) -> str:
    """The table whose stream shows both images."""
    return str(streamed["NEW_AND_OLD_IMAGES"]["TableName"])


@pytest.fixture(scope="session")
def follower(followers: dict[str, Follower]) -> Follower:
    """Who reads the stream of `watched`."""
    return followers["NEW_AND_OLD_IMAGES"]


@pytest.fixture(scope="session")
def wire(dynamodb: Any, endpoint: str | None) -> Wire:
    """The tables' service without an SDK; needs `dynamodb` for its environment."""
    return _wire(endpoint, "dynamodb")


@pytest.fixture(scope="session")
def streams_wire(dynamodb: Any, endpoint: str | None) -> Wire:
    """The streams' service without an SDK."""
    return _wire(endpoint, "streams.dynamodb")


def _wire(endpoint: str | None, host: str) -> Wire:
    session = boto3.Session()
    credentials = session.get_credentials()
    assert credentials is not None
    region = session.region_name or REGION
    return Wire(endpoint or f"https://{host}.{region}.amazonaws.com", region, credentials)


@pytest.fixture(scope="session")
def elsewhere(connect: Callable[[str], Any], dynamodb: Any) -> Iterator[Any]:
    """A client of the tables' service in another region."""
    client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT)
    yield client
    client.close()
