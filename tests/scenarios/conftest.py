"""What scenarios share."""

import os
from collections.abc import Iterator

import pytest

from tests.scenarios.stream_scene import DataSource, Scene, TableSource
from tests.server_process import ServerProcess


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of a server or of credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADWATER_")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def stage() -> Iterator[str]:
    """The endpoint of a server for one scene alone."""
    with ServerProcess.serve("--memory", "--lab") as server:
        yield server.endpoint


@pytest.fixture
def scene(stage: str) -> Iterator[Scene]:
    """A table with a stream, and what its consumers tell."""
    made = Scene(stage, TableSource(stage))
    yield made
    made.close()


@pytest.fixture
def data_source(stage: str) -> DataSource:
    """A data stream of two shards."""
    return DataSource(stage)


@pytest.fixture
def data_scene(stage: str, data_source: DataSource) -> Iterator[Scene]:
    """That data stream, and what its consumers tell."""
    made = Scene(stage, data_source)
    yield made
    made.close()
