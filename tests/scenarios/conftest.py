"""What scenarios share."""

import os

import pytest


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of a server or of credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADWATER_")):
            monkeypatch.delenv(name)
    return monkeypatch
