"""What a function's result says of its batch. Pure.

    mapping            result                                             outcome
    -----------------  -------------------------------------------------  -----------------------
    neither            anything                                           all delivered
    reports failures   nothing, null, "", {}; `batchItemFailures` not     all delivered
                       there, null or empty
    reports failures   `itemIdentifier`s, all of them of the batch        delivered up to the lowest
    reports failures   an identifier empty, null, absent or not of the    failed
                       batch; anything else
    has windows        an object `state`, and what is said of failures    as above, with the state
    has windows        no such `state`, unless the window was closed      failed

A result that names the first record as failed leaves nothing delivered: the batch has failed.
Sources: Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda",
"Using Lambda to process DynamoDB records in real time", on tumbling windows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from headwater.consumers.delivery import Answer, Batch, Delivered, Failed, Outcome, Partly
from headwater.streams.shard import parse_sequence

_DIGITS_MAX: Final = 60
REPORTED: Final = "The function reported failed items"
ILLEGIBLE: Final = "The function's response names no items of the batch"
STATELESS: Final = "The function's response has no state of the window"


class _Illegible(Exception):
    """The result says that something failed, but not what."""


def outcome_of(batch: Batch, payload: bytes, answer: Answer, *, reports_failures: bool) -> Outcome:
    """What a function that has returned made of a batch."""
    if not (reports_failures or batch.window):
        return Delivered(answer)
    result = _parsed(payload)
    state = None
    if batch.window is not None and not batch.is_closing:
        state = _state(result)
        if state is None:
            return Failed(STATELESS, answer)
    if not reports_failures:
        return Delivered(answer, state)
    try:
        failed = _lowest(_failures(result), [stored.number for stored in batch.entries])
    except _Illegible:
        return Failed(ILLEGIBLE, answer)
    if failed is None:
        return Delivered(answer, state)
    return Partly(failed, REPORTED, answer, state) if failed else Failed(REPORTED, answer)


def _parsed(payload: bytes) -> Any:
    """The result's value; the standard parser, since a state keeps integers of any size."""
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload


def _state(result: Any) -> bytes | None:
    state = result.get("state") if isinstance(result, dict) else None
    if not isinstance(state, dict):
        return None
    return json.dumps(state, separators=(",", ":"), ensure_ascii=True).encode()


def _failures(result: Any) -> Sequence[Any]:
    if result in (None, ""):
        return ()
    if not isinstance(result, dict):
        raise _Illegible
    failures = result.get("batchItemFailures")
    if failures is None:
        return ()
    if not isinstance(failures, list):
        raise _Illegible
    return failures


def _lowest(failures: Sequence[Any], numbers: Sequence[int]) -> int | None:
    """The index of the first record of the batch that is named, or None if none is."""
    if not failures:
        return None
    index_of: Mapping[int, int] = {number: index for index, number in enumerate(numbers)}
    try:
        return min(index_of[_identified(failure)] for failure in failures)
    except KeyError:
        raise _Illegible from None


def _identified(failure: Any) -> int:
    text = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()):
        raise _Illegible
    if len(text) > _DIGITS_MAX:
        raise _Illegible
    return parse_sequence(text)
