"""What functions print, kept within bounds."""

from __future__ import annotations

from headwater import limits
from headwater.functions.log import LineSplitter, Tail


def test_chunks_become_whole_lines() -> None:
    splitter = LineSplitter()

    found = [splitter.feed(chunk) for chunk in (b"a\nb", b"c\n\nd", b"\n")]

    assert found == [[b"a"], [b"bc", b""], [b"d"]]
    assert splitter.flush() == []


def test_line_without_an_end_is_given_when_flushed() -> None:
    splitter = LineSplitter()
    splitter.feed(b"a\nrest")

    assert splitter.flush() == [b"rest"]
    assert splitter.flush() == []


def test_endless_line_is_cut() -> None:
    splitter = LineSplitter()

    lines = splitter.feed(b"x" * (limits.function_log_line_bytes_max + 1))

    assert [len(line) for line in lines] == [limits.function_log_line_bytes_max + 1]


def test_tail_is_the_last_bytes() -> None:
    tail = Tail()

    for number in range(10_000):
        tail.append(b"line %d" % number)

    assert len(tail.read()) == limits.function_log_tail_bytes
    assert tail.read().endswith(b"line 9998\nline 9999\n")


def test_stack_trace_of_one_line_is_shown_as_many() -> None:
    tail = Tail()

    tail.append(b"[ERROR] E\rTraceback")

    assert tail.read() == b"[ERROR] E\nTraceback\n"
