"""The pytest plugin: one server for the session, a region of its own for each test.

Fixtures: `headwater` (the lab, and the environment by which SDKs find the server),
`dynamodb_table`, `clock`, `drain`, `faults`, `stream_records`, `recording`; of the session
`headwater_server`.
Whatever a test made is deleted after it, its faults are cleared, and time runs again.

It is loaded in every run of pytest on the machine, so it imports nothing that takes time.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:  # fixtures import what they need, in the runs that use them
    from pathlib import Path

    from headwater.consumer.recording import Recording
    from headwater.testing.lab import Clock, Faults, Lab
    from headwater.testing.server import Server
    from headwater.testing.tables import Record, Table

SESSION_REGION: Final = "us-east-1"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("headwater")
    group.addoption(
        "--headwater-seed",
        type=int,
        metavar="N",
        help="Seed of the faults of tests that give none; a failed test prints the one it had.",
    )
    parser.addini(
        "headwater_options",
        "Options of `headwater serve` for the server of the session.",
        type="args",
        default=[],
    )
    parser.addini(
        "headwater_region",
        "A region that all tests share, in which nothing is deleted; "
        "without it each test has its own.",
        default="",
    )


@pytest.fixture(scope="session")
def headwater_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server in memory with the lab, and the environment by which SDKs find it.

    For what is wider than a test; its region is us-east-1.
    """
    from headwater.testing.server import Server

    path = tmp_path_factory.mktemp("headwater") / "server.log"
    with (
        path.open("w") as log,
        Server.start(*pytestconfig.getini("headwater_options"), log=log) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("AWS_ENDPOINT_URL", server.endpoint)
        environment.setenv("AWS_ACCESS_KEY_ID", "headwater")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "headwater")
        environment.delenv("AWS_SESSION_TOKEN", raising=False)
        environment.delenv("AWS_PROFILE", raising=False)
        _set_region(environment, SESSION_REGION)
        yield server


@pytest.fixture
def headwater(headwater_server: Server, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab, for the test's own region; SDK clients made in the test are of that region."""
    from headwater.testing.lab import Lab

    shared = request.config.getini("headwater_region")
    lab = Lab(
        headwater_server.endpoint,
        shared or next(_regions),
        seed=request.config.getoption("--headwater-seed"),
        told=lambda seed: _tell_seed(request.node, seed),
    )
    with pytest.MonkeyPatch.context() as environment:
        _set_region(environment, lab.region)
        yield lab
    if lab.clock.is_touched:
        lab.clock.thaw()
    if shared:
        lab.faults.clear()
    else:
        lab.erase()
    lab.close()


@pytest.fixture
def clock(headwater: Lab) -> Clock:
    """The server's time of day, to freeze and to advance."""
    return headwater.clock


@pytest.fixture
def faults(headwater: Lab) -> Faults:
    """The faults of the test's region."""
    return headwater.faults


@pytest.fixture
def drain(headwater: Lab) -> Callable[..., float]:
    """Waits until every consumer in the server has passed what is written now: `Lab.drain`."""
    return headwater.drain


@pytest.fixture
def dynamodb_table(headwater: Lab) -> Callable[..., Table]:
    """Makes tables that are active: `create_table` of `headwater.testing.tables`.

    Without a name it is `table-1`, and so on.
    """
    from headwater.testing.tables import create_table

    count = itertools.count(1)

    def make(name: str | None = None, *arguments: Any, **parameters: Any) -> Table:
        name = f"table-{next(count)}" if name is None else name
        return create_table(headwater.wire, name, *arguments, **parameters)

    return make


@pytest.fixture(name="stream_records")
def stream_records_of(headwater: Lab) -> Callable[[str | Table], list[Record]]:
    """Reads all that is in a table's stream now, parents before children; its argument says whose.

    A `Table`, a table's name, or a stream's ARN.
    """
    from headwater.testing.tables import stream_records

    return lambda stream: stream_records(headwater.wire, headwater.stream_arn(str(stream)))


@pytest.fixture(name="recording")
def recording_of(request: pytest.FixtureRequest) -> Callable[[str | Path], Recording]:
    """Loads a recording of `headwater export`; its argument is a file beside the test's."""
    from headwater.consumer.recording import load

    return lambda file: load(request.path.parent / file)


def _set_region(environment: pytest.MonkeyPatch, region: str) -> None:
    environment.setenv("AWS_DEFAULT_REGION", region)
    environment.setenv("AWS_REGION", region)


def _tell_seed(test: pytest.Item, seed: int) -> None:
    text = f"--headwater-seed {seed} repeats the faults of this test."
    test.add_report_section("call", "headwater", text)


def _letters() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            yield "".join(letters)


# SDKs and the service's own models want a region to look like one: no digits but the last.
_regions = (f"us-test{letters}-1" for letters in _letters())
