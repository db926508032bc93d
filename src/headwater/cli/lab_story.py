"""`headwater lab why`: the story of one record, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_FATES: Final = {
    "Delivering": "is being delivered now",
    "Delivered": "was delivered",
    "GivenUp": "was given up",
    "Filtered": "was passed: the filter does not want it",
    "Retrying": "failed, or its reader ended meanwhile, and comes again",
    "Passed": "is behind it; how, was before this server's start or long ago",
    "Waiting": "waits to be read",
    "NotRead": "is not read: the reader is off, or began behind it",
}


def lines(story: Mapping[str, Any]) -> Iterator[str]:
    """A story as `Explain` answers it, to read."""
    yield f"Record {story['SequenceNumber']}"
    if "At" in story:
        yield f"  written   {moment(story['At'])}: {_written(story)}"
    yield f"  event id  {story['EventId']}"
    yield f"  shard     {story['ShardId']}"
    for parent in story["Parents"]:
        yield f"  child of  {parent}"
    yield f"  readable  {'yes' if story['Readable'] else 'no, it is trimmed'}"
    if not story["Readers"] and not story["Sinks"] and not story["Consumers"]:
        yield "  readers   no mapping, sink or registered consumer reads this stream"
    for reader in story["Readers"]:
        yield from _reader(reader)
    for sink in story["Sinks"]:
        yield f"Sink {sink['Name']}, {sink['Kind']}, {sink['State']}"
        yield from _reading(sink)
    for consumer in story["Consumers"]:
        yield from _consumer(consumer)


def _written(story: Mapping[str, Any]) -> str:
    if "PartitionKey" in story:
        return f"put with the partition key {story['PartitionKey']}"
    by = " by time to live" if story["ByService"] else ""
    return f"{story['EventName']}{by} of {orjson.dumps(story['Keys']).decode()}"


def moment(seconds: float) -> str:
    """An epoch second, to read."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def _reader(reader: Mapping[str, Any]) -> Iterator[str]:
    yield f"Mapping {reader['UUID']} to {reader['FunctionArn']}"
    yield from _reading(reader)
    if "GivenUpReason" in reader:
        yield f"  given up  {moment(reader['GivenUpAt'])}: {reader['GivenUpReason']}"
    if "SentTo" in reader:
        yield f"  sent to   {reader['SentTo']}: {_sending(reader)}"


def _reading(reader: Mapping[str, Any]) -> Iterator[str]:
    yield f"  It {_FATES[reader['Fate']]}."
    yield f"  position  {reader.get('Position', 'has not begun with this shard')}"
    for number, delivery in enumerate(reader["Deliveries"], 1):
        yield from _delivery(number, delivery)


def _sending(reader: Mapping[str, Any]) -> str:
    attempts = reader["SendAttempts"]
    tried = f", {attempts} {'attempt' if attempts == 1 else 'attempts'} in vain" if attempts else ""
    match reader["SendState"]:
        case "Waiting":
            return f"waits for {moment(reader['NextSendAt'])}{tried}"
        case "Unknown":
            return "how that went is not remembered"
        case state:
            return f"{state.lower()} {moment(reader['SendEndedAt'])}{tried}"


def _consumer(consumer: Mapping[str, Any]) -> Iterator[str]:
    yield f"Consumer {consumer['Name']}, by its leases in {consumer['LeaseTable']}"
    passed = consumer["Fate"] == "Passed"
    yield f"  It {'has passed it' if passed else 'has not come to it'}."
    yield f"  position  {consumer.get('Position', 'has no lease of this shard')}"
    if "Owner" in consumer:
        yield f"  owner     {consumer['Owner']}"


def _delivery(number: int, delivery: Mapping[str, Any]) -> Iterator[str]:
    records = delivery["Records"]
    batch = f"{records} record{'' if records == 1 else 's'}"
    took = ""
    if "EndedAt" in delivery:
        took = f" after {delivery['EndedAt'] - delivery['BeganAt']:.3f}s"
    yield (
        f"  attempt {number} {moment(delivery['BeganAt'])}, {batch}: {delivery['Outcome']}{took}"
        f"{': ' + delivery['Reason'] if 'Reason' in delivery else ''}"
    )
    if "RequestId" in delivery:
        yield f"            request {delivery['RequestId']}"
    if "NextAttemptAt" in delivery:
        yield f"            next attempt at {moment(delivery['NextAttemptAt'])}"
