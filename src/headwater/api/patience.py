"""Descriptions that wait for the end of a state that passes in a moment.

The waiters of AWS's SDKs look at once, and then every 10 or 20 seconds. A table here is ACTIVE a
twentieth of a second after it was created: the first look would find it CREATING, and the client
would sleep for 20 seconds. So what is about to change its state is looked at again until it has, or
a second is over; then the answer says what is so.

Handlers are wrapped, and know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.clock import Clock

_LOOK_SECONDS: Final = 0.01
_LOOKS_MAX: Final = 100
_PASSING: Final = frozenset(
    {"CREATING", "UPDATING", "DELETING", "ENABLING", "DISABLING", "IN_PROGRESS"}
)

StatesOf = Callable[[Any], Sequence[str]]

# The states of what an answer describes.
_DESCRIPTIONS: Final[Mapping[tuple[str, str], StatesOf]] = {
    ("dynamodb", "DescribeBackup"): lambda answer: [
        answer["BackupDescription"]["BackupDetails"]["BackupStatus"]
    ],
    ("dynamodb", "DescribeExport"): lambda answer: [answer["ExportDescription"]["ExportStatus"]],
    ("dynamodb", "DescribeImport"): lambda answer: [
        answer["ImportTableDescription"]["ImportStatus"]
    ],
    ("dynamodb", "DescribeKinesisStreamingDestination"): lambda answer: [
        each["DestinationStatus"] for each in answer["KinesisDataStreamDestinations"]
    ],
    ("dynamodb", "DescribeTable"): lambda answer: [answer["Table"]["TableStatus"]],
    ("kinesis", "DescribeStream"): lambda answer: [answer["StreamDescription"]["StreamStatus"]],
    ("kinesis", "DescribeStreamConsumer"): lambda answer: [
        answer["ConsumerDescription"]["ConsumerStatus"]
    ],
    ("kinesis", "DescribeStreamSummary"): lambda answer: [
        answer["StreamDescriptionSummary"]["StreamStatus"]
    ],
}


def patient(
    handlers: Mapping[tuple[str, str], Handler], clock: Clock
) -> Mapping[tuple[str, str], Handler]:
    """The same handlers, those that describe with patience; clock: the machine's."""
    return {
        key: _patient(handler, _DESCRIPTIONS[key], clock) if key in _DESCRIPTIONS else handler
        for key, handler in handlers.items()
    }


def _patient(handler: Handler, states_of: StatesOf, clock: Clock) -> Handler:
    async def look_until_settled(call: Call) -> Reply:
        reply = await handler(call)
        for _ in range(_LOOKS_MAX):
            if _PASSING.isdisjoint(states_of(orjson.loads(reply.body))):
                break
            await clock.sleep(_LOOK_SECONDS)
            reply = await handler(call)
        return reply

    return look_until_settled
