from __future__ import annotations

import asyncio

from headwater.limits import trim_commit_entries_max
from headwater.storage import keyspace
from headwater.storage.committer import Committer
from headwater.storage.engine import CommitGroup, Loaded, Mutations, Span
from headwater.storage.memory import MemoryEngine
from headwater.streams.log import Reading, read
from headwater.streams.retention import RetentionSettings, Trimmer
from tests.logged_store import LoggedStore, advance, in_store, open_shards, settle

DAY = 24 * 3600


class CountedCommits:
    """An engine to commit to, which notes how much each commit stores."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.sizes: list[int] = []
        self.get, self.scan, self.close = engine.get, engine.scan, engine.close
        self.state = engine.state

    async def commit(self, group: CommitGroup) -> None:
        def apply(loaded: Loaded) -> Mutations:
            mutations = group.apply(loaded)
            self.sizes.append(len(mutations))
            return mutations

        await self._engine.commit(CommitGroup(group.locks, group.reads, apply))


def trimmer(store: LoggedStore) -> Trimmer:
    return Trimmer(store.engine, store.committer, store.clock, RetentionSettings())


async def stored_count(store: LoggedStore) -> int:
    return len(await store.engine.scan(Span(b"", b"\xff", 10_000)))


def test_only_entries_older_than_the_retention_go() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append_all(table, 2_500)
        store.clock.advance(10)
        kept = await store.append_all(table, 3)
        store.clock.advance(DAY - 5)

        count = await trimmer(store).trim()

        prefix = keyspace.log_prefix(table.table_id, open_shards(table)[0])
        left = await read(store.engine, prefix, Reading(-1, 10_000, 10**7))
        assert count == 2_500
        assert [stored.number for stored in left] == kept

    in_store(body)


def test_open_shard_stays_without_any_entry() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        await store.append_all(table, 2)
        store.clock.advance(DAY + 1)

        await trimmer(store).trim()

        (shard,) = open_shards(table)
        assert not (await store.shard(table, shard)).is_closed
        assert await store.append(table) > 0

    in_store(body)


def test_closed_shard_goes_a_day_after_it_closed() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        (parent,) = open_shards(table)
        await store.append_all(table, 2)
        store.clock.advance(100)
        table = await store.roll_over(table, parent)
        keys = [
            keyspace.shard(table.table_id, parent),
            keyspace.head(table.table_id, parent),
        ]

        store.clock.advance(DAY - 50)
        await trimmer(store).trim()
        before = await store.engine.get(keys)
        store.clock.advance(60)
        await trimmer(store).trim()
        after = await store.engine.get(keys)

        assert None not in before
        assert after == [None, None]

    in_store(body)


def test_many_small_shards_go_in_few_commits_of_bounded_size() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        for _ in range(500):
            (parent,) = open_shards(table)
            await store.append(table)
            table = await store.roll_over(table, parent)
        store.clock.advance(DAY + 1)
        commits = CountedCommits(store.engine)
        committer = Committer(commits, store.wakeups)
        task = asyncio.create_task(committer.run())

        pauses: list[int] = []

        async def pause() -> None:
            pauses.append(len(commits.sizes))

        settings = RetentionSettings(pause=pause)
        count = await Trimmer(store.engine, committer, store.clock, settings).trim()

        committer.close()
        await task
        assert count == 500
        assert sum(commits.sizes) == 500 * 4  # entry, descriptor, head and trim point
        assert max(commits.sizes) <= trim_commit_entries_max + 3
        assert len(commits.sizes) == -(-sum(commits.sizes) // trim_commit_entries_max)
        assert pauses == list(range(1, len(commits.sizes)))

    in_store(body)


def test_disabled_stream_leaves_nothing_behind() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table(count=3)
        await store.append_all(table, 10)
        table = await store.switch_off(table)
        store.clock.advance(DAY + 1)

        await trimmer(store).trim()

        assert await store.engine.get([table.key]) != [None]
        assert await stored_count(store) == 1

    in_store(body)


def test_others_get_their_turn_between_shards() -> None:
    """A store of a thousand tables has thousands of shards."""

    async def body(store: LoggedStore) -> None:
        await store.create_table(count=20)
        trimming = asyncio.create_task(trimmer(store).trim())
        turns = 0

        while not trimming.done():
            await asyncio.sleep(0)
            turns += 1

        assert turns >= 20

    in_store(body)


def test_task_trims_round_after_round() -> None:
    async def body(store: LoggedStore) -> None:
        table = await store.create_table()
        task = asyncio.create_task(trimmer(store).run())
        await store.append(table)
        await settle()
        await advance(store, DAY + 120, step=DAY / 4)

        prefix = keyspace.log_prefix(table.table_id, open_shards(table)[0])
        left = await read(store.engine, prefix, Reading(-1, 10, 10**6))
        task.cancel()

        assert left == []

    in_store(body)
