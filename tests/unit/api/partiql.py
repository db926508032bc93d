"""Single PartiQL statements over the songs, as the tests of this folder run them."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import ValidationException
from tests.item_store import ItemStore

OF_A = "artist = 'Nina' AND song = 'a'"


def run(store: ItemStore, statement: str, *parameters: Any, **more: Any) -> Any:
    if parameters:
        more["Parameters"] = parameters
    return store.call("ExecuteStatement", Statement=statement, **more)


def refusal(store: ItemStore, statement: str, *parameters: Any, **more: Any) -> str:
    with pytest.raises(ValidationException) as caught:
        run(store, statement, *parameters, **more)
    assert caught.value.message is not None
    return caught.value.message


def stored(store: ItemStore, artist: str = "Nina", song: str = "a") -> Any:
    key = {"artist": {"S": artist}, "song": {"S": song}}
    return store.call("GetItem", TableName="Music", Key=key).get("Item")
