"""How long a process has said nothing, as one can tell who may have stood still oneself.

Counted in looks, not in seconds: while a whole server is stopped and goes on later (Ctrl-Z and
`fg`, a machine that is paused), nobody looks, and nobody's silence grows.
"""

from __future__ import annotations

from typing import Final

from headwater.limits import process_beat_seconds, process_silence_seconds_max

_LOOKS_MAX: Final = int(process_silence_seconds_max / process_beat_seconds)


class Silence:
    """Of one process; looked at once for each of its beats."""

    def __init__(self) -> None:
        self._looks = 0

    def end(self) -> None:
        """Take note that the process has said something."""
        self._looks = 0

    def lasts_too_long(self) -> bool:
        """Look once more, and say whether the process is to be taken for one that stands still."""
        self._looks += 1
        return self._looks > _LOOKS_MAX
