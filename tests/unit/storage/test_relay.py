"""Wake-ups that reach the waiters of other processes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress

from headwater.storage.committer import Wakeups
from headwater.storage.relay import Relay, everything, packed, unpacked


def in_relay(
    body: Callable[[Wakeups, Wakeups, socket.socket], Coroutine[None, None, None]],
) -> None:
    """Run a body with the wake-ups of two processes, and the first one's way to the second."""

    async def main() -> None:
        one, other = Wakeups(), Wakeups()
        one_takes, to_one = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        other_takes, to_other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        relays = (Relay(one, one_takes, [to_other]), Relay(other, other_takes, [to_one]))
        tasks = [asyncio.create_task(relay.run()) for relay in relays]
        await asyncio.sleep(0)
        async with asyncio.timeout(120):
            await body(one, other, to_other)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for each in (one_takes, to_one, other_takes, to_other):
            each.close()

    asyncio.run(main())


def fill(way: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            way.send(b"\x00\x01x")


def test_waiter_of_another_process_is_woken_and_nobody_else() -> None:
    async def body(one: Wakeups, other: Wakeups, _: socket.socket) -> None:
        woken, idle = asyncio.Event(), asyncio.Event()
        other.subscribe(b"topic", woken)
        other.subscribe(b"another", idle)

        one.wake({b"topic"})
        await woken.wait()

        assert not idle.is_set()

    in_relay(body)


def test_many_wake_ups_at_once_all_arrive() -> None:
    async def body(one: Wakeups, other: Wakeups, _: socket.socket) -> None:
        events = [asyncio.Event() for _ in range(1000)]
        for number, event in enumerate(events):
            other.subscribe(b"topic %d" % number, event)

        for number in range(1000):
            one.wake({b"topic %d" % number})

        for event in events:
            await event.wait()

    in_relay(body)


def test_full_socket_is_tried_again_when_there_is_room() -> None:
    async def body(one: Wakeups, other: Wakeups, to_other: socket.socket) -> None:
        woken = asyncio.Event()
        other.subscribe(b"topic", woken)
        fill(to_other)

        one.wake({b"topic"})

        await woken.wait()

    in_relay(body)


def test_everything_wakes_everybody() -> None:
    async def body(_: Wakeups, other: Wakeups, to_other: socket.socket) -> None:
        events = [asyncio.Event(), asyncio.Event()]
        for number, event in enumerate(events):
            other.subscribe(b"%d" % number, event)

        to_other.send(everything())

        for event in events:
            await event.wait()

    in_relay(body)


def test_datagrams_hold_all_topics_and_stay_small() -> None:
    topics = {b"%d" % number * 30 for number in range(200)}

    datagrams = list(packed(topics))

    assert {topic for datagram in datagrams for topic in unpacked(datagram)} == topics
    assert max(map(len, datagrams)) <= 1800
