"""Leases and positions: one stored value for each consumer and shard.

    position     number of the last record delivered or given up
    owner        who reads the shard now; empty if nobody
    counter      grows whenever the shard changes hands
    expires_at   epoch second from which another may take the shard
    is_finished  the shard is closed and behind its consumer
    windows      the tumbling window that is open, with its state, and where the last one ended;
                 not there for a consumer without windows
    ahead        numbers beyond the position that are delivered or given up already, because lanes
                 were ahead of another when their reader was stopped; not there if there are none

Only the holder of the lease, told by owner and counter together, moves the position: every change
is work for the committer that looks at the stored value first. A process that was thought dead and
comes back finds `LeaseLost` and stops; what it delivered meanwhile is delivered again by its heir.
The clock only decides when a lease may be taken, never whether a position may be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, Final

import orjson

from headwater.consumers.delivery import Window
from headwater.consumers.window import Windows
from headwater.storage import delivery_keys
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.storage.keyspace import SequenceNumber, ShardId, TableId
from headwater.streams import listing

_VERSION: Final = 1
NOBODY: Final = ""
NO_WINDOWS: Final = Windows()


class LeaseLost(Exception):
    """Another owner has the shard, or the consumer is gone: stop reading it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is stored; see the module."""

    position: SequenceNumber
    owner: str = NOBODY
    counter: int = 0
    expires_at: float = 0.0
    is_finished: bool = False
    windows: Windows = NO_WINDOWS
    ahead: tuple[SequenceNumber, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move a position, as long as owner and counter are the stored ones."""

    key: bytes
    owner: str
    counter: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants a shard, and until when.

    is_dead: says of another owner that it has certainly ended, so that its lease need not expire
    first. The owner's own has to: a reader that fails at once is not started again at once.
    """

    owner: str
    now: float
    expires_at: float
    is_dead: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class CheckpointWork:
    """A change of stored checkpoints, as work for the committer."""

    reads: Sequence[bytes]
    step: Callable[[View], Any]

    def run(self, view: View) -> Any:
        return self.step(view)


def holder(checkpoint: Checkpoint, claim: Claim) -> str | None:
    """Who has the shard, so that the claim must wait; nobody if its lease is over."""
    owner = checkpoint.owner
    if owner == NOBODY or checkpoint.expires_at <= claim.now:
        return None
    return None if owner != claim.owner and claim.is_dead(owner) else owner


def take(key: bytes, start: SequenceNumber, claim: Claim) -> CheckpointWork:
    """Take a shard, if it is free; a shard never read before begins at `start`.

    Results in a Lease and the Checkpoint, or None if another has it or it is finished.
    """

    def step(view: View) -> tuple[Lease, Checkpoint] | None:
        stored = view.get(key)
        before = Checkpoint(start) if stored is None else decode(stored)
        if before.is_finished or holder(before, claim) is not None:
            return None
        after = replace(
            before, owner=claim.owner, counter=before.counter + 1, expires_at=claim.expires_at
        )
        view.put(key, encode(after))
        return Lease(key, after.owner, after.counter), after

    return CheckpointWork([key], step)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a consumer has come in a shard; see the module."""

    position: SequenceNumber
    is_finished: bool = False
    windows: Windows = NO_WINDOWS
    ahead: tuple[SequenceNumber, ...] = ()


def advance(lease: Lease, standing: Standing, expires_at: float) -> CheckpointWork:
    """Move the position, and finish the shard if it has no more; raises LeaseLost."""

    def step(view: View) -> None:
        before = _held(view, lease)
        after = Checkpoint(
            standing.position,
            before.owner,
            before.counter,
            expires_at,
            standing.is_finished,
            standing.windows,
            standing.ahead,
        )
        assert after.position >= before.position, "a position never moves back"
        view.put(lease.key, encode(after))
        if standing.is_finished:
            view.wake(delivery_keys.checkpoints_of(lease.key))

    return CheckpointWork([lease.key], step)


def renew(leases: Sequence[Lease], expires_at: float) -> CheckpointWork:
    """Keep leases for longer; results in those that are lost."""

    def step(view: View) -> list[Lease]:
        lost = []
        for lease in leases:
            try:
                view.put(lease.key, encode(replace(_held(view, lease), expires_at=expires_at)))
            except LeaseLost:
                lost.append(lease)
        return lost

    return CheckpointWork([lease.key for lease in leases], step)


def release(lease: Lease) -> CheckpointWork:
    """Let the shard go; another may take it at once. One that is lost already stays as it is."""

    def step(view: View) -> None:
        try:
            before = _held(view, lease)
        except LeaseLost:
            return
        view.put(lease.key, encode(replace(before, owner=NOBODY, expires_at=0.0)))
        view.wake(delivery_keys.checkpoints_of(lease.key))

    return CheckpointWork([lease.key], step)


def forget(keys: Sequence[bytes]) -> CheckpointWork:
    """Remove checkpoints: of shards that are trimmed away, or of a consumer that is gone."""

    def step(view: View) -> None:
        for key in keys:
            view.delete(key)

    return CheckpointWork((), step)


async def load(engine: Engine, consumer: str) -> dict[tuple[TableId, ShardId], Checkpoint]:
    """Every checkpoint of a consumer."""
    return {
        delivery_keys.shard_of_checkpoint(key): decode(stored)
        async for key, stored in listing.entries(engine, delivery_keys.checkpoints_span(consumer))
    }


def encode(checkpoint: Checkpoint) -> bytes:
    fields = {"v": _VERSION, **asdict(checkpoint)}
    del fields["windows"], fields["ahead"]
    if checkpoint.ahead:
        fields["ahead"] = _steps(checkpoint.position, checkpoint.ahead)
    if checkpoint.windows != NO_WINDOWS:
        fields["windows"] = _encode_windows(checkpoint.windows)
    return orjson.dumps(fields)


def decode(stored: bytes) -> Checkpoint:
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored checkpoint has a version this code does not know"
    windows = fields.pop("windows", None)
    steps = fields.pop("ahead", ())
    return Checkpoint(
        **fields,
        windows=NO_WINDOWS if windows is None else _decode_windows(windows),
        ahead=tuple(map(SequenceNumber, accumulate(steps, initial=fields["position"])))[1:],
    )


def _steps(start: SequenceNumber, numbers: Sequence[SequenceNumber]) -> list[int]:
    """Growing numbers as what each adds to the one before, which is shorter."""
    return [after - before for before, after in pairwise((start, *numbers))]


def _encode_windows(windows: Windows) -> dict[str, Any]:
    window = windows.open
    if window is None:
        return {"closed_us": windows.closed_us}
    shown = {
        "start_us": window.start_us,
        "end_us": window.end_us,
        "state": window.state.decode(),
    }
    return {"closed_us": windows.closed_us, "open": shown}


def _decode_windows(fields: dict[str, Any]) -> Windows:
    shown = fields.get("open")
    if shown is None:
        return Windows(None, fields["closed_us"])
    window = Window(shown["start_us"], shown["end_us"], shown["state"].encode())
    return Windows(window, fields["closed_us"])


def _held(view: View, lease: Lease) -> Checkpoint:
    stored = view.get(lease.key)
    if stored is None:
        raise LeaseLost
    checkpoint = decode(stored)
    if (checkpoint.owner, checkpoint.counter) != (lease.owner, lease.counter):
        raise LeaseLost
    return checkpoint
