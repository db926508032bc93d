"""What scenarios share."""

import os
from collections.abc import Iterator

import pytest

from tests.scenarios.stream_scene import Scene
from tests.server_process import ServerProcess


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of a server or of credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADWATER_")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A table with a stream in a server of its own, and what its consumers tell."""
    with ServerProcess.serve("--memory", "--lab") as server:
        made = Scene(server.endpoint)
        yield made
        made.close()
