"""What becomes of an asynchronous invocation: decisions and words; pure.

    outcome of an attempt                        what next
    the function returned                        done: OnSuccess is told
    the function failed, retries are left        again after one minute, then two
    the function failed, no retries are left     given up: RetriesExhausted
    throttled, or the server failed              again after a second, doubling up to five minutes
    older than its age allows                    given up: EventAgeExceeded
    the function is gone                         dropped: nobody is left to be told

Giving up tells OnFailure and the dead letter queue, where they are set.
Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
invocation", "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import orjson

from headwater.functions.function import LATEST, Function
from headwater.functions.outcome import InvokeResult
from headwater.functions.shared import AsyncSettings
from headwater.limits import function_event_age_seconds_default, function_retries_default
from headwater.outbox.message import Message

_RETRY_SECONDS: Final = 60.0
_REFUSED_SECONDS_FIRST: Final = 1.0
_REFUSED_SECONDS_MAX: Final = 300.0
_ERROR_MESSAGE_CHARS_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Deferral:
    """One invocation that nobody waits for, as stored beside its payload.

    accepted: epoch seconds. failures: attempts that the function failed. refusals: attempts in a
    row that did not reach it. owner, owned_until: which process works on it, and until when by the
    machine's clock; empty and 0 for none.
    """

    region: str
    name: str
    qualifier: str | None
    request_id: str
    accepted: float
    size: int
    client_context: str | None = None
    failures: int = 0
    refusals: int = 0
    owner: str = ""
    owned_until: float = 0.0

    def encode(self) -> bytes:
        return orjson.dumps(asdict(self))


def decode(stored: bytes) -> Deferral:
    """The deferral that was encoded."""
    return Deferral(**orjson.loads(stored))


class Condition(Enum):
    """Why an invocation is over, in AWS's words."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    TOO_OLD = "EventAgeExceeded"


def settings_of(latest: Function, qualifier: str | None) -> AsyncSettings:
    """What holds for invocations of a qualifier; each has its own, or the defaults."""
    found = latest.shared.async_settings.get(qualifier or LATEST)
    return found or AsyncSettings(None, None, None, None, 0.0)


def is_too_old(deferral: Deferral, settings: AsyncSettings, now: float) -> bool:
    age_max = settings.age_seconds_max or function_event_age_seconds_default
    return now - deferral.accepted > age_max


def has_retries(deferral: Deferral, settings: AsyncSettings) -> bool:
    """Whether one that has failed may be tried again."""
    retries_max = settings.retries_max
    allowed = function_retries_default if retries_max is None else retries_max
    return deferral.failures <= allowed


def wait_seconds(deferral: Deferral) -> float:
    """How long to wait before the next attempt."""
    if deferral.refusals:
        return min(_REFUSED_SECONDS_FIRST * 2.0 ** (deferral.refusals - 1), _REFUSED_SECONDS_MAX)
    return _RETRY_SECONDS * deferral.failures


@dataclass(frozen=True, slots=True)
class Account:
    """How an invocation ended. result: of the last attempt that reached the function."""

    deferral: Deferral
    function_arn: str
    condition: Condition
    payload: bytes
    result: InvokeResult | None
    now: float


def record(account: Account) -> bytes:
    """What a destination is told."""
    deferral, result = account.deferral, account.result
    is_failed = account.condition is not Condition.SUCCESS
    told: dict[str, Any] = {
        "version": "1.0",
        "timestamp": _stamp(account.now),
        "requestContext": {
            "requestId": deferral.request_id,
            "functionArn": f"{account.function_arn}:{deferral.qualifier or LATEST}",
            "condition": account.condition.value,
            "approximateInvokeCount": deferral.failures + (0 if is_failed else 1),
        },
        "requestPayload": orjson.Fragment(account.payload),
    }
    if result is not None:
        context: dict[str, Any] = {
            "statusCode": 200,
            "executedVersion": result.executed_version,
        }
        if result.error is not None:
            context["functionError"] = result.error
        told["responseContext"] = context
        told["responsePayload"] = _as_json(result.payload)
    return orjson.dumps(told)


def message(account: Account, destination: str, token: str) -> Message:
    """The record as a message to a queue, a topic or a bucket."""
    moment = datetime.fromtimestamp(account.now, UTC)
    deferral = account.deferral
    key = moment.strftime(f"aws/lambda/async/{deferral.name}/%Y/%m/%d/%Y-%m-%dT%H.%M.%S-{token}")
    return Message(source_of(deferral), deferral.region, destination, record(account), key)


def dead_letter(account: Account, destination: str) -> Message:
    """The event itself, as a dead letter queue gets it."""
    deferral, result = account.deferral, account.result
    attributes = {"RequestID": deferral.request_id, "ErrorCode": "200"}
    if result is not None:
        told = _as_json(result.payload)
        text = str(told.get("errorMessage", "")) if isinstance(told, dict) else ""
        if text:
            attributes["ErrorMessage"] = text[:_ERROR_MESSAGE_CHARS_MAX]
    return Message(
        source_of(deferral), deferral.region, destination, account.payload, "", attributes
    )


def source_of(deferral: Deferral) -> str:
    """What messages of a function bear as their source."""
    return f"function/{deferral.name}"


def _as_json(payload: bytes) -> Any:
    """A function's result, or its text where it is not JSON."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode(errors="replace")


def _stamp(now: float) -> str:
    moment = datetime.fromtimestamp(now, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
