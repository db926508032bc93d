"""The lab's operations on consumers outside the server; their shapes are listed in `lab.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from headwater.api.lab import checked_empty, refuse, refuse_unknown
from headwater.api.lab_streams import LabStreamHandlers, check_text
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.consumers.registration import Registration
from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.lab.outsiders import Outsiders

_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,128}", re.ASCII)
_TABLE: Final = re.compile(r"[a-zA-Z0-9_.-]{3,255}", re.ASCII)

Input = dict[str, Any]


class LabConsumerHandlers:
    """The handlers; without the lab, every operation is refused."""

    def __init__(self, streams: LabStreamHandlers, outsiders: Outsiders) -> None:
        self._streams = streams
        self._outsiders = outsiders

    def operations(self) -> Mapping[str, OwnOperation]:
        handlers = {
            "RegisterConsumer": self.register,
            "DeregisterConsumer": self.deregister,
            "ListConsumers": self.list_consumers,
        }
        return {name: OwnOperation(check, handlers[name]) for name, check in _CHECKS.items()}

    async def register(self, call: Call) -> Reply:
        await self._streams.stream(call)
        body = call.input
        registration = await self._outsiders.register(
            call.region, body["Name"], body["StreamArn"], body["LeaseTable"]
        )
        return Reply.json(_told(registration))

    async def deregister(self, call: Call) -> Reply:
        name = call.input["Name"]
        if not await self._outsiders.deregister(call.region, name):
            raise ResourceNotFoundException(
                f"Requested resource not found: Consumer: {name} not found"
            )
        return Reply.json({})

    async def list_consumers(self, call: Call) -> Reply:
        found = await self._outsiders.registered(call.region)
        return Reply.json({"Consumers": [_told(each) for each in found]})


def refused() -> Mapping[str, OwnOperation]:
    """The operations on a server that does not offer them."""
    return {name: OwnOperation(check, refuse) for name, check in _CHECKS.items()}


def _told(registration: Registration) -> dict[str, Any]:
    return {
        "Name": registration.name,
        "StreamArn": registration.stream_arn,
        "LeaseTable": registration.lease_table,
        "RegisteredAt": registration.registered_at,
    }


def _checked_register(body: Input) -> Input:
    refuse_unknown(body, {"Name", "StreamArn", "LeaseTable"})
    _check_name(body)
    check_text(body, "StreamArn")
    check_text(body, "LeaseTable")
    if not _TABLE.fullmatch(body["LeaseTable"]):
        raise ValidationException("LeaseTable must be the name of a table")
    return body


def _checked_deregister(body: Input) -> Input:
    refuse_unknown(body, {"Name"})
    _check_name(body)
    return body


def _check_name(body: Input) -> None:
    check_text(body, "Name")
    if not _NAME.fullmatch(body["Name"]):
        raise ValidationException("Name must be 1 to 128 letters, digits, '_', '.' or '-'")


_CHECKS: Final[Mapping[str, Callable[[Input], Input]]] = {
    "RegisterConsumer": _checked_register,
    "DeregisterConsumer": _checked_deregister,
    "ListConsumers": checked_empty,
}
