"""A function as the target: it gets the events that its mapping would give it.

Where the stream has a mapping to the function, its batch size, filter and way of reporting failures
count; else batches are of 100 records, which is a mapping's default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from headwater.cli.replay.batches import Bounds, Record
from headwater.cli.replay.target import Refused, wanted_by
from headwater.consumer.recording import lambda_event

_BATCH_RECORDS: Final = 100
_PAYLOAD_BYTES: Final = 6_000_000  # of 6 MB, with room for what an event adds to its records
RETRIES: Final = 2
_REPORTS: Final = "ReportBatchItemFailures"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a function wants its records. patterns: of its filter; none lets everything through."""

    batch_records: int = _BATCH_RECORDS
    patterns: Sequence[str] = ()
    reports_failures: bool = False


def manner_of_mapping(functions: Any, function: str, stream_arn: str) -> Manner:
    """What the mapping of the stream to the function says, or the defaults if there is none.

    functions: boto3's Lambda client; raises what it raises.
    """
    found = functions.list_event_source_mappings(EventSourceArn=stream_arn, FunctionName=function)
    for mapping in found["EventSourceMappings"]:
        filters = mapping.get("FilterCriteria", {}).get("Filters", [])
        return Manner(
            mapping.get("BatchSize", _BATCH_RECORDS),
            [each["Pattern"] for each in filters if "Pattern" in each],
            _REPORTS in mapping.get("FunctionResponseTypes", []),
        )
    return Manner()


class FunctionTarget:
    """Invokes a function with each batch and waits for its answer.

    functions: boto3's Lambda client, which must not invoke again by itself.
    """

    def __init__(
        self, functions: Any, function: str, stream_arn: str, manner: Manner, retries: int
    ) -> None:
        self._functions = functions
        self._function = function
        self._stream_arn = stream_arn
        self._manner = manner
        self._retries = retries
        self._wants = wanted_by(manner.patterns, stream_arn)
        self.bounds = Bounds(manner.batch_records, _PAYLOAD_BYTES)

    def wants(self, record: Record) -> bool:
        return self._wants(record)

    def deliver(self, records: Sequence[Record]) -> None:
        """Invoke until all are done, at most so many times in vain for the same first record."""
        failures = 0
        while records:
            reason, done = self._invoke(records)
            if reason is None:
                return
            failures = failures + 1 if done == 0 else 1
            if failures > self._retries:
                raise Refused(f"{self._function}: {reason}")
            records = records[done:]

    def _invoke(self, records: Sequence[Record]) -> tuple[str | None, int]:
        """Why not all of them were done, or None, and how many were before the first failed."""
        event = lambda_event(records, self._stream_arn)
        answer = self._functions.invoke(FunctionName=self._function, Payload=orjson.dumps(event))
        payload = answer["Payload"].read()
        if "FunctionError" in answer:
            return f"it failed: {payload.decode(errors='replace')}", 0
        if not self._manner.reports_failures:
            return None, 0
        return _reported(payload, records)


def _reported(payload: bytes, records: Sequence[Record]) -> tuple[str | None, int]:
    """What an answer says of the batch's items.

    Source: Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda":
    nothing, null and an empty list are success; an identifier that is none fails the whole batch.
    """
    try:
        told = orjson.loads(payload)
        failures = (told or {}).get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return "its answer does not say which records failed", 0
    if not failed:
        return None, 0
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    if not failed <= set(numbers):
        return "it reported records that it was not given", 0
    done = min(numbers.index(number) for number in failed)
    return f"it reported that record {numbers[done]} failed", done
