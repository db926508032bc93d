from __future__ import annotations

from typing import Any

import pytest

from headwater.errors import (
    ResourceNotFoundException,
    TransactionCanceledException,
)
from headwater.expressions import condition, update
from headwater.expressions.bind import Placeholders
from headwater.storage.committer import View
from headwater.tables import keys, schema
from headwater.tables.tokens import Token, token_of
from headwater.tables.transact import Outcome, TransactWork
from headwater.tables.write import Check, Put, Update, Write
from headwater.values import codec
from headwater.values import item as items
from tests.item_store import new_table

NOW_US = 1_700_000_000_000_000
TABLE = new_table()
UNMET = condition.parse("attribute_exists(artist)", Placeholders(None, None))


def put(name: str, **more: Any) -> Write:
    item = {"artist": {"S": "Nina"}, "song": {"S": name}}
    action = Put(item, codec.encode(item, items.size(item)))
    return Write(TABLE, keys.of_item(TABLE, item), action, **more)


def check(name: str) -> Write:
    key = keys.of_key(TABLE, {"artist": {"S": "Nina"}, "song": {"S": name}})
    return Write(TABLE, key, Check(), UNMET)


def run(
    state: dict[bytes, bytes | None], *writes: Write, token: Token | None = None, at: int = NOW_US
) -> Outcome:
    """Run a transaction over what is stored, storing what it wrote as a commit would."""
    work = TransactWork(writes, token, at)
    view = View({key: state.get(key) for key in work.reads})
    outcome = work.run(view)
    state.update(view._own)
    return outcome


@pytest.fixture
def state() -> dict[bytes, bytes | None]:
    return {TABLE.key: schema.encode(TABLE)}


def test_effects_are_in_the_order_of_the_writes(state: dict[bytes, bytes | None]) -> None:
    writes = put("a"), put("b")

    outcome = run(state, *writes)

    stored = [write.action.stored for write in writes if isinstance(write.action, Put)]
    assert [effect.new for effect in outcome.effects] == stored
    assert [state[write.key.stored] for write in writes] == stored


def test_nothing_is_stored_when_one_fails(state: dict[bytes, bytes | None]) -> None:
    before = dict(state)

    with pytest.raises(TransactionCanceledException):
        run(state, put("a"), check("b"), put("c"), token=token_of("r", "t", "x"))

    assert state == before


def test_a_table_that_is_gone_is_no_reason_but_an_error() -> None:
    with pytest.raises(ResourceNotFoundException):
        run({TABLE.key: None}, put("a"))


def test_a_repeated_transaction_tells_the_sizes_of_its_items(
    state: dict[bytes, bytes | None],
) -> None:
    token = token_of("us-east-1", "once", ["request"])
    run(state, put("a"), token=token)

    outcome = run(state, put("a"), check("b"), token=token, at=NOW_US + 1)

    assert outcome == Outcome((), [items.size(put("a").key.attributes), 0])


def test_reasons_name_every_failed_condition_and_the_first_invalid_write(
    state: dict[bytes, bytes | None],
) -> None:
    unfit = update.parse("SET plays = song + song", Placeholders(None, None))
    invalid = [Write(TABLE, put(name).key, Update(unfit)) for name in ("b", "c")]

    with pytest.raises(TransactionCanceledException) as raised:
        run(state, check("a"), *invalid, check("d"), put("e"))

    assert raised.value.message is not None
    assert raised.value.message.endswith(
        "[ConditionalCheckFailed, ValidationError, None, ConditionalCheckFailed, None]"
    )
