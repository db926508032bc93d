"""Handlers of the operations on tables: create, describe, list, update, delete, tags and limits.

They turn a request into a call of the catalog and a table into its description; the rules of tables
are the catalog's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.resource_arn import resource_of
from headwater.api.resource_policies import check_policy
from headwater.api.table_description import Description, Figures, description
from headwater.clock import Clock
from headwater.errors import ValidationException
from headwater.limits import table_list_max, table_units_default_max, tags_page_max
from headwater.replication import request as replica_request
from headwater.replication.groups import Groups
from headwater.storage.committer import View
from headwater.storage.keyspace import index_prefix
from headwater.tables import alteration, definition, tags
from headwater.tables.catalog import Catalog
from headwater.tables.count import Counts
from headwater.tables.schema import IndexStatus, Table

_ACCOUNT_UNITS_MAX: Final = 80_000
_ENDPOINT_CACHE_MINUTES: Final = 1440


class TableHandlers:
    """The handlers, over a catalog and the global tables in it.

    address: host and port at which clients reach this server, asked when a client asks.
    """

    def __init__(
        self,
        catalog: Catalog,
        groups: Groups,
        counts: Counts,
        clock: Clock,
        address: Callable[[], str],
    ) -> None:
        self._address = address
        self._groups = groups
        self._catalog = catalog
        self._counts = counts
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler by service and operation."""
        named: Mapping[str, Handler] = {
            "CreateTable": self.create_table,
            "DeleteTable": self.delete_table,
            "DescribeEndpoints": self.describe_endpoints,
            "DescribeLimits": self.describe_limits,
            "DescribeTable": self.describe_table,
            "ListTables": self.list_tables,
            "ListTagsOfResource": self.list_tags_of_resource,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "UpdateTable": self.update_table,
        }
        return {("dynamodb", name): handler for name, handler in named.items()}

    async def create_table(self, call: Call) -> Reply:
        name = self._catalog.name_of(call.region, call.input["TableName"])
        if "ResourcePolicy" in call.input:
            check_policy(call.input["ResourcePolicy"])
        table = await self._catalog.create(call.region, definition.of_input(name, call.input))
        return Reply.json({"TableDescription": self._uncounted(table)})

    async def describe_table(self, call: Call) -> Reply:
        table = await self._catalog.describe(call.region, call.input["TableName"])
        return Reply.json({"Table": await self._counted(table)})

    async def list_tables(self, call: Call) -> Reply:
        start = call.input.get("ExclusiveStartTableName", "")
        limit = call.input.get("Limit", table_list_max)
        names, has_more = await self._catalog.names(call.region, start, limit)
        content: dict[str, Any] = {"TableNames": names}
        if has_more:
            content["LastEvaluatedTableName"] = names[-1]
        return Reply.json(content)

    async def update_table(self, call: Call) -> Reply:
        if replica_request.is_given(call.input):
            table = await self._update_replicas(call)
        else:
            asked = alteration.of_input(call.input)
            table = await self._catalog.update(call.region, call.input["TableName"], asked)
        return Reply.json({"TableDescription": await self._counted(table)})

    async def _update_replicas(self, call: Call) -> Table:
        alteration.check_alone(call.input)
        table = await self._catalog.describe(call.region, call.input["TableName"])
        if table.replicas and "MultiRegionConsistency" in call.input:
            raise ValidationException(
                "MultiRegionConsistency parameter is unsupported on existing global table"
            )
        asked = replica_request.of_input(call.region, call.input)
        return await self._groups.update(call.region, call.input["TableName"], asked)

    async def delete_table(self, call: Call) -> Reply:
        table = await self._catalog.delete(call.region, call.input["TableName"])
        return Reply.json({"TableDescription": self._uncounted(table)})

    async def list_tags_of_resource(self, call: Call) -> Reply:
        table = await self._tagged(call)
        pairs = sorted(table.tags.items())
        token = call.input.get("NextToken")
        if token is not None:
            pairs = [pair for pair in pairs if pair[0] > token]
        page = pairs[:tags_page_max]
        content: dict[str, Any] = {"Tags": [{"Key": key, "Value": value} for key, value in page]}
        if len(pairs) > len(page):
            content["NextToken"] = page[-1][0]
        return Reply.json(content)

    async def tag_resource(self, call: Call) -> Reply:
        if not call.input["Tags"]:
            raise ValidationException("Atleast one Tag needs to be provided as Input.")
        given = tags.of_list(call.input["Tags"])
        table = await self._tagged(call)

        def step(_view: View, present: Table) -> Table:
            return present.changed(tags=tags.merged(present.tags, given))

        await self._catalog.change(table, step)
        return Reply(b"")

    async def untag_resource(self, call: Call) -> Reply:
        if not call.input["TagKeys"]:
            raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
        removed = set(call.input["TagKeys"])
        table = await self._tagged(call)

        def step(_view: View, present: Table) -> Table:
            left = {key: value for key, value in present.tags.items() if key not in removed}
            return present.changed(tags=left)

        await self._catalog.change(table, step)
        return Reply(b"")

    async def describe_limits(self, _call: Call) -> Reply:
        """AWS's default quotas, which are not enforced here."""
        return Reply.json(
            {
                "AccountMaxReadCapacityUnits": _ACCOUNT_UNITS_MAX,
                "AccountMaxWriteCapacityUnits": _ACCOUNT_UNITS_MAX,
                "TableMaxReadCapacityUnits": table_units_default_max,
                "TableMaxWriteCapacityUnits": table_units_default_max,
            }
        )

    async def describe_endpoints(self, _call: Call) -> Reply:
        """This server: a client that follows AWS's address would leave for the real service."""
        endpoint = {
            "Address": self._address(),
            "CachePeriodInMinutes": _ENDPOINT_CACHE_MINUTES,
        }
        return Reply.json({"Endpoints": [endpoint]})

    async def _tagged(self, call: Call) -> Table:
        """The table whose ARN a request for tags names."""
        table, label = await resource_of(self._catalog, call.region, call.input["ResourceArn"])
        if label is not None:
            raise ValidationException("Tags of streams are not supported by Headwater yet")
        return table

    def _uncounted(self, table: Table) -> Description:
        return description(table, Figures(self._catalog.account, self._clock.now()))

    async def _counted(self, table: Table) -> Description:
        count = await self._counts.of(table.items_prefix)
        indexes = {
            index.index_id: await self._counts.of(index_prefix(table.table_id, index.index_id))
            for index in table.indexes
            if index.status is not IndexStatus.CREATING
        }
        progress = await self._groups.progress(table)
        figures = Figures(self._catalog.account, self._clock.now(), count, indexes, progress)
        return description(table, figures)
