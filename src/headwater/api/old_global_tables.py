"""The operations of global tables version 2017.11.29, answered as AWS does now: it has none.

Texts: observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import INVALID, GlobalTableNotFoundException, ValidationException


class OldGlobalTableHandlers:
    """The handlers; nothing is behind them."""

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        named: Mapping[str, Handler] = {
            "CreateGlobalTable": _refuse,
            "UpdateGlobalTable": _refuse,
            "DescribeGlobalTable": _find,
            "DescribeGlobalTableSettings": _find,
            "UpdateGlobalTableSettings": _find,
            "ListGlobalTables": _list,
        }
        return {("dynamodb", name): handler for name, handler in named.items()}


async def _refuse(_call: Call) -> NoReturn:
    raise ValidationException(
        f"{INVALID}DynamoDB global tables version 2017.11.29 is not supported. We recommend using "
        "DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
    )


async def _find(call: Call) -> NoReturn:
    raise GlobalTableNotFoundException(
        f"Global table with name: '{call.input['GlobalTableName']}' does not exist."
    )


async def _list(_call: Call) -> Reply:
    return Reply.json({"GlobalTables": []})
