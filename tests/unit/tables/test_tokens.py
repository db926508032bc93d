from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from headwater.errors import IdempotentParameterMismatchException
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.tables import tokens
from headwater.tables.tokens import Token, TokenSweeper, token_of
from tests.item_store import ItemStore

NOW_US = 1_700_000_000_000_000
MINUTE_US = 60_000_000
TOKEN = token_of("us-east-1", "once", [{"a": 1, "b": 2}])


@pytest.fixture
def store() -> Iterator[ItemStore]:
    with ItemStore().running() as running:
        yield running


def remembered(token: Token = TOKEN, at: int = NOW_US) -> View:
    view = View({token.key: None})
    tokens.remember(view, token, at)
    return view


def test_equal_requests_have_equal_tokens_however_they_are_written() -> None:
    other_order = token_of("us-east-1", "once", [{"b": 2, "a": 1}])
    other_region = token_of("eu-west-1", "once", [{"a": 1, "b": 2}])

    assert other_order == TOKEN
    assert other_region.key != TOKEN.key


def test_a_token_not_seen_before_is_not_repeated() -> None:
    assert not tokens.is_repeated(View({TOKEN.key: None}), TOKEN, NOW_US)


@pytest.mark.parametrize(("minutes", "repeated"), [(0, True), (9, True), (10, False)])
def test_a_token_counts_for_ten_minutes(minutes: int, repeated: bool) -> None:
    assert tokens.is_repeated(remembered(), TOKEN, NOW_US + minutes * MINUTE_US) == repeated


def test_a_token_is_refused_for_another_request() -> None:
    other = token_of("us-east-1", "once", [{"a": 2}])

    with pytest.raises(IdempotentParameterMismatchException):
        tokens.is_repeated(remembered(), other, NOW_US)


def test_the_stored_form_is_version_expiry_and_hash() -> None:
    stored = remembered().get(TOKEN.key)

    expiry = (NOW_US + 10 * MINUTE_US).to_bytes(8, "big")
    assert stored == b"\x01" + expiry + TOKEN.request_hash


def test_a_sweep_removes_what_has_expired(store: ItemStore) -> None:
    now_us = int(store.clock.now() * 1e6)

    def remember_all(view: View) -> None:
        for number in range(1200):
            age_us = 11 * MINUTE_US if number % 2 else 0
            token = token_of("us-east-1", f"{number:04}", number)
            tokens.remember(view, token, now_us - age_us)

    store.work([], remember_all)

    removed = store.run(TokenSweeper(store.engine, store.committer, store.clock).sweep())

    assert removed == 600
    kept = [key for key, _ in store.entries(keyspace.transactions_span())]
    assert kept == [keyspace.transaction("us-east-1", f"{n:04}") for n in range(0, 1200, 2)]


def test_the_sweeper_goes_round_as_time_passes(store: ItemStore) -> None:
    now_us = int(store.clock.now() * 1e6)
    store.work([], lambda view: tokens.remember(view, TOKEN, now_us))
    sweeper = TokenSweeper(store.engine, store.committer, store.clock)

    async def let_ten_minutes_pass() -> None:
        task = asyncio.create_task(sweeper.run())
        await asyncio.sleep(0)
        store.clock.advance(600)
        for _ in range(10):  # turns of the loop: the sweeper reads, submits and is answered
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    store.run(let_ten_minutes_pass())

    assert store.entries(keyspace.transactions_span()) == []
