"""Logs of functions on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from headwater import limits
from headwater.clock import ManualClock, SeededChance
from headwater.functions.journal import BadPosition, Journals
from headwater.functions.log import LogLine

REGION = "eu-west-1"


def line(at: float, text: str = "x", stream: str = "s") -> LogLine:
    return LogLine(at, stream, text.encode())


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.log"))


def journals(folder: Path, seed: int = 1) -> Journals:
    return Journals(folder, ManualClock(), SeededChance(seed))


def in_a_folder(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    run.__name__ = test.__name__
    return run


@in_a_folder
async def test_lines_come_back_in_pages(folder: Path) -> None:
    logs = journals(folder)
    for number in range(5):
        logs.of(REGION, "f").append(line(float(number), str(number)))

    first = await logs.page(REGION, "f", None, 0.0, 3)
    second = await logs.page(REGION, "f", first.position, 0.0, 3)
    logs.of(REGION, "f").append(line(9.0, "late"))
    third = await logs.page(REGION, "f", second.position, 0.0, 3)

    assert [each.text for each in first.lines] == [b"0", b"1", b"2"]
    assert [each.text for each in second.lines] == [b"3", b"4"]
    assert [each.text for each in third.lines] == [b"late"]
    logs.close()


@in_a_folder
async def test_older_lines_than_asked_for_are_left_out(folder: Path) -> None:
    logs = journals(folder)
    for number in range(5):
        logs.of(REGION, "f").append(line(float(number)))

    page = await logs.page(REGION, "f", None, 3.0, 10)

    assert [each.at for each in page.lines] == [3.0, 4.0]
    logs.close()


@in_a_folder
async def test_lines_of_several_processes_are_put_together(folder: Path) -> None:
    one, two = journals(folder, 1), journals(folder, 2)
    for number in range(4):
        logs = (one, two)[number % 2]
        logs.of(REGION, "f").append(line(float(number), str(number)))
    one.of(REGION, "f").flush()
    two.of(REGION, "f").flush()

    page = await journals(folder, 3).page(REGION, "f", None, 0.0, 10)

    assert [each.text for each in page.lines] == [b"0", b"1", b"2", b"3"]
    one.close()
    two.close()


@in_a_folder
async def test_log_is_bounded_and_loses_its_oldest_lines(folder: Path) -> None:
    clock = ManualClock()
    logs = Journals(folder, clock, SeededChance(1))
    text = "x" * (limits.function_log_file_bytes_max // 4)
    for number in range(40):
        clock.advance(1)
        logs.of(REGION, "f").append(line(float(number), text))
        logs.of(REGION, "f").flush()
    logs.close()

    size = sum(path.stat().st_size for path in files(folder))
    page = await logs.page(REGION, "f", None, 39.0, 10)
    assert size <= limits.function_log_bytes_max
    assert size > limits.function_log_bytes_max / 2
    assert [each.at for each in page.lines] == [39.0]


@in_a_folder
async def test_deleted_log_is_gone_and_takes_no_more(folder: Path) -> None:
    logs = journals(folder)
    old = logs.of(REGION, "f")
    old.append(line(1.0))
    await logs.forget(REGION, "f")
    old.append(line(2.0))
    old.flush()

    assert (await logs.page(REGION, "f", None, 0.0, 10)).lines == []
    logs.of(REGION, "f").append(line(3.0))
    assert [each.at for each in (await logs.page(REGION, "f", None, 0.0, 10)).lines] == [3.0]
    logs.close()


@in_a_folder
async def test_line_that_is_being_written_waits_for_its_end(folder: Path) -> None:
    logs = journals(folder)
    logs.of(REGION, "f").append(line(1.0))
    logs.of(REGION, "f").flush()
    (path,) = files(folder)
    with path.open("ab") as file:
        file.write(b"2000000 s half")

    page = await logs.page(REGION, "f", None, 0.0, 10)

    assert len(page.lines) == 1
    logs.close()


@in_a_folder
async def test_region_cannot_lead_elsewhere(folder: Path) -> None:
    logs = journals(folder / "logs")
    logs.of("../../x", "f").append(line(1.0))
    logs.close()

    (path,) = files(folder)
    assert path.is_relative_to(folder / "logs")


@pytest.mark.parametrize("position", ["?", "W10=", "eyJhIjoteH0=", "eyJhIjotMX0="])
def test_position_that_is_none_is_refused(position: str, tmp_path: Path) -> None:
    with pytest.raises(BadPosition):
        asyncio.run(journals(tmp_path).page(REGION, "f", position, 0.0, 10))
