"""One store opened several times, as by the processes of one server."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.storage.board import Board, Topic, new_board
from headwater.storage.hold import DirectoryHold, hold_directory
from headwater.storage.sqlite import Sharing


def sharings(directory: Path, count: int) -> list[Sharing]:
    """What so many openers of a directory have in common; its hold ends with the last of them."""
    hold = hold_directory(directory)
    descriptor = new_board(count)
    found = [
        Sharing(
            DirectoryHold(os.dup(hold.descriptor)),
            Board(descriptor, count, place).counter(Topic.COMMITS),
        )
        for place in range(count)
    ]
    hold.release()
    os.close(descriptor)
    return found
