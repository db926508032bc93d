"""Our operation to read the log of a function: what CloudWatch Logs would show.

`GetFunctionLog` takes `FunctionName`, and if wished `Since` (epoch seconds), `After` (where a page
before ended) and `Limit`. It answers `Lines`, each with `Time`, `Stream` and `Text`, and `After`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headwater.api.function_name import split_name
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.errors import ValidationException
from headwater.functions.journal import BadPosition, Journals
from headwater.functions.registry import Registry
from headwater.limits import function_log_page_max

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "FunctionName": (str,),
    "Since": (int, float),
    "After": (str,),
    "Limit": (int,),
}


class FunctionLogHandlers:
    """The handler."""

    def __init__(self, registry: Registry, journals: Journals) -> None:
        self._registry = registry
        self._journals = journals

    def operations(self) -> Mapping[str, OwnOperation]:
        return {"GetFunctionLog": OwnOperation(_checked, self.get_function_log)}

    async def get_function_log(self, call: Call) -> Reply:
        asked = call.input
        name = split_name(asked["FunctionName"], call.region, self._registry.account).name
        await self._registry.get(call.region, name)
        try:
            page = await self._journals.page(
                call.region,
                name,
                asked.get("After"),
                float(asked.get("Since", 0)),
                asked.get("Limit", function_log_page_max),
            )
        except BadPosition as error:
            raise ValidationException("After is not where a page ended") from error
        lines = [
            {
                "Time": line.at,
                "Stream": line.stream,
                # CR keeps a stack trace one line of the log.
                "Text": line.text.decode(errors="replace").replace("\r", "\n"),
            }
            for line in page.lines
        ]
        return Reply.json({"Lines": lines, "After": page.position})


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        types = _TYPES.get(name)
        if types is None:
            raise ValidationException(f"There is no parameter {name}")
        if not isinstance(value, types) or isinstance(value, bool):
            raise ValidationException(f"{name} has the wrong type")
    if not body.get("FunctionName"):
        raise ValidationException("FunctionName is required")
    if not 1 <= body.get("Limit", 1) <= function_log_page_max:
        raise ValidationException(f"Limit must be between 1 and {function_log_page_max}")
    return body
