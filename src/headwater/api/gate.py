"""Whether who asks may have what is asked, where a policy has a say.

Identity policies of AWS do not exist here: an access key may do everything, unless the credentials
file gives it a policy of its own; then it may do what that policy or the resource's allows. What
either denies is refused. A request of a key without a policy, for a table without one, is let
through by a look at the cached table.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import lru_cache
from typing import Any

from headwater.api.condition_keys import Circumstances, context_of
from headwater.api.message import Request
from headwater.api.operation import Call, Identity
from headwater.api.permissions import OF_TABLES, Permission, permissions
from headwater.auth.policy import Decision, InvalidPolicy, Policy, Principal, parse
from headwater.clock import Clock
from headwater.errors import INVALID, AccessDeniedException, ServiceError, ValidationException
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table

# The account's own user can always take away a policy that has locked everybody out.
_NEVER_DENIED_TO_ROOT = ("dynamodb:DeleteResourcePolicy", "dynamodb:GetResourcePolicy")


@lru_cache(maxsize=1024)
def _parsed(document: str) -> Policy:
    return parse(document, has_principals=True)


class Gate:
    """Lets requests through or refuses them; see the module."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    def check(
        self, call: Call, identity: Identity, request: Request
    ) -> Coroutine[Any, Any, None] | None:
        """None lets the request through; else what is to be awaited raises AccessDeniedException
        or does not."""
        if identity.policy is None:
            if call.service not in OF_TABLES:
                return None
            name = call.input.get("TableName")
            if name is not None:
                table = self._catalog.cached(call.region, name)
                if table is not None and not table.policies:
                    return None
        return self._check(call, identity, request)

    async def _check(self, call: Call, identity: Identity, request: Request) -> None:
        account = self._catalog.account
        principal = Principal(account, identity.name)
        around = Circumstances(principal, request, self._clock.now(), call.region)
        for permission in permissions(call, account):
            table = await self._table(call.region, permission)
            _decide(around, permission, table, identity.policy)
            if call.operation == "PutResourcePolicy":
                _check_self(around, permission, table)

    async def _table(self, region: str, permission: Permission) -> Table | None:
        if permission.table is None:
            return None
        try:
            return await self._catalog.known(region, permission.table)
        except ServiceError:
            return None  # the handler says that there is none


def _decide(
    around: Circumstances, permission: Permission, table: Table | None, own: Policy | None
) -> None:
    """Raise AccessDeniedException unless the policies that have a say let an access pass."""
    access, principal = permission.access, around.principal
    context = context_of(around, permission, table)
    decision = Decision.OPEN
    if table is not None:
        policy = table.policies.get(permission.stream or "")
        if policy is not None:
            decision = _parsed(policy.document).decide(principal, access, context)
    if principal.is_root and access.action in _NEVER_DENIED_TO_ROOT:
        decision = Decision.ALLOW
    if decision is Decision.DENY:
        raise _denied(permission, principal, "with an explicit deny in a resource-based policy")
    if own is None:
        return
    said = own.decide(principal, access, context)
    if said is Decision.DENY:
        raise _denied(permission, principal, "with an explicit deny in an identity-based policy")
    if Decision.ALLOW not in (said, decision):
        because = f"because no identity-based policy allows the {access.action} action"
        raise _denied(permission, principal, because)


def _check_self(around: Circumstances, permission: Permission, table: Table | None) -> None:
    """Refuse a policy that keeps who puts it from putting another, unless that is confirmed."""
    request = permission.members
    if request.get("ConfirmRemoveSelfResourceAccess") or around.principal.is_root:
        return
    try:
        policy = _parsed(request["Policy"])
    except InvalidPolicy:
        return  # the handler says what is wrong with it
    context = context_of(around, permission, table)
    if policy.decide(around.principal, permission.access, context) is Decision.DENY:
        raise ValidationException(  # ours
            f"{INVALID}The resource policy would not allow {around.principal.arn} to change it "
            "again. Set ConfirmRemoveSelfResourceAccess to put it all the same"
        )


def _denied(permission: Permission, principal: Principal, why: str) -> AccessDeniedException:
    access = permission.access
    return AccessDeniedException(
        f"User: {principal.arn} is not authorized to perform: {access.action} on resource: "
        f"{access.resource} {why}"
    )
