from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.errors import ValidationException
from headwater.queues.message import QueuedMessage
from headwater.queues.service import Receiving
from headwater.sinks.kind import InvalidSettings
from tests.sink_store import REGION, SinkStore, in_sink_store

QUEUE = f"arn:aws:sqs:{REGION}:000000000000:changes"


async def received(store: SinkStore) -> list[QueuedMessage]:
    """All messages of the queue, each once."""
    queue = await store.queues.find(REGION, "changes")
    found: list[QueuedMessage] = []
    while page := await store.queues.receive(queue, Receiving(10, 600, 0)):
        found += [each.message for each in page]
    return found


def test_changes_become_messages_in_a_queue_of_the_servers_own() -> None:
    async def body(store: SinkStore) -> None:
        await store.queues.create(REGION, "changes", {})
        await store.put("a", v="1")
        await store.add("sqs", settings={"queue": QUEUE})
        await store.put("a", v="2")
        await store.delete("a")
        await store.drained()

        messages = await received(store)
        told = sorted((json.loads(each.body) for each in messages), key=_number)
        assert [each["event"] for each in told] == ["SNAPSHOT", "MODIFY", "REMOVE"]
        assert [each["new"] for each in told] == [{"k": "a", "v": "1"}, {"k": "a", "v": "2"}, None]
        for each in messages:
            assert each.attributes["id"]["StringValue"] == json.loads(each.body)["id"]

    in_sink_store(body)


def _number(told: dict[str, Any]) -> str:
    return str(told["sequence_number"])


def test_a_change_that_is_too_large_for_the_queue_is_rejected() -> None:
    async def body(store: SinkStore) -> None:
        await store.queues.create(REGION, "changes", {"MaximumMessageSize": "1024"})
        await store.add("sqs", settings={"queue": QUEUE}, failure_destination=f"{QUEUE}-failed")
        await store.put("a", v="x" * 2000)
        await store.put("b", v="1")
        await store.drained()

        assert [json.loads(each.body)["new"]["k"] for each in await received(store)] == ["b"]
        (message,) = store.outbox.messages
        (refused,) = json.loads(message.body)["changes"]
        assert refused["reason"] == "The queue takes at most 1024 bytes."

    in_sink_store(body)


def test_a_queue_that_is_not_there_stops_the_sink_until_it_is() -> None:
    async def body(store: SinkStore) -> None:
        await store.add("sqs", settings={"queue": QUEUE})
        await store.put("a", v="1")
        await store.advance(5)
        assert (await store.sink()).told_state == "STOPPED"
        assert "The specified queue does not exist." in (await store.sink()).reason

    in_sink_store(body)


@pytest.mark.parametrize(
    "queue", ["changes", QUEUE.replace("000000000000", "111111111111"), f"{QUEUE}.fifo"]
)
def test_a_queue_that_cannot_be_the_servers_own_is_refused(queue: str) -> None:
    async def body(store: SinkStore) -> None:
        with pytest.raises((InvalidSettings, ValidationException)):
            await store.add("sqs", settings={"queue": queue})

    in_sink_store(body)
