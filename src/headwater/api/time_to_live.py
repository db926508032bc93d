"""Handlers of time to live: switched on and off, described.

What that means for items is `tables/expiry.py`'s; who deletes them is `tables/expirer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import ValidationException
from headwater.storage.committer import View
from headwater.tables import expiry, membership
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table, TableStatus


class TimeToLiveHandlers:
    """The handlers, over a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        return {
            ("dynamodb", "DescribeTimeToLive"): self.describe_time_to_live,
            ("dynamodb", "UpdateTimeToLive"): self.update_time_to_live,
        }

    async def update_time_to_live(self, call: Call) -> Reply:
        asked = call.input["TimeToLiveSpecification"]
        is_on, attribute = asked["Enabled"], asked["AttributeName"]

        def switched(view: View, present: Table) -> Table:
            return expiry.switched(view, present, attribute, is_on=is_on)

        def step(view: View, present: Table) -> Table:
            membership.follow(view, present, lambda replica: switched(view, replica))
            return switched(view, present)

        table = await self._catalog.describe(call.region, call.input["TableName"])
        await self._catalog.change(table, step, membership.keys_of)
        return Reply.json(
            {"TimeToLiveSpecification": {"Enabled": is_on, "AttributeName": attribute}}
        )

    async def describe_time_to_live(self, call: Call) -> Reply:
        table = await self._catalog.describe(call.region, call.input["TableName"])
        if table.status in (TableStatus.CREATING, TableStatus.DELETING):
            raise ValidationException(
                f"Cannot describe time to live while table is in {table.status} state: "
                f"Current table state is {table.status}"
            )
        if table.time_to_live is None:
            description = {"TimeToLiveStatus": "DISABLED"}
        else:
            description = {
                "TimeToLiveStatus": table.time_to_live.status,
                "AttributeName": table.time_to_live.attribute,
            }
        return Reply.json({"TimeToLiveDescription": description})
