"""Handlers of resource policies, of tables and of streams; and what a policy must be to be stored.

Texts: where AWS's are not known they are ours, behind the words that AWS's begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater.api import shapes
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.api.resource_arn import not_found, resource_of
from headwater.auth.policy import InvalidPolicy, parse
from headwater.clock import Clock
from headwater.errors import INVALID, ResourceInUseException, ValidationException
from headwater.limits import resource_policy_bytes_max
from headwater.storage import keyspace
from headwater.storage.committer import View
from headwater.storage.engine import Engine
from headwater.tables.catalog import Catalog
from headwater.tables.resource_policies import OF_TABLE, found, with_policy, without_policy
from headwater.tables.schema import ResourcePolicy, Table, TableStatus

_POLICY_ACTIONS: Final = ("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy")
_STREAM_ACTIONS: Final = ("DescribeStream", "GetRecords", "GetShardIterator", *_POLICY_ACTIONS)
# Of no table, or of several things at once.
_NOT_OF_A_TABLE: Final = ("CreateTable", "DescribeEndpoints", "DescribeLimits", "List", "Transact")
_PART_ACTIONS: Final = (
    "ConditionCheckItem",
    "ListTagsOfResource",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
)


class ResourcePolicyHandlers:
    """The handlers, over a catalog."""

    def __init__(self, catalog: Catalog, engine: Engine, clock: Clock) -> None:
        self._catalog = catalog
        self._engine = engine
        self._clock = clock

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("dynamodb", "DeleteResourcePolicy"): self.delete_resource_policy,
            ("dynamodb", "GetResourcePolicy"): self.get_resource_policy,
            ("dynamodb", "PutResourcePolicy"): self.put_resource_policy,
        }

    async def put_resource_policy(self, call: Call) -> Reply:
        request = call.input
        table, label = await self._resource(call)
        check_policy(request["Policy"], is_of_stream=label != OF_TABLE)
        now = self._clock.now()

        def step(_view: View, present: Table) -> Table:
            _check_settled(present)
            return with_policy(
                present, label, request["Policy"], request.get("ExpectedRevisionId"), now
            )

        changed = await self._catalog.change(table, step)
        assert changed is not None, "the step removes no table"
        return Reply.json({"RevisionId": found(changed, label).revision})

    async def get_resource_policy(self, call: Call) -> Reply:
        table, label = await self._resource(call)
        policy = found(table, label)
        return Reply.json({"Policy": policy.document, "RevisionId": policy.revision})

    async def delete_resource_policy(self, call: Call) -> Reply:
        """Take a policy away; one that is not there has no revision to tell."""
        table, label = await self._resource(call)
        removed: list[ResourcePolicy] = []

        def step(_view: View, present: Table) -> Table:
            _check_settled(present)
            removed[:] = [present.policies[label]] if label in present.policies else []
            return without_policy(present, label, call.input.get("ExpectedRevisionId"))

        await self._catalog.change(table, step)
        return Reply.json({"RevisionId": removed[0].revision} if removed else {})

    async def _resource(self, call: Call) -> tuple[Table, str]:
        """The table, and under which label the policy stands."""
        arn = call.input["ResourceArn"]
        table, label = await resource_of(self._catalog, call.region, arn)
        if label is None:
            return table, OF_TABLE
        (stream,) = await self._engine.get([keyspace.stream(table.region, table.name, label)])
        if stream is None:
            raise not_found(arn)
        return table, label


def check_policy(document: str, *, is_of_stream: bool = False) -> None:
    """Refuse a policy that is too large, cannot be read, or names actions that do not exist."""
    if len(document.encode()) > resource_policy_bytes_max:
        raise ValidationException(
            f"{INVALID}Invalid policy document: the size exceeds {resource_policy_bytes_max} bytes"
        )
    try:
        policy = parse(document, has_principals=True)
    except InvalidPolicy as error:
        raise ValidationException(f"{INVALID}{error}") from error
    actions = _STREAM_ACTIONS if is_of_stream else _table_actions()
    unknown = policy.unknown_actions(f"dynamodb:{name}" for name in actions)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        raise ValidationException(
            f"{INVALID}Invalid policy document: The following action names are invalid: {names}"
        )


def _table_actions() -> list[str]:
    operations = shapes.load("dynamodb").operations
    return [name for name in operations if not name.startswith(_NOT_OF_A_TABLE)] + [*_PART_ACTIONS]


def _check_settled(table: Table) -> None:
    if table.status not in (TableStatus.ACTIVE, TableStatus.UPDATING):
        raise ResourceInUseException
