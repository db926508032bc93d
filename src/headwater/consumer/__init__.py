"""A library to consume DynamoDB's streams, of AWS as well as of Headwater.

Promises delivery at least once, in order along every line of shards, parents before children, and
that a stored position never passes a record that was not confirmed. Needs no server of ours: it
knows AWS's API only, through boto3, and imports nothing of the server but clock.py.

    consumer = Consumer(connect(), ConsumerSettings(stream="orders", application="mailer"))
    await consumer.run(handle)

What is named here is imported when it is first asked for: the server's lab, which knows what stands
in a lease table, must not load an SDK for that.

consumer.py     Consumer: a handler, or `async for`
settings.py     how it behaves
batch.py        what a handler gets, and how it confirms
record.py       one change of one item
position.py     where to start, and where one is
events.py       what happens, and counters of it
iteration.py    batches for `async for`
worker.py       a consumer's leases and readers
reader.py       one shard under its lease
holding.py      a lease that is held
lease.py        pure: who should have which lease
lease_table.py  leases in DynamoDB
lease_item.py   pure: a lease as an item
cursor.py       one shard, page after page; knows no leases
follow.py       a whole stream without leases
stretch.py      a stream from one moment to another, merged by time
recording.py    a stretch of a stream in a file; knows nothing of reading
shards.py       shards listed, parents before children
policy.py       pure: what to do after an error
api.py          what is asked of AWS
aws.py          AWS through boto3
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from headwater.consumer.api import Api, CallFailed, Services
    from headwater.consumer.aws import BotoApi, connect, services
    from headwater.consumer.batch import Batch
    from headwater.consumer.consumer import Consumer, NoStream
    from headwater.consumer.events import Counters, Event
    from headwater.consumer.follow import Follower
    from headwater.consumer.lease_table import LeaseGone
    from headwater.consumer.position import LATEST, TRIM_HORIZON, AtTimestamp
    from headwater.consumer.reader import HandlerFailed
    from headwater.consumer.record import Record
    from headwater.consumer.recording import NotARecording, Origin, Recording
    from headwater.consumer.settings import ConsumerSettings, ReadSettings
    from headwater.consumer.stretch import Period, Stretch

__all__ = [
    "LATEST",
    "TRIM_HORIZON",
    "Api",
    "AtTimestamp",
    "Batch",
    "BotoApi",
    "CallFailed",
    "Consumer",
    "ConsumerSettings",
    "Counters",
    "Event",
    "Follower",
    "HandlerFailed",
    "LeaseGone",
    "NoStream",
    "NotARecording",
    "Origin",
    "Period",
    "ReadSettings",
    "Record",
    "Recording",
    "Services",
    "Stretch",
    "connect",
    "services",
]

_MODULES: Final = {
    "Api": "api",
    "CallFailed": "api",
    "Services": "api",
    "BotoApi": "aws",
    "connect": "aws",
    "services": "aws",
    "Batch": "batch",
    "Consumer": "consumer",
    "NoStream": "consumer",
    "Counters": "events",
    "Event": "events",
    "Follower": "follow",
    "LeaseGone": "lease_table",
    "LATEST": "position",
    "TRIM_HORIZON": "position",
    "AtTimestamp": "position",
    "HandlerFailed": "reader",
    "Record": "record",
    "NotARecording": "recording",
    "Origin": "recording",
    "Recording": "recording",
    "ConsumerSettings": "settings",
    "ReadSettings": "settings",
    "Period": "stretch",
    "Stretch": "stretch",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
