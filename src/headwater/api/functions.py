"""Lambda's operations on functions: registering, changing, listing and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from headwater.api import function_form as form
from headwater.api import paging
from headwater.api.function_code import CodeSource
from headwater.api.function_name import Named, named
from headwater.api.locations import Locations
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.errors import FunctionNotFound
from headwater.functions import package
from headwater.functions.calls import Calls
from headwater.functions.function import Function
from headwater.functions.journal import Journals
from headwater.functions.pool import Pool
from headwater.functions.registry import Registry
from headwater.functions.versions import Publication, Versions

_EMPTY: Final[Publication] = Publication()


@dataclass(frozen=True, slots=True)
class FunctionParts:
    """What the handlers of functions work with."""

    registry: Registry
    versions: Versions
    pool: Pool
    calls: Calls
    journals: Journals
    source: CodeSource
    locations: Locations


class FunctionHandlers:
    """The handlers, over a registry and a pool."""

    def __init__(self, parts: FunctionParts) -> None:
        self._registry = parts.registry
        self._versions = parts.versions
        self._parts = parts

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        handlers: Mapping[str, Handler] = {
            "CreateFunction": self.create_function,
            "DeleteFunction": self.delete_function,
            "GetFunction": self.get_function,
            "GetFunctionCodeSigningConfig": self.get_function_code_signing_config,
            "GetFunctionConfiguration": self.get_function_configuration,
            "ListFunctions": self.list_functions,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
        }
        return {("lambda", name): handler for name, handler in handlers.items()}

    async def create_function(self, call: Call) -> Reply:
        request = call.input
        configuration = form.new_configuration(request)
        form.check_code(request["Code"])
        if request.get("Layers"):
            used = await self._registry.layers.used(call.region, request["Layers"])
            configuration = replace(configuration, layers=used)
        code = await self._parts.source.content(form.code_of(request["Code"]))
        name = self._named(call).name
        new = self._registry.new(call.region, name, configuration, request.get("Tags", {}))
        created = await self._registry.create(new, code)
        if request.get("Publish"):
            created = await self._versions.publish(call.region, name, _EMPTY)
        return Reply.json(form.configuration_of(created))

    async def get_function(self, call: Call) -> Reply:
        found = await self._found(call)
        latest = await self._registry.get(call.region, found.name)
        location = self._parts.locations.of(package.digest_of(found.code_sha256))
        answer: dict[str, Any] = {
            "Configuration": form.configuration_of(found),
            "Code": {"RepositoryType": "S3", "Location": location},
        }
        if latest.tags:
            answer["Tags"] = dict(latest.tags)
        if latest.shared.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": latest.shared.reserved}
        return Reply.json(answer)

    async def get_function_configuration(self, call: Call) -> Reply:
        return Reply.json(form.configuration_of(await self._found(call)))

    async def get_function_code_signing_config(self, call: Call) -> Reply:
        """No function has any; infrastructure tools ask all the same."""
        found = await self._found(call)
        return Reply.json({"FunctionName": found.name})

    async def list_functions(self, call: Call) -> Reply:
        request = call.input
        form.refuse_unsupported(request, frozenset({"FunctionVersion", "Marker", "MaxItems"}))
        limit = paging.limit_of(request)
        start = paging.start_of(request)
        if "FunctionVersion" in request:
            return await self._list_versions(call.region, start, limit)
        found = await self._registry.page(call.region, start, limit + 1)
        return _page(found[:limit], found[limit - 1].name if len(found) > limit else None)

    async def _list_versions(self, region: str, start: str, limit: int) -> Reply:
        """All functions with all their versions; a position is a name and a version's number."""
        name, _, number = start.partition(":")
        found: list[Function] = []
        if name and number.isdigit():
            with suppress(FunctionNotFound):  # deleted between two pages
                held = await self._registry.get(region, name)
                found = await self._versions.page(held, int(number), limit + 1)
        while len(found) <= limit:
            page = await self._registry.page(region, name, limit)
            for latest in page:
                room = limit + 1 - len(found)
                found += [latest, *await self._versions.page(latest, 0, room)][:room]
            if len(page) < limit:
                break
            name = page[-1].name
        last = found[limit - 1] if len(found) > limit else None
        if last is None:
            return _page(found, None)
        return _page(found[:limit], f"{last.name}:{last.version.replace('$LATEST', '0')}")

    async def update_function_code(self, call: Call) -> Reply:
        request = call.input
        form.refuse_image(request)
        name = self._named(call).name
        found = await self._registry.get(call.region, name)
        source = form.code_of(request)
        form.check_code_change(request, found)
        code = await self._parts.source.content(source)
        revision_id = request.get("RevisionId")
        if request.get("DryRun"):
            changed = await self._registry.check_update(found, code, revision_id)
            return Reply.json(form.configuration_of(changed))
        changed = await self._registry.update_code(call.region, name, code, revision_id)
        await self._parts.calls.renew(changed)
        if request.get("Publish"):
            changed = await self._versions.publish(call.region, name, _EMPTY)
        return Reply.json(form.configuration_of(changed))

    async def update_function_configuration(self, call: Call) -> Reply:
        request = call.input
        change = form.configuration_change(request)
        if "Layers" in request:
            used = await self._registry.layers.used(call.region, request["Layers"])
            change = replace(change, layers=used)
        name = self._named(call).name
        changed = await self._registry.update_configuration(
            call.region, name, change, request.get("RevisionId")
        )
        await self._parts.calls.renew(changed)
        return Reply.json(form.configuration_of(changed))

    async def delete_function(self, call: Call) -> Reply:
        name, qualifier = self._named(call)
        if qualifier is not None:
            latest = await self._versions.delete(call.region, name, qualifier)
            self._parts.pool.forget(latest.arn, qualifier)
            return Reply(b"", 204)
        found = await self._registry.get(call.region, name)
        await self._registry.delete(call.region, name)
        self._parts.pool.forget(found.arn)
        await self._parts.journals.forget(call.region, name)
        return Reply(b"", 204)

    async def _found(self, call: Call) -> Function:
        name, qualifier = self._named(call)
        return await self._versions.find(call.region, name, qualifier)

    def _named(self, call: Call) -> Named:
        return named(call.input, call.region, self._registry.account)


def _page(found: list[Function], last: str | None) -> Reply:
    answer: dict[str, Any] = {"Functions": [form.configuration_of(each) for each in found]}
    if last is not None:
        answer["NextMarker"] = paging.marker(last)
    return Reply.json(answer)
