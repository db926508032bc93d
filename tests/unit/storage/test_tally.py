from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any

import pytest

from headwater.storage.board import Board, new_board
from headwater.storage.tally import End, OwnTally, Tally

PLACES = 3

Body = Callable[[list[Tally]], Coroutine[Any, Any, None]]


@pytest.fixture
def boards() -> Iterator[list[Board]]:
    """One board as the processes at its places have it."""
    descriptor = new_board(PLACES)
    yield [Board(descriptor, PLACES, place) for place in range(PLACES)]
    os.close(descriptor)


async def begun(tally: Tally, name: str, most: int) -> End:
    end = await tally.begin(name, most)
    assert end is not None
    return end


def test_process_alone_begins_as_many_as_may_be() -> None:
    async def main() -> None:
        tally = OwnTally()
        ends = [await begun(tally, "a", 2) for _ in range(2)]
        assert await tally.begin("a", 2) is None
        await begun(tally, "b", 1)

        ends[0]()

        await begun(tally, "a", 2)
        assert await tally.begin("a", 2) is None

    asyncio.run(main())


def test_several_processes_have_one_limit(boards: list[Board]) -> None:
    async def main() -> None:
        first, second, third = (board.tally for board in boards)
        end = await begun(first, "a", 2)
        await begun(second, "a", 2)
        assert await third.begin("a", 2) is None
        assert await first.begin("a", 2) is None
        await begun(third, "b", 1)

        end()

        await begun(third, "a", 2)
        assert await second.begin("a", 2) is None

    asyncio.run(main())


def test_limit_that_is_lowered_holds_for_what_begins_from_then_on(boards: list[Board]) -> None:
    async def main() -> None:
        first, second, _ = (board.tally for board in boards)
        ends = [await begun(tally, "a", 4) for tally in (first, second, first, second)]
        for end in ends[:2]:
            end()
            assert await first.begin("a", 2) is None

        ends[2]()

        await begun(second, "a", 2)

    asyncio.run(main())


def test_what_a_dead_process_had_under_way_is_over(boards: list[Board]) -> None:
    async def main() -> None:
        first, second, _ = (board.tally for board in boards)
        await begun(first, "a", 2)
        await begun(second, "a", 2)

        boards[2].count_for(0)

        await begun(second, "a", 2)
        assert await first.begin("a", 2) is None

    asyncio.run(main())


def test_any_history_of_many_names_keeps_to_the_limits(boards: list[Board]) -> None:
    """Against a plain count: refused if, and only if, as many are under way as may be."""
    chance = Random(20261128)
    under_way: Counter[str] = Counter()
    ends: list[tuple[str, End]] = []

    async def main() -> None:
        for _ in range(4000):
            if ends and chance.random() < 0.45:
                name, end = ends.pop(chance.randrange(len(ends)))
                end()
                under_way[name] -= 1
                continue
            name, most = f"function-{chance.randrange(300)}", chance.randrange(4)
            began = await chance.choice(boards).tally.begin(name, most)
            assert (began is not None) == (under_way[name] < most)
            if began is not None:
                under_way[name] += 1
                ends.append((name, began))

    asyncio.run(main())


def test_more_names_than_there_is_room_for_are_refused_until_others_end(
    boards: list[Board],
) -> None:
    async def main() -> None:
        tally, ends = boards[0].tally, {}
        for number in range(4000):
            end = await tally.begin(f"function-{number}", 1)
            if end is None:
                break
            ends[number] = end
        assert len(ends) > 1000, "the account's thousand find room"
        assert await boards[1].tally.begin(f"function-{number}", 1) is None

        for end in ends.values():
            end()

        await begun(boards[1].tally, f"function-{number}", 1)

    asyncio.run(main())
