from __future__ import annotations

import pytest

from headwater.clock import SeededChance
from headwater.streams.load import SplitSettings
from headwater.tables.resharding import Resharder
from headwater.tables.splitting import Splitting
from tests.unit.tables.running import STREAM, Running, run


async def write_and_look(here: Running, splitting: Splitting, writes: list[int]) -> int:
    """Look once a second, before it so many writes of one item; returns how many partitions."""
    table = await here.describe()
    await splitting.look()
    for number, count in enumerate(writes):
        for index in range(count):
            await here.put(table, {"pk": {"S": "a"}, "n": {"N": f"{number * 100 + index}"}})
        here.clock.advance(1)
        await splitting.look()
    return len((await here.describe()).partitions)


@pytest.mark.parametrize(
    ("writes", "partitions"),
    [([11] * 6, 2), ([11] * 5, 1), ([10] * 8, 1), ([11] * 4 + [10] + [11] * 5, 1)],
    ids=["long enough", "too short", "not above", "interrupted"],
)
def test_partition_whose_writes_stay_above_the_rate_is_split(
    writes: list[int], partitions: int
) -> None:
    async def body(here: Running) -> None:
        await here.active(StreamSpecification=STREAM)
        resharder = Resharder(here.catalog, here.clock, SeededChance(2))
        settings = SplitSettings(10, 6)
        splitting = Splitting(here.engine, here.catalog, resharder, here.clock, settings)

        count = await write_and_look(here, splitting, writes)

        assert count == partitions

    run(body, partitions=1)
