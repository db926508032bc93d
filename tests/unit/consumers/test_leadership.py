"""One process at a time does what one alone may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from headwater.consumers.leadership import Leadership
from headwater.consumers.members import Alone, Members
from headwater.limits import lease_seconds
from tests.fellows import Fellows
from tests.logged_store import LoggedStore, advance, in_store, settle


class Work:
    """Notes who works, until it is cancelled."""

    def __init__(self) -> None:
        self.now: list[str] = []

    async def done_by(self, owner: str) -> None:
        self.now.append(owner)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.now.remove(owner)


@asynccontextmanager
async def candidate(
    store: LoggedStore, members: Members, work: Work
) -> AsyncIterator[asyncio.Task[None]]:
    def works() -> list[Coroutine[Any, Any, None]]:
        return [work.done_by(members.owner)]

    leadership = Leadership(store.committer, store.wakeups, store.clock, members)
    task = asyncio.create_task(leadership.run(works))
    await settle()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_sole_process_leads_without_a_lease() -> None:
    async def body(store: LoggedStore) -> None:
        work = Work()
        async with candidate(store, Alone("a"), work):
            assert work.now == ["a"]
        assert work.now == []

    in_store(body)


def test_leader_that_is_known_dead_is_followed_at_the_next_look() -> None:
    async def body(store: LoggedStore) -> None:
        fellows, work = Fellows(), Work()
        async with (
            candidate(store, fellows.join("a"), work) as leader,
            candidate(store, fellows.join("b"), work),
        ):
            await advance(store, 60)
            assert work.now == ["a"]

            leader.cancel()
            await asyncio.wait([leader])
            fellows.die("a")
            store.wakeups.wake_everybody()
            await settle()

            assert work.now == ["b"]

    in_store(body)


def test_leader_that_stands_still_is_followed_when_its_lease_has_run_out() -> None:
    async def body(store: LoggedStore) -> None:
        fellows, work = Fellows(), Work()
        async with candidate(store, fellows.join("a"), work) as leader:
            leader.cancel()
            await asyncio.wait([leader])
            async with candidate(store, fellows.join("b"), work):
                await advance(store, lease_seconds / 2)
                before = list(work.now)
                await advance(store, lease_seconds)

                assert (before, work.now) == ([], ["b"])

    in_store(body)
