"""When a process is taken for one that stands still."""

from __future__ import annotations

from headwater.app.silence import Silence
from headwater.limits import process_beat_seconds, process_silence_seconds_max

LOOKS = int(process_silence_seconds_max / process_beat_seconds)


def test_process_that_says_nothing_stands_still_after_a_while() -> None:
    silence = Silence()

    looks = [silence.lasts_too_long() for _ in range(LOOKS + 1)]

    assert looks == [False] * LOOKS + [True]


def test_word_begins_the_count_anew() -> None:
    silence = Silence()
    for _ in range(LOOKS):
        silence.lasts_too_long()

    silence.end()

    assert not silence.lasts_too_long()
