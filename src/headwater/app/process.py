"""One process of a server: alone, or one of several that share a store, a port and their work.

What the several have in common their supervisor makes, and has them inherit as open files: the hold
of the directory, the listening socket, the board of counters, the sockets for wake-ups. What one is
to know it reads as a line of JSON on its standard input (`Plan`), which stays open both ways.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from headwater.app.edge import bound_by, own_credential
from headwater.auth.credentials import Credential
from headwater.clock import Chance
from headwater.config import Settings, from_json, to_json
from headwater.consumers.members import Alone, Members
from headwater.storage.board import Board, Counter, Topic
from headwater.storage.committer import Wakeups
from headwater.storage.hold import DirectoryHold
from headwater.storage.relay import Relay
from headwater.storage.sqlite import Sharing
from headwater.storage.tally import Tally
from headwater.telemetry import Report, Telemetry, joint_exposition

Reports: TypeAlias = Callable[[], Awaitable[Mapping[str, Report]]]
"""Asks all processes for their metrics; gives them by the processes' labels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process is told at its start.

    run: of the supervisor; number: of the process in it, never given twice. place: which of the
    places it has, from 0; the one that follows it when it dies has the same. members: numbers of
    those that serve already. hold, board, listener, wakeups, others: descriptors; the last two of
    the place's own socket for wake-ups, and of the ways to the others.
    """

    settings: Mapping[str, Any]
    own: tuple[str, str, str]
    run: str
    number: int
    place: int
    places: int
    members: Sequence[int]
    hold: int
    board: int
    listener: int
    wakeups: int
    others: Sequence[int]

    @classmethod
    def new(cls, settings: Settings, own: Credential, **rest: Any) -> Self:
        return cls(to_json(settings), (own.access_key_id, own.secret_access_key, own.name), **rest)

    @property
    def label(self) -> str:
        """What logs and metrics call the process."""
        return str(self.place + 1)

    def read_settings(self) -> Settings:
        return from_json(self.settings)


class Fellows:
    """`Members` as the supervisor tells them."""

    def __init__(self, plan: Plan) -> None:
        self._run = plan.run
        self._number = plan.number
        self._serving: Sequence[int] = plan.members
        self._latest = plan.number
        self._alive: set[int] = {*plan.members, plan.number}
        self.owner = self._name(plan.number)
        self.is_alone = False

    def learn(self, serving: Sequence[int], alive: Sequence[int], latest: int) -> None:
        """Who serves, who lives, and the highest number so far: who is above it is yet unknown."""
        self._serving, self._alive, self._latest = serving, set(alive), latest

    def serving(self) -> Sequence[str]:
        return [self._name(number) for number in sorted({*self._serving, self._number})]

    def is_dead(self, owner: str) -> bool:
        """An owner of another run is dead, too: this one holds the directory."""
        run, _, number = owner.rpartition(".")
        return run != self._run or (int(number) <= self._latest and int(number) not in self._alive)

    def _name(self, number: int) -> str:
        return f"{self._run}.{number}"


@dataclass(frozen=True, slots=True)
class Shared:
    """What a process has in common with the others."""

    place: int
    sharing: Sharing
    board: Board
    wakeups: socket.socket
    others: Sequence[socket.socket]
    reports: Reports

    @property
    def table_changes(self) -> Counter:
        return self.board.counter(Topic.TABLES)

    @property
    def invocations(self) -> Tally:
        return self.board.tally

    def relay(self, wakeups: Wakeups) -> Relay:
        return Relay(wakeups, self.wakeups, self.others)


@dataclass(frozen=True, slots=True)
class Process:
    """A process and its part in its server.

    own: what its functions sign with. bound: where it listens. shared: None where it is the only
    one.
    """

    members: Members
    own: Credential
    bound: socket.socket
    telemetry: Telemetry
    wakeups: Wakeups
    shared: Shared | None = None

    async def exposition(self) -> bytes:
        """The metrics of the whole server."""
        if self.shared is None:
            return self.telemetry.exposition()
        return joint_exposition(await self.shared.reports())


def alone(settings: Settings, chance: Chance) -> Process:
    """The only process of its server. Raises ConfigError if it cannot listen."""
    members, own = Alone(chance.uuid()), own_credential(chance)
    return Process(members, own, bound_by(settings), Telemetry(), Wakeups())


def one_of_several(plan: Plan, fellows: Fellows, reports: Reports) -> Process:
    """One of the processes of a server, from what it has inherited."""
    board = Board(plan.board, plan.places, plan.place)
    shared = Shared(
        plan.place,
        Sharing(DirectoryHold(plan.hold), board.counter(Topic.COMMITS)),
        board,
        socket.socket(fileno=plan.wakeups),
        [socket.socket(fileno=descriptor) for descriptor in plan.others],
        reports,
    )
    bound = socket.socket(fileno=plan.listener)
    access_key_id, secret_access_key, name = plan.own
    own = Credential(access_key_id, secret_access_key, name)
    return Process(fellows, own, bound, Telemetry(), Wakeups(), shared)
