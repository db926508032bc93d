"""The lab's operation on a whole region; its shape is listed in `lab.py`."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.api.lab import checked_empty, refuse
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.lab.erase import Eraser
from headwater.lab.faults import Faults
from headwater.lab.outsiders import Outsiders


class LabRegionHandlers:
    """The handler; without the lab, the operation is refused."""

    def __init__(self, eraser: Eraser, faults: Faults, outsiders: Outsiders) -> None:
        self._eraser = eraser
        self._outsiders = outsiders
        self._faults = faults

    def operations(self) -> Mapping[str, OwnOperation]:
        return {"EraseRegion": OwnOperation(checked_empty, self.erase_region)}

    async def erase_region(self, call: Call) -> Reply:
        self._faults.forget(call.region)
        for registration in await self._outsiders.registered(call.region):
            await self._outsiders.deregister(call.region, registration.name)
        await self._eraser.erase(call.region)
        return Reply.json({})


def refused() -> Mapping[str, OwnOperation]:
    """The operation on a server that does not offer it."""
    return {"EraseRegion": OwnOperation(checked_empty, refuse)}
