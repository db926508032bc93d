"""A worker that consumes a stream with `headwater.consumer`, as its users write them.

Arguments: stream, application, worker; the endpoint and credentials are the environment's. Tells on
its output what happens, a line each: `begin SHARD`, `record SHARD KEY N`, `end SHARD`,
`released SHARD`.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from headwater.consumer import Batch, Consumer, ConsumerSettings, connect
from headwater.consumer.events import Event, LeaseReleased, LeaseTaken, ShardFinished


def handle(batch: Batch) -> None:
    for record in batch:
        assert record.new_image is not None, "the table's items are only put"
        say("record", batch.shard_id, record.new_image["pk"], record.new_image["n"])


def tell(event: Event) -> None:
    match event:
        case LeaseTaken(shard_id):
            say("begin", shard_id)
        case ShardFinished(shard_id):
            say("end", shard_id)
        case LeaseReleased(shard_id):
            say("released", shard_id)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main(stream: str, application: str, worker: str) -> None:
    settings = ConsumerSettings(
        stream=stream,
        application=application,
        owner=worker,
        deserializes=True,
        lease_seconds=1.5,
        idle_seconds=0.1,
    )
    consumer = Consumer(connect(), settings, tell)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.stop)
    await consumer.run(handle)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
