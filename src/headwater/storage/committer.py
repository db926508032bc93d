"""Gathers the work that is waiting into one durable commit, and wakes readers after it.

While one group commits the next gathers: that is group commit, and why durable writes are fast.
Work names what it must read before it runs; the engine loads what the whole group names in one
call; then each work runs in the order of arrival over what the works before it left. Work that
raises leaves nothing behind and does not disturb its neighbours. Nobody is answered, and no reader
is woken, before the commit is durable.

It knows nothing of items: a put, a new table and a consumer's checkpoint are all work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol, TypeVar

from headwater.limits import commit_group_works_max
from headwater.storage.engine import CommitGroup, Engine, Loaded, Mutations, Unavailable

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

# A request that has arrived is read in one turn of the loop and submits its work in the next.
_QUIET_TURNS: Final = 2


class View:
    """What work sees: what it named, as the works before it in the group left it.

    Reading a key that was not named is our own mistake and raises KeyError.
    """

    __slots__ = ("_own", "_state", "_topics")

    def __init__(self, state: dict[bytes, bytes | None]) -> None:
        self._state = state
        self._own: dict[bytes, bytes | None] = {}
        self._topics: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """The value of a named key, or None."""
        own = self._own
        return own[key] if key in own else self._state[key]

    def has(self, key: bytes) -> bool:
        """Whether a key was named, by this work or another of its group, or written."""
        return key in self._own or key in self._state

    def put(self, key: bytes, value: bytes) -> None:
        """Store a value; any key may be written."""
        self._own[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key, whether or not it is there."""
        self._own[key] = None

    def wake(self, topic: bytes) -> None:
        """Wake who waits for the topic once the commit is durable."""
        self._topics.add(topic)


class Work(Protocol[Result_co]):
    """A piece of work for one commit: what it reads, and a pure function over that.

    reads: every key `run` will get. `run` touches only its view, since it may run again; it returns
    the result for the one who submitted, or raises, which undoes what it wrote.
    """

    @property
    def reads(self) -> Sequence[bytes]: ...

    def run(self, view: View) -> Result_co: ...


class Wakeups:
    """Topics, and who waits for them. A wake-up is a hint: whoever waits polls as well.

    pass_on: tells the other processes of the store, where there are any (`relay.py`).
    """

    def __init__(self) -> None:
        self._events: dict[bytes, set[asyncio.Event]] = {}
        self.pass_on: Callable[[AbstractSet[bytes]], None] | None = None

    def subscribe(self, topic: bytes, event: asyncio.Event) -> None:
        """Set the event whenever the topic is woken, until `unsubscribe`."""
        self._events.setdefault(topic, set()).add(event)

    def unsubscribe(self, topic: bytes, event: asyncio.Event) -> None:
        events = self._events.get(topic)
        if events is None:
            return
        events.discard(event)
        if not events:
            del self._events[topic]

    def wake(self, topics: AbstractSet[bytes]) -> None:
        """Wake all who wait for these topics, in every process."""
        if self.pass_on is not None and topics:
            self.pass_on(topics)
        self.wake_here(topics)

    def wake_everybody(self) -> None:
        """Wake all who wait in this process, whatever for."""
        self.wake_here(self._events.keys())

    def wake_here(self, topics: AbstractSet[bytes]) -> None:
        """Set the events of all who wait for these topics in this process."""
        if not self._events:
            return
        for topic in topics:
            for event in self._events.get(topic, ()):
                event.set()


class _Waiting:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def settle(self) -> None:
        if self.future.done():  # its caller has gone away
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Committer:
    """Group commit over an engine. Start it in a task group by `run`; stop it by `close`."""

    def __init__(self, engine: Engine, wakeups: Wakeups) -> None:
        self._engine = engine
        self._wakeups = wakeups
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._is_closing = False

    def submit(self, work: Work[Result]) -> asyncio.Future[Result]:
        """Have work run in the next group.

        The future carries the work's result, or what its `run` raised, once the commit is durable;
        Unavailable if the store could not commit or the committer is closing, and whatever else
        the engine raised: a fault of one commit must not leave the rest waiting for ever.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self._is_closing:
            future.set_exception(Unavailable("the store is closing"))
            return future
        self._waiting.append(_Waiting(work, future))
        if len(self._waiting) == 1:
            self._arrived.set()
        return future

    async def run(self) -> None:
        """Commit groups until `close`; then finish what is waiting and return."""
        while True:
            if not self._waiting:
                if self._is_closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                await self._gathered()
            group = self._waiting[:commit_group_works_max]
            del self._waiting[:commit_group_works_max]
            if group:
                await self._commit(group)

    async def _gathered(self) -> None:
        """Return when no more work arrives, or as much as one group takes.

        Clients that were answered together ask again within a few turns of the loop, so a turn or
        two of patience, some microseconds, makes one commit of what would be two.
        """
        count, quiet_turns = len(self._waiting), 0
        while quiet_turns < _QUIET_TURNS and count < commit_group_works_max:
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if len(self._waiting) == count else 0
            count = len(self._waiting)

    def close(self) -> None:
        """Take no more work; `run` returns when what was taken is committed."""
        self._is_closing = True
        self._arrived.set()

    async def _commit(self, group: list[_Waiting]) -> None:
        topics: set[bytes] = set()

        def apply(loaded: Loaded) -> Mutations:
            topics.clear()
            return _run_group(group, loaded, topics)

        reads = {key: None for waiting in group for key in waiting.work.reads}
        try:
            await self._engine.commit(CommitGroup((), list(reads), apply))
        except Exception as error:  # noqa: BLE001 - told to all who submitted, who log it
            for waiting in group:
                waiting.error = error
        else:
            self._wakeups.wake(topics)
        for waiting in group:
            waiting.settle()


def _run_group(group: list[_Waiting], loaded: Loaded, topics: set[bytes]) -> Mutations:
    state = dict(loaded)
    written: dict[bytes, bytes | None] = {}
    for waiting in group:
        view = View(state)
        waiting.error = None
        try:
            waiting.result = waiting.work.run(view)
        except Exception as error:  # noqa: BLE001 - handed to whoever submitted the work
            waiting.error = error
            continue
        if view._own:
            state.update(view._own)
            written.update(view._own)
        topics.update(view._topics)
    return written
