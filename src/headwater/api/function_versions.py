"""Lambda's operations on versions and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.api import function_form as form
from headwater.api import paging
from headwater.api.function_name import named
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import InvalidParameterValueException
from headwater.functions.function import Function
from headwater.functions.registry import Registry
from headwater.functions.shared import Alias
from headwater.functions.versions import Publication, Versions, find_alias


class VersionHandlers:
    """The handlers of versions and aliases."""

    def __init__(self, registry: Registry, versions: Versions) -> None:
        self._registry = registry
        self._versions = versions

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        handlers: Mapping[str, Handler] = {
            "PublishVersion": self.publish_version,
            "ListVersionsByFunction": self.list_versions_by_function,
            "CreateAlias": self.create_alias,
            "GetAlias": self.get_alias,
            "ListAliases": self.list_aliases,
            "UpdateAlias": self.update_alias,
            "DeleteAlias": self.delete_alias,
        }
        return {("lambda", name): handler for name, handler in handlers.items()}

    async def publish_version(self, call: Call) -> Reply:
        request = call.input
        form.refuse_unsupported(
            request, frozenset({"FunctionName", "CodeSha256", "Description", "RevisionId"})
        )
        wanted = Publication(
            request.get("Description"),
            request.get("CodeSha256") or None,
            request.get("RevisionId") or None,
        )
        published = await self._versions.publish(call.region, self._name(call), wanted)
        return Reply.json(form.configuration_of(published))

    async def list_versions_by_function(self, call: Call) -> Reply:
        latest = await self._latest(call)
        limit = paging.limit_of(call.input)
        after = paging.number_of(call.input)
        is_first = "Marker" not in call.input
        found = await self._versions.page(latest, after, limit + 1)
        page = [latest, *found] if is_first else found
        answer: dict[str, Any] = {
            "Versions": [
                {
                    **form.configuration_of(each),
                    "FunctionArn": each.qualified_arn,
                }
                for each in page[:limit]
            ]
        }
        if len(page) > limit:
            last = page[limit - 1]
            answer["NextMarker"] = paging.marker(0 if last is latest else last.number)
        return Reply.json(answer)

    async def create_alias(self, call: Call) -> Reply:
        request = call.input
        if request["Name"].isdigit():
            raise InvalidParameterValueException(f"An alias cannot be a number: {request['Name']}")
        alias = Alias(
            request["Name"],
            request["FunctionVersion"],
            request.get("Description", ""),
            _weights(request),
            "",
        )
        name = self._name(call)
        created = await self._versions.create_alias(call.region, name, alias)
        return Reply.json(_shape(await self._registry.get(call.region, name), created))

    async def get_alias(self, call: Call) -> Reply:
        latest = await self._latest(call)
        return Reply.json(_shape(latest, find_alias(latest, call.input["Name"])))

    async def list_aliases(self, call: Call) -> Reply:
        request = call.input
        latest = await self._latest(call)
        limit = paging.limit_of(request)
        start = paging.start_of(request)
        version = request.get("FunctionVersion")
        found = [
            alias
            for name, alias in sorted(latest.shared.aliases.items())
            if name > start and version in (None, alias.version, *alias.weights)
        ]
        answer: dict[str, Any] = {"Aliases": [_shape(latest, alias) for alias in found[:limit]]}
        if len(found) > limit:
            answer["NextMarker"] = paging.marker(found[limit - 1].name)
        return Reply.json(answer)

    async def update_alias(self, call: Call) -> Reply:
        request = call.input
        latest = await self._latest(call)
        old = find_alias(latest, request["Name"])
        alias = Alias(
            old.name,
            request.get("FunctionVersion", old.version),
            request.get("Description", old.description),
            _weights(request) if "RoutingConfig" in request else old.weights,
            old.revision_id,
        )
        changed = await self._versions.update_alias(
            call.region, latest.name, alias, request.get("RevisionId")
        )
        return Reply.json(_shape(latest, changed))

    async def delete_alias(self, call: Call) -> Reply:
        await self._versions.delete_alias(call.region, self._name(call), call.input["Name"])
        return Reply(b"", 204)

    def _name(self, call: Call) -> str:
        return named(call.input, call.region, self._registry.account).name

    async def _latest(self, call: Call) -> Function:
        return await self._registry.get(call.region, self._name(call))


def _weights(request: Mapping[str, Any]) -> dict[str, float]:
    return dict(request.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))


def _shape(latest: Function, alias: Alias) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "AliasArn": f"{latest.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return answer
