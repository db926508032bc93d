"""Messages of every kind, while the server that sends them is killed under load."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mail_server import Mailbox, mail_server
from tests.nats_server import NatsServer, nats_server
from tests.scenarios.commands import STREAM, clients
from tests.scenarios.sink_place import Place, create, items_of
from tests.topic_server import TOPIC, Topic, topic_server
from tests.webhook_receiver import SECRET, Receiver, receiver

WAIT_SECONDS_MAX = 60
ITEMS = 20
WRITES = 60
KILLED_AT = 30
EACH_CHANGE = "{% for change in changes %}{{ change | json }}\n{% endfor %}"


@dataclass
class Scene:
    """A server with a table and a sink of each kind, and the places that they write to.

    nats: None where there is no server of NATS to be had.
    """

    place: Place
    hook: Receiver
    mailbox: Mailbox
    topic: Topic
    nats: NatsServer | None

    def add(self, kind: str, **settings: str) -> None:
        self.place.ask(
            "CreateSink",
            Name=kind,
            Table="music",
            Kind=kind,
            Settings=settings,
            BatchSize=10,
            BatchWindowSeconds=0,
        )

    def messages(self) -> list[dict[str, Any]]:
        """All messages of the queue."""
        sqs = clients(self.place.endpoint, "sqs")
        url = sqs.get_queue_url(QueueName="changes")["QueueUrl"]
        found: list[dict[str, Any]] = []
        while True:
            page = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=3600,
                MessageAttributeNames=["All"],
            )
            if not page.get("Messages"):
                return found
            found += page["Messages"]


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        hook = stack.enter_context(receiver())
        mailbox = stack.enter_context(mail_server())
        topic = stack.enter_context(topic_server())
        nats = None
        with suppress(pytest.skip.Exception):
            nats = stack.enter_context(nats_server(folder / "nats"))
        place = Place(folder, "")
        made = Scene(place, hook, mailbox, topic, nats)
        try:
            clients(place.endpoint, "sqs").create_queue(QueueName="changes")
            create(place.dynamodb, "music", StreamSpecification=STREAM)
            made.add("webhook", url=hook.url, secret=SECRET)
            made.add(
                "email",
                host="127.0.0.1",
                port=str(mailbox.port),
                hello="localhost",
                security="none",
                sender="a@example.com",
                recipients="b@example.com",
                text=EACH_CHANGE,
            )
            # By SQS's protocol, from the server to itself.
            queue = "arn:aws:sqs:us-east-1:000000000000:changes"
            made.add("sqs", queue=queue, endpoint=place.endpoint)
            made.add("sns", topic=TOPIC, endpoint=topic.endpoint)
            if nats is not None:
                asyncio.run(nats.add_stream())
                made.add("nats", servers=nats.address, subject="changes.{table}.{event}")
            place.caught_up()
            yield made
        finally:
            place.stop()


def changes_by_key(deliveries: Iterable[tuple[str, bytes]]) -> dict[str, list[dict[str, Any]]]:
    """The changes under each idempotency key; whatever comes again is the same in every byte."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for key, body in deliveries:
        bodies[key].add(body)
    assert {key for key, found in bodies.items() if len(found) > 1} == set()
    return {key: json.loads(body) for key, (body,) in bodies.items()}


def once(by_key: Mapping[str, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All changes; no change is under two keys."""
    found = [change for changes in by_key.values() for change in changes]
    assert len({change["id"] for change in found}) == len(found)
    return found


def replayed(changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What somebody knows of the items who is told of these changes."""
    latest: dict[str, Any] = {}
    for change in sorted(changes, key=lambda each: str(each["sequence_number"])):
        latest[change["keys"]["pk"]] = change["new"]
    return {key: item for key, item in latest.items() if item is not None}


def written(mail: bytes) -> bytes:
    """A mail's changes as a list of JSON."""
    lines = Mailbox(mails=[mail]).read()[0].get_content().splitlines()
    return f"[{','.join(lines)}]".encode()


def by_id(texts: Iterable[str]) -> list[tuple[str, bytes]]:
    """Messages of a change each, by the key that is in them."""
    return [(json.loads(text)["id"], f"[{text}]".encode()) for text in texts]


def test_nothing_is_lost_and_what_comes_again_has_its_key(tmp_path: Path) -> None:
    chance = random.Random(1)
    with scene(tmp_path) as made:
        place = made.place
        for turn in range(WRITES):
            key = {"pk": {"S": f"s{chance.randrange(ITEMS)}"}}
            made.hook.is_holding = turn == KILLED_AT  # and then the server dies
            if chance.random() < 0.2 and turn != KILLED_AT:
                place.dynamodb.delete_item(TableName="music", Key=key)
            else:
                item = {**key, "turn": {"N": str(turn)}}
                place.dynamodb.put_item(TableName="music", Item=item)
            if turn == KILLED_AT:
                assert made.hook.held.wait(WAIT_SECONDS_MAX)
                # In the same shard: what was held comes again with more behind it.
                place.dynamodb.put_item(TableName="music", Item={**key, "turn": {"N": "-1"}})
                place.kill()
                place.start_again()
        place.caught_up()

        items = items_of(place.dynamodb, "music")
        posted = [(each.key, json.dumps(each.changes).encode()) for each in made.hook.posted]
        keys = [key for key, _ in posted]
        assert all(each.is_signed_with(SECRET) for each in made.hook.posted)
        assert len(set(keys)) < len(keys), "what was held when the server died came again"
        assert replayed(once(changes_by_key(posted))) == items

        named = zip(made.mailbox.read(), made.mailbox.mails, strict=True)
        mails = changes_by_key((str(mail["Message-ID"]), written(body)) for mail, body in named)
        assert replayed(once(mails)) == items

        messages = [
            (each["MessageAttributes"]["id"]["StringValue"], f"[{each['Body']}]".encode())
            for each in made.messages()
        ]
        assert replayed(once(changes_by_key(messages))) == items

        assert replayed(once(changes_by_key(by_id(made.topic.published)))) == items
        if made.nats is not None:
            streamed = [body.decode() for _, body in asyncio.run(made.nats.messages())]
            changes = once(changes_by_key(by_id(streamed)))
            assert replayed(changes) == items
            assert len(streamed) == len(changes), "JetStream takes what comes again for the same"
