"""Rounds of batches of spoiled requests, each round with a server of its own.

A batch is asked once, and every answer is judged. Then what was refused for its form is asked
again, all of it, between two looks at what the server holds: nothing may have changed. What is
taken this time, since what is stored is another, is left out and the rest is asked once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.fuzz.connections import Connections, Message, NoAnswer, shown
from tests.fuzz.judgement import MALFORMED, Server, Wrong, may_change
from tests.fuzz.spoiling import has_expressions, spoiled
from tests.fuzz.valid_requests import valid_requests
from tests.server_process import ServerProcess

CONNECTIONS: Final = 16
BATCH: Final = 1_000
ROUND: Final = 20_000
_EXPRESSIONS_MORE: Final = 2  # times that requests with expressions are asked more than others
_OPTIONS: Final = ("--memory", "--lab", "--transition-seconds", "0")


@dataclass
class Figures:
    """What a campaign has seen. again: how often a refused request was asked once more."""

    asked: int = 0
    taken: int = 0
    again: int = 0
    codes: Counter[str] = field(default_factory=Counter)


def campaign(seed: int, requests: int, say: Callable[[str], object]) -> Figures:
    """Ask so many spoiled requests. Raises Wrong, naming the round's seed, for what is wrong."""
    figures = Figures()
    while figures.asked < requests:
        say(f"seed {seed}: {figures.asked} asked, {figures.taken} taken")
        try:
            _round(Random(seed), min(ROUND, requests - figures.asked), figures)
        except (Wrong, NoAnswer) as error:
            raise Wrong(f"seed {seed}: {type(error).__name__}: {error}") from error
        seed += 1
    return figures


def _round(chance: Random, requests: int, figures: Figures) -> None:
    with ServerProcess.serve(*_OPTIONS) as process:
        connections = Connections(process.endpoint, CONNECTIONS)
        try:
            server = Server(connections)
            valid = valid_requests(server.prepare())
            valid += [each for each in valid if has_expressions(each)] * _EXPRESSIONS_MORE
            left = requests
            while left and server.content():  # spoiled requests that are taken may delete the table
                count = min(BATCH, left)
                _batch(
                    [spoiled(chance, chance.choice(valid)) for _ in range(count)], server, figures
                )
                left -= count
        finally:
            connections.close()
    if "Traceback" in process.output.text:
        raise Wrong(f"the server has printed {process.output.text[-3000:]}")


def _batch(messages: Sequence[Message], server: Server, figures: Figures) -> None:
    codes = server.answers(messages)
    figures.asked += len(codes)
    figures.taken += codes.count(None)
    figures.codes.update(code for code in codes if code)
    left = [
        message
        for message, code in zip(messages, codes, strict=True)
        if code in MALFORMED and may_change(message)
    ]
    while True:
        server.settle()
        before = server.content()
        codes = server.answers(left)
        figures.again += len(codes)
        if None not in codes:
            break
        left = [message for message, code in zip(left, codes, strict=True) if code is not None]
    server.settle()
    after = server.content()
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        raise Wrong(f"refused requests changed {changed}; one of these: {shown(left)}")
