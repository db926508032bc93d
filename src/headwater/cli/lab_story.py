"""`headwater lab why`: the story of one record, as lines to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_FATES: Final = {
    "Delivering": "is with the function now",
    "Delivered": "was delivered",
    "GivenUp": "was given up",
    "Filtered": "was passed: the mapping's filter does not want it",
    "Retrying": "failed, or its reader ended meanwhile, and comes again",
    "Passed": "is behind the mapping; how, was before this server's start or long ago",
    "Waiting": "waits: the mapping has not come to it",
    "NotRead": "is not read: the mapping is disabled",
}


def lines(story: Mapping[str, Any]) -> Iterator[str]:
    """A story as `Explain` answers it, to read."""
    yield f"Record {story['SequenceNumber']}"
    if "At" in story:
        by = " by time to live" if story["ByService"] else ""
        keys = orjson.dumps(story["Keys"]).decode()
        yield f"  written   {moment(story['At'])}: {story['EventName']}{by} of {keys}"
    yield f"  shard     {story['ShardId']}"
    for parent in story["Parents"]:
        yield f"  child of  {parent}"
    yield f"  readable  {'yes' if story['Readable'] else 'no, it is trimmed'}"
    if not story["Readers"]:
        yield "  readers   no mapping reads this stream"
    for reader in story["Readers"]:
        yield from _reader(reader)


def moment(seconds: float) -> str:
    """An epoch second, to read."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def _reader(reader: Mapping[str, Any]) -> Iterator[str]:
    yield f"Mapping {reader['UUID']} to {reader['FunctionArn']}"
    yield f"  It {_FATES[reader['Fate']]}."
    yield f"  position  {reader.get('Position', 'has not begun with this shard')}"
    for number, delivery in enumerate(reader["Deliveries"], 1):
        yield from _delivery(number, delivery)
    if "GivenUpReason" in reader:
        sent = f", sent to {reader['SentTo']}" if "SentTo" in reader else ""
        yield f"  given up  {moment(reader['GivenUpAt'])}: {reader['GivenUpReason']}{sent}"


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
