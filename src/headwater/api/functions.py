"""Lambda's operations on functions: registering, changing, listing and invoking them."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import orjson

from headwater.api import function_form as form
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.clock import Clock
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestTooLargeException,
)
from headwater.functions.deferred import DeferredInvocations, Spawn
from headwater.functions.function import Function
from headwater.functions.outcome import InvokeResult
from headwater.functions.pool import Pool
from headwater.functions.registry import Registry
from headwater.limits import (
    function_async_payload_bytes_max,
    function_payload_bytes_max,
    functions_page_max,
)

_EMPTY_EVENT: Final = b"{}"


class FunctionHandlers:
    """The handlers, over a registry and a pool. spawn: starts asynchronous invocations."""

    def __init__(
        self, registry: Registry, pool: Pool, account: str, clock: Clock, spawn: Spawn
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._account = account
        self._deferred = DeferredInvocations(pool, clock, spawn)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        named: Mapping[str, Handler] = {
            "CreateFunction": self.create_function,
            "DeleteFunction": self.delete_function,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "Invoke": self.invoke,
            "ListFunctions": self.list_functions,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
        }
        return {("lambda", name): handler for name, handler in named.items()}

    async def create_function(self, call: Call) -> Reply:
        request = call.input
        name, _ = form.split_name(request["FunctionName"], call.region, self._account)
        configuration = form.new_configuration(request)
        code = form.code_of(request["Code"])
        form.refuse_unsupported(request["Code"], frozenset({"ZipFile"}))
        created = await self._registry.create(
            call.region, name, configuration, code, request.get("Tags", {})
        )
        return Reply.json(form.configuration_of(created))

    async def get_function(self, call: Call) -> Reply:
        found = await self._found(call)
        answer: dict[str, Any] = {
            "Configuration": form.configuration_of(found),
            "Code": {"RepositoryType": "S3"},
        }
        if found.tags:
            answer["Tags"] = dict(found.tags)
        return Reply.json(answer)

    async def get_function_configuration(self, call: Call) -> Reply:
        return Reply.json(form.configuration_of(await self._found(call)))

    async def list_functions(self, call: Call) -> Reply:
        request = call.input
        # With no other versions than the latest, all versions are those listed anyway.
        form.refuse_unsupported(request, frozenset({"FunctionVersion", "Marker", "MaxItems"}))
        limit = min(request.get("MaxItems", functions_page_max), functions_page_max)
        start = _name_of_marker(request["Marker"]) if "Marker" in request else ""
        found = await self._registry.page(call.region, start, limit + 1)
        answer: dict[str, Any] = {
            "Functions": [form.configuration_of(each) for each in found[:limit]]
        }
        if len(found) > limit:
            answer["NextMarker"] = urlsafe_b64encode(found[limit - 1].name.encode()).decode()
        return Reply.json(answer)

    async def update_function_code(self, call: Call) -> Reply:
        request = call.input
        found = await self._found(call)
        form.check_code_change(request, found)
        code = form.code_of(request)
        revision_id = request.get("RevisionId")
        if request.get("DryRun"):
            await self._registry.check_update(found, code, revision_id)
            return Reply.json(form.configuration_of(found))
        changed = await self._registry.update_code(call.region, found.name, code, revision_id)
        return Reply.json(form.configuration_of(changed))

    async def update_function_configuration(self, call: Call) -> Reply:
        request = call.input
        found = await self._found(call)
        changed = await self._registry.update_configuration(
            call.region, found.name, form.configuration_change(request), request.get("RevisionId")
        )
        return Reply.json(form.configuration_of(changed))

    async def delete_function(self, call: Call) -> Reply:
        found = await self._found(call)
        if "Qualifier" in call.input:
            raise InvalidParameterValueException(
                f"{call.input['Qualifier']} version cannot be deleted without deleting the function"
            )
        await self._registry.delete(call.region, found.name)
        self._pool.forget(found.arn)
        return Reply(b"", 204)

    async def invoke(self, call: Call) -> Reply:
        request = call.input
        form.refuse_unsupported(
            request,
            frozenset({"FunctionName", "Qualifier", "InvocationType", "LogType", "Payload"}),
        )
        kind = request.get("InvocationType", "RequestResponse")
        payload = _checked_payload(request.get("Payload", b""), kind)
        name = await self._latest_name(call)
        version = await self._registry.version(call.region, name)
        if kind == "DryRun":
            return Reply(b"", 204)
        if kind == "Event":
            self._deferred.begin(version, payload, call.request_id)
            return Reply(b"", 202)
        result = await self._pool.invoke(version, payload, call.request_id)
        return _result(result, with_log=request.get("LogType") == "Tail")

    async def _found(self, call: Call) -> Function:
        return await self._registry.get(call.region, await self._latest_name(call))

    async def _latest_name(self, call: Call) -> str:
        """The name in a request that may name a version: there is only the latest.

        Raises FunctionNotFound for any other.
        """
        name, qualifier = form.split_name(call.input["FunctionName"], call.region, self._account)
        wanted = call.input.get("Qualifier", qualifier)
        if not form.is_latest(wanted):
            found = await self._registry.get(call.region, name)
            raise FunctionNotFound(f"Function not found: {found.arn}:{wanted}")
        return name


def _checked_payload(payload: bytes, kind: str) -> bytes:
    """The event of an invocation, which is JSON within its limit; nothing means an empty object.

    Raises RequestTooLargeException or InvalidRequestContentException.
    """
    limit = function_async_payload_bytes_max if kind == "Event" else function_payload_bytes_max
    if len(payload) > limit:
        raise RequestTooLargeException(
            f"{len(payload)} byte payload is too large for the {kind} invocation type "
            f"(limit {limit} bytes)"
        )
    if not payload:
        return _EMPTY_EVENT
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: {error}"
        ) from error
    return payload


def _result(result: InvokeResult, *, with_log: bool) -> Reply:
    headers = [("X-Amz-Executed-Version", result.executed_version)]
    if result.error is not None:
        headers.append(("X-Amz-Function-Error", result.error))
    if with_log:
        headers.append(("X-Amz-Log-Result", b64encode(result.log_tail).decode()))
    return Reply(result.payload, 200, tuple(headers))


def _name_of_marker(marker: str) -> str:
    try:
        return b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise InvalidParameterValueException(f"Invalid Marker: {marker}") from error
