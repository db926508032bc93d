"""Lambda's operations on who may invoke a function: stored and shown as IAM writes them.

They decide nothing here: a known access key may do everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from headwater.api import function_form as form
from headwater.api.function_name import Named, named
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import (
    FunctionNotFound,
    PolicyLengthExceededException,
    ResourceConflictException,
)
from headwater.functions.function import LATEST, Function
from headwater.functions.registry import Registry, check_revision
from headwater.functions.shared import Policy
from headwater.functions.versions import Versions
from headwater.limits import function_policy_bytes_max

_SUPPORTED = frozenset(
    {
        "FunctionName",
        "Qualifier",
        "StatementId",
        "Action",
        "Principal",
        "SourceArn",
        "SourceAccount",
        "EventSourceToken",
        "PrincipalOrgID",
        "RevisionId",
    }
)


class PolicyHandlers:
    """The handlers."""

    def __init__(self, registry: Registry, versions: Versions) -> None:
        self._registry = registry
        self._versions = versions

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {
            ("lambda", "AddPermission"): self.add_permission,
            ("lambda", "GetPolicy"): self.get_policy,
            ("lambda", "RemovePermission"): self.remove_permission,
        }

    async def add_permission(self, call: Call) -> Reply:
        request = call.input
        form.refuse_unsupported(request, _SUPPORTED)
        name, asked = self._named(call)
        await self._versions.find(call.region, name, asked)
        qualifier, sid = asked or LATEST, request["StatementId"]
        latest = await self._registry.get(call.region, name)
        resource = latest.arn if asked is None else f"{latest.arn}:{asked}"
        statement = _statement(request, resource)

        def change(latest: Function) -> Function:
            policy = _policy(latest, qualifier)
            check_revision(policy.revision_id or latest.revision_id, request.get("RevisionId"))
            if sid in policy.statements:
                raise ResourceConflictException(
                    f"The statement id ({sid}) provided already exists. Please provide a new "
                    "statement id, or remove the existing statement."
                )
            return self._with(latest, qualifier, {**policy.statements, sid: statement})

        await self._registry.alter(call.region, name, change)
        return Reply.json({"Statement": orjson.dumps(statement).decode()})

    async def get_policy(self, call: Call) -> Reply:
        name, qualifier = self._named(call)
        policy = _policy(await self._registry.get(call.region, name), qualifier or LATEST)
        if not policy.statements:
            raise FunctionNotFound("The resource you requested does not exist.")
        text = _document(policy.statements).decode()
        return Reply.json({"Policy": text, "RevisionId": policy.revision_id})

    async def remove_permission(self, call: Call) -> Reply:
        request = call.input
        name, asked = self._named(call)
        qualifier, sid = asked or LATEST, request["StatementId"]

        def change(latest: Function) -> Function:
            policy = _policy(latest, qualifier)
            if sid not in policy.statements:
                raise FunctionNotFound(f"Statement {sid} is not found in resource policy.")
            check_revision(policy.revision_id, request.get("RevisionId"))
            left = {each: held for each, held in policy.statements.items() if each != sid}
            return self._with(latest, qualifier, left)

        await self._registry.alter(call.region, name, change)
        return Reply(b"", 204)

    def _with(
        self, latest: Function, qualifier: str, statements: Mapping[str, Mapping[str, Any]]
    ) -> Function:
        if len(_document(statements)) > function_policy_bytes_max:
            raise PolicyLengthExceededException(
                f"The final policy size is bigger than the limit ({function_policy_bytes_max})."
            )
        policy = Policy(statements, self._registry.machine.chance.uuid())
        policies = {**latest.shared.policies, qualifier: policy}
        return replace(latest, shared=replace(latest.shared, policies=policies))

    def _named(self, call: Call) -> Named:
        return named(call.input, call.region, self._registry.account)


def _policy(latest: Function, qualifier: str) -> Policy:
    return latest.shared.policies.get(qualifier) or Policy({}, "")


def _document(statements: Mapping[str, Mapping[str, Any]]) -> bytes:
    return orjson.dumps(
        {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
    )


def _statement(request: Mapping[str, Any], resource: str) -> dict[str, Any]:
    """A statement as IAM writes it."""
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": resource,
    }
    equal = {}
    for member, key in (
        ("SourceAccount", "AWS:SourceAccount"),
        ("EventSourceToken", "lambda:EventSourceToken"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ):
        if member in request:
            equal[key] = request[member]
    condition: dict[str, Any] = {}
    if equal:
        condition["StringEquals"] = equal
    if "SourceArn" in request:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(principal: str) -> str | dict[str, str]:
    if principal == "*":
        return principal
    if principal.isdigit():
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    return {"AWS" if principal.startswith("arn:") else "Service": principal}
