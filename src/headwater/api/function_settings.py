"""Lambda's operations on what belongs to a whole function or the account.

Reserved concurrency, settings of asynchronous invocations, tags, and what the account has and may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headwater.api import paging
from headwater.api.function_name import Named, named
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_function
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
)
from headwater.functions.function import LATEST, Function
from headwater.functions.registry import Registry, not_found
from headwater.functions.shared import AsyncSettings
from headwater.functions.versions import Versions
from headwater.limits import (
    MB,
    function_code_bytes_max,
    function_concurrency_max,
    function_zip_bytes_max,
    tags_max,
)

_CODE_BYTES_MAX: Final = 75 * 1024 * MB  # of all functions and layers of an account


class FunctionSettingsHandlers:
    """The handlers."""

    def __init__(self, registry: Registry, versions: Versions) -> None:
        self._registry = registry
        self._versions = versions

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        handlers: Mapping[str, Handler] = {
            "PutFunctionConcurrency": self.put_function_concurrency,
            "GetFunctionConcurrency": self.get_function_concurrency,
            "DeleteFunctionConcurrency": self.delete_function_concurrency,
            "PutFunctionEventInvokeConfig": self.put_function_event_invoke_config,
            "UpdateFunctionEventInvokeConfig": self.update_function_event_invoke_config,
            "GetFunctionEventInvokeConfig": self.get_function_event_invoke_config,
            "ListFunctionEventInvokeConfigs": self.list_function_event_invoke_configs,
            "DeleteFunctionEventInvokeConfig": self.delete_function_event_invoke_config,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTags": self.list_tags,
            "GetAccountSettings": self.get_account_settings,
        }
        return {("lambda", name): handler for name, handler in handlers.items()}

    # reserved concurrency

    async def put_function_concurrency(self, call: Call) -> Reply:
        wanted = call.input["ReservedConcurrentExecutions"]
        await self._registry.reserve(call.region, self._named(call).name, wanted)
        return Reply.json({"ReservedConcurrentExecutions": wanted})

    async def get_function_concurrency(self, call: Call) -> Reply:
        latest = await self._registry.get(call.region, self._named(call).name)
        reserved = latest.shared.reserved
        return Reply.json({} if reserved is None else {"ReservedConcurrentExecutions": reserved})

    async def delete_function_concurrency(self, call: Call) -> Reply:
        await self._registry.reserve(call.region, self._named(call).name, None)
        return Reply(b"", 204)

    # asynchronous invocations

    async def put_function_event_invoke_config(self, call: Call) -> Reply:
        return await self._configure(call, keeps=False)

    async def update_function_event_invoke_config(self, call: Call) -> Reply:
        return await self._configure(call, keeps=True)

    async def _configure(self, call: Call, *, keeps: bool) -> Reply:
        """Set what is asked for; the rest stays, or becomes the default."""
        name, qualifier = self._named(call)
        await self._versions.find(call.region, name, qualifier)
        qualifier = qualifier or LATEST
        asked = call.input
        destinations = {
            member: asked["DestinationConfig"].get(kind, {}).get("Destination") or None
            for member, kind in (("on_success", "OnSuccess"), ("on_failure", "OnFailure"))
            if kind in asked.get("DestinationConfig", {})
        }
        for arn in filter(None, destinations.values()):
            self._check_destination(call, arn)
        now = self._registry.machine.clock.now()
        given: dict[str, Any] = {**destinations, "last_modified": now}
        if "MaximumRetryAttempts" in asked:
            given["retries_max"] = asked["MaximumRetryAttempts"]
        if "MaximumEventAgeInSeconds" in asked:
            given["age_seconds_max"] = asked["MaximumEventAgeInSeconds"]

        def change(latest: Function) -> Function:
            old = latest.shared.async_settings.get(qualifier)
            if keeps and old is None:
                raise _no_settings(latest, qualifier)
            if old is None or not keeps:
                old = AsyncSettings(None, None, None, None, now)
            return _with_settings(latest, qualifier, replace(old, **given))

        changed = await self._registry.alter(call.region, name, change)
        return Reply.json(_settings_shape(changed, qualifier))

    def _check_destination(self, call: Call, arn: str) -> None:
        parts = parse_function(arn)
        if parts is None:
            self._registry.check_destination(arn)
        elif (parts.region, parts.account) != (call.region, self._registry.account):
            raise InvalidParameterValueException(
                f"The destination ARN {arn} is invalid: it is of another region or account."
            )

    async def get_function_event_invoke_config(self, call: Call) -> Reply:
        name, qualifier = self._named(call)
        latest = await self._registry.get(call.region, name)
        return Reply.json(_settings_shape(latest, qualifier or LATEST))

    async def list_function_event_invoke_configs(self, call: Call) -> Reply:
        latest = await self._registry.get(call.region, self._named(call).name)
        limit = paging.limit_of(call.input)
        start = paging.start_of(call.input)
        found = sorted(each for each in latest.shared.async_settings if each > start)
        answer: dict[str, Any] = {
            "FunctionEventInvokeConfigs": [_settings_shape(latest, each) for each in found[:limit]]
        }
        if len(found) > limit:
            answer["NextMarker"] = paging.marker(found[limit - 1])
        return Reply.json(answer)

    async def delete_function_event_invoke_config(self, call: Call) -> Reply:
        name, asked = self._named(call)
        qualifier = asked or LATEST

        def change(latest: Function) -> Function:
            if qualifier not in latest.shared.async_settings:
                raise _no_settings(latest, qualifier)
            return _with_settings(latest, qualifier, None)

        await self._registry.alter(call.region, name, change)
        return Reply(b"", 204)

    # tags

    async def tag_resource(self, call: Call) -> Reply:
        given = call.input["Tags"]

        def change(latest: Function) -> Function:
            tags = {**latest.tags, **given}
            if len(tags) > tags_max:
                raise InvalidParameterValueException(
                    f"A function can have at most {tags_max} tags."
                )
            return replace(latest, tags=tags)

        await self._registry.alter(call.region, self._tagged(call), change)
        return Reply(b"", 204)

    async def untag_resource(self, call: Call) -> Reply:
        gone = set(call.input["TagKeys"])

        def change(latest: Function) -> Function:
            kept = {key: value for key, value in latest.tags.items() if key not in gone}
            return replace(latest, tags=kept)

        await self._registry.alter(call.region, self._tagged(call), change)
        return Reply(b"", 204)

    async def list_tags(self, call: Call) -> Reply:
        latest = await self._registry.get(call.region, self._tagged(call))
        return Reply.json({"Tags": dict(latest.tags)})

    def _tagged(self, call: Call) -> str:
        """The function whose tags are meant."""
        arn = call.input["Resource"]
        parts = parse_function(arn)
        if parts is None:
            raise InvalidParameterValueException(
                f"Tags of anything but functions and mappings are not supported by Headwater: {arn}"
            )
        if (parts.region, parts.account) != (call.region, self._registry.account):
            raise not_found(arn)
        if parts.qualifier is not None:
            raise InvalidParameterValueException(
                f"Tags on function aliases and versions are not supported. Please specify a "
                f"function ARN: {arn}"
            )
        return parts.function

    # the account

    async def get_account_settings(self, call: Call) -> Reply:
        functions = await self._registry.every(call.region)
        reserved = await self._registry.reserved(call.region)
        return Reply.json(
            {
                "AccountLimit": {
                    "TotalCodeSize": _CODE_BYTES_MAX,
                    "CodeSizeUnzipped": function_code_bytes_max,
                    "CodeSizeZipped": function_zip_bytes_max,
                    "ConcurrentExecutions": function_concurrency_max,
                    "UnreservedConcurrentExecutions": function_concurrency_max - reserved,
                },
                "AccountUsage": {
                    "TotalCodeSize": sum(each.code_size for each in functions),
                    "FunctionCount": len(functions),
                },
            }
        )

    def _named(self, call: Call) -> Named:
        return named(call.input, call.region, self._registry.account)


def _with_settings(latest: Function, qualifier: str, new: AsyncSettings | None) -> Function:
    held = {name: each for name, each in latest.shared.async_settings.items() if name != qualifier}
    if new is not None:
        held[qualifier] = new
    return replace(latest, shared=replace(latest.shared, async_settings=held))


def _no_settings(latest: Function, qualifier: str) -> FunctionNotFound:
    return FunctionNotFound(
        f"The function {latest.arn}:{qualifier} doesn't have an EventInvokeConfig"
    )


def _settings_shape(latest: Function, qualifier: str) -> dict[str, Any]:
    """Raises FunctionNotFound."""
    held = latest.shared.async_settings.get(qualifier)
    if held is None:
        raise _no_settings(latest, qualifier)
    destinations: dict[str, Any] = {"OnSuccess": {}, "OnFailure": {}}
    if held.on_success:
        destinations["OnSuccess"]["Destination"] = held.on_success
    if held.on_failure:
        destinations["OnFailure"]["Destination"] = held.on_failure
    answer = {
        "LastModified": held.last_modified,
        "FunctionArn": f"{latest.arn}:{qualifier}",
        "DestinationConfig": destinations,
    }
    if held.retries_max is not None:
        answer["MaximumRetryAttempts"] = held.retries_max
    if held.age_seconds_max is not None:
        answer["MaximumEventAgeInSeconds"] = held.age_seconds_max
    return answer
