"""Counters in memory that the processes of one store share, to know what the others have done.

Each process has a place of its own and writes nowhere else, so nothing is locked. Whoever has seen
the numbers of all places sees by looking again whether anything has happened since; that takes a
tenth of a microsecond, where asking the store would take several.

Behind them is the memory of a tally (`tally.py`), of what is under way in all processes.

A counter says that what is cached may be old, never what is true. A process that dies between its
commit and its count has answered nobody; who replaces it counts for it (`Board.count_for`).
"""

from __future__ import annotations

import mmap
import os
import tempfile
from enum import IntEnum
from typing import Final, Protocol

from headwater.storage.tally import SharedTally, tally_bytes

_NUMBER_BYTES: Final = 8


class Topic(IntEnum):
    """What is counted, and the number of connections, which goes up and down."""

    COMMITS = 0
    TABLES = 1
    CONNECTIONS = 2


class Counter(Protocol):
    """Counts something that any process of the store may do."""

    def state(self) -> object:
        """Compared with one from before, it says whether anybody has counted since."""

    def count(self) -> None:
        """Say that it has happened; those who look from now on see it."""


class OwnCounter:
    """The counter of a process that has its store to itself."""

    def __init__(self) -> None:
        self._number = 0

    def state(self) -> object:
        return self._number

    def count(self) -> None:
        self._number += 1


class Board:
    """The counters of all processes; each has it open at its own place."""

    def __init__(self, descriptor: int, places: int, place: int) -> None:
        """Open a board of so many places that `new_board` made."""
        self._memory = mmap.mmap(descriptor, _counters_bytes(places))
        self._numbers = memoryview(self._memory).cast("Q")
        self._places = places
        self._place = place
        self.tally = SharedTally(descriptor, _counters_bytes(places), places, place)

    def counter(self, topic: Topic) -> SharedCounter:
        return SharedCounter(self._memory, self._numbers, topic * self._places, self)

    def show(self, own: int | None) -> None:
        """Show how many connections this process has; None if it takes none."""
        # Nothing has been shown where the memory is as it was made.
        number = 0 if own is None else own + 1
        self._numbers[Topic.CONNECTIONS * self._places + self._place] = number

    def fewest(self) -> int | None:
        """The number of the other process that has fewest connections; None if none takes any."""
        first = Topic.CONNECTIONS * self._places
        shown = self._numbers[first : first + self._places].tolist()
        del shown[self._place]
        return min((number - 1 for number in shown if number > 0), default=None)

    def count_for(self, place: int) -> None:
        """Count once in everything for a process that is dead, whatever it had still to count.

        What it had under way is over.
        """
        self.tally.forget_place(place)
        for topic in (Topic.COMMITS, Topic.TABLES):
            self._numbers[topic * self._places + place] += 1
        self._numbers[Topic.CONNECTIONS * self._places + place] = 0

    @property
    def place(self) -> int:
        return self._place

    @property
    def places(self) -> int:
        return self._places


class SharedCounter:
    """One topic of a board, counted at this process's place."""

    __slots__ = ("_memory", "_numbers", "_own", "_start", "_stop")

    def __init__(self, memory: mmap.mmap, numbers: memoryview, first: int, board: Board) -> None:
        self._memory = memory
        self._numbers = numbers
        self._start = first * _NUMBER_BYTES
        self._stop = (first + board.places) * _NUMBER_BYTES
        self._own = first + board.place

    def state(self) -> object:
        return self._memory[self._start : self._stop]

    def count(self) -> None:
        self._numbers[self._own] += 1


def new_board(places: int) -> int:
    """Make the memory of a board; returns the descriptor by which processes open it."""
    with tempfile.TemporaryFile() as file:
        file.truncate(_counters_bytes(places) + tally_bytes(places))
        return os.dup(file.fileno())


def _counters_bytes(places: int) -> int:
    return len(Topic) * places * _NUMBER_BYTES
