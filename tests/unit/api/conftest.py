from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.item_store import ItemStore


@pytest.fixture
def store() -> Iterator[ItemStore]:
    with ItemStore().running() as running:
        yield running
