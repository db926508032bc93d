from __future__ import annotations

import io
import re

import pytest
import structlog

from headwater.telemetry import Delays, Repeats, Telemetry, configure_log


def value(exposition: bytes, sample: str) -> float:
    match = re.search(rf"^{re.escape(sample)} (\S+)$", exposition.decode(), re.MULTILINE)
    assert match, f"no {sample}"
    return float(match[1])


def test_requests_are_counted_by_operation_and_outcome() -> None:
    telemetry = Telemetry()

    telemetry.requests.note("PutItem", "OK", 0.002)
    telemetry.requests.note("PutItem", "OK", 0.004)
    telemetry.requests.note("PutItem", "ValidationException", 0.1)

    shown = telemetry.exposition()
    total = "headwater_requests_total"
    assert value(shown, f'{total}{{operation="PutItem",outcome="OK"}}') == 2
    assert value(shown, f'{total}{{operation="PutItem",outcome="ValidationException"}}') == 1


def test_request_durations_fall_into_cumulated_buckets() -> None:
    telemetry = Telemetry()

    for seconds in (0.0004, 0.002, 0.004, 9.0):
        telemetry.requests.note("GetItem", "OK", seconds)

    shown = telemetry.exposition()
    bucket = 'headwater_request_seconds_bucket{le="%s",operation="GetItem"}'
    counts = [value(shown, bucket % bound) for bound in ("0.0005", "0.0025", "0.005", "+Inf")]
    assert counts == [1, 2, 3, 4]


def test_quantiles_of_delays() -> None:
    delays = Delays()

    for milliseconds in range(1, 101):
        delays.note(milliseconds / 1000)

    assert (delays.quantile(0.5), delays.quantile(0.99), delays.count) == (0.051, 0.1, 100)


def test_without_delays_there_is_no_quantile() -> None:
    assert Delays().quantile(0.5) is None


@pytest.mark.parametrize("is_console", [True, False])
def test_log_shows_the_fault_but_no_local_variable(is_console: bool) -> None:
    stream = io.StringIO()
    before = structlog.get_config()
    configure_log(is_console=is_console, stream=stream)

    try:
        _fail(["what", "an item", "holds"])
    except ValueError as error:
        structlog.get_logger("test").error("failed", exc_info=error)
    structlog.configure(**before)

    assert "ValueError" in stream.getvalue()
    assert "what an item holds" not in stream.getvalue()


def _fail(words: list[str]) -> None:
    item = " ".join(words)
    raise ValueError(len(item))


def test_line_is_said_once_a_minute_and_then_with_how_often_it_was() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    line = {"event": "store_unavailable", "error": "the disk is full"}

    shown: list[object] = []
    for now[0] in (0.0, 1.0, 59.9, 60.1, 61.0):
        try:
            shown.append(repeats(None, "warning", dict(line)))
        except structlog.DropEvent:
            shown.append(None)

    assert shown == [line, None, None, {**line, "repeated": 2}, None]


def test_error_is_said_every_time() -> None:
    repeats = Repeats(lambda: 0.0)

    for _ in range(2):
        assert repeats(None, "error", {"event": "message_lost"}) == {"event": "message_lost"}


def test_traceback_is_said_once_a_minute_and_another_at_once() -> None:
    repeats = Repeats(lambda: 0.0)

    def line(text: str) -> dict[str, object]:
        return {"event": "failed", "exc_info": ValueError(text)}

    repeats(None, "error", line("the disk is full"))
    with pytest.raises(structlog.DropEvent):
        repeats(None, "error", line("the disk is full"))
    assert repeats(None, "error", line("another")).keys() == {"event", "exc_info"}


def test_lines_that_differ_in_a_field_are_all_said() -> None:
    repeats = Repeats(lambda: 0.0)

    for shard in range(2000):
        line = {"event": "records_given_up", "shard": shard}

        assert repeats(None, "warning", line) == line


def test_line_of_the_log_is_one_write() -> None:
    """Where output is not buffered, lines of several processes would run into each other."""
    writes: list[str] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    before = structlog.get_config()
    configure_log(is_console=False, stream=Pipe())
    structlog.get_logger().info("something")
    structlog.configure(**before)

    (line,) = writes
    assert line.endswith("}\n")
