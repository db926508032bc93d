from __future__ import annotations

import asyncio

from headwater.sinks.columns import Columns
from tests.sink_store import MemoryNotes


def test_writers_of_two_processes_come_to_the_same_columns() -> None:
    async def main() -> None:
        notes, warnings = MemoryNotes(), list[str]()
        one = Columns(notes, warnings.append)  # type: ignore[arg-type]  # its double
        other = Columns(notes, warnings.append)  # type: ignore[arg-type]  # as above
        await one.load()
        await other.load()
        await one.fit([{"k": "a"}])

        theirs = await other.fit([{"k": 1, "v": "x"}])
        ours = await one.fit([{"v": "x"}])

        assert [column.name for column in theirs.columns] == ["k", "k__number", "v"]
        assert ours == theirs
        assert warnings == [
            "attribute k is number where it was text: column k__number",
            "attribute v is new: column v of type text",
        ]

    asyncio.run(main())


def test_writes_at_the_same_time_add_every_column_once() -> None:
    async def main() -> None:
        columns = Columns(MemoryNotes(), lambda _: None)  # type: ignore[arg-type]  # its double
        await columns.load()

        await asyncio.gather(*(columns.fit([{f"a{n % 3}": n}]) for n in range(9)))

        schema = await columns.fit([])
        assert sorted(column.name for column in schema.columns) == ["a0", "a1", "a2"]

    asyncio.run(main())
