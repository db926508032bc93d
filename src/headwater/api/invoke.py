"""Lambda's Invoke: at once and waited for, later, or not at all."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

import orjson

from headwater.api import function_form as form
from headwater.api.function_name import named
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.clock import Clock
from headwater.errors import InvalidRequestContentException, RequestTooLargeException
from headwater.functions import calls
from headwater.functions.calls import Calls
from headwater.functions.deferral import Deferral
from headwater.functions.deferred import DeferredInvocations
from headwater.functions.outcome import InvokeResult
from headwater.limits import (
    function_async_payload_bytes_max,
    function_client_context_bytes_max,
    function_payload_bytes_max,
)

_EMPTY_EVENT: Final = b"{}"
_SUPPORTED: Final = frozenset(
    {"FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext", "Payload"}
)


class InvokeHandlers:
    """The handlers of invocations."""

    def __init__(
        self, calls_: Calls, deferred: DeferredInvocations, clock: Clock, account: str
    ) -> None:
        self._calls = calls_
        self._deferred = deferred
        self._clock = clock
        self._account = account

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        return {("lambda", "Invoke"): self.invoke}

    async def invoke(self, call: Call) -> Reply:
        request = call.input
        form.refuse_unsupported(request, _SUPPORTED)
        kind = request.get("InvocationType", "RequestResponse")
        payload = _checked_payload(request.get("Payload", b""), kind)
        context = _client_context(request.get("ClientContext"))
        name, qualifier = named(request, call.region, self._account)
        if kind == "RequestResponse":
            result = await self._calls.invoke(
                calls.Call(call.region, name, qualifier, payload, call.request_id, context)
            )
            return _result(result, with_log=request.get("LogType") == "Tail")
        await self._calls.check(call.region, name, qualifier)
        if kind == "DryRun":
            return Reply(b"", 204)
        text = None if context is None else context.decode()
        now = self._clock.now()
        deferral = Deferral(call.region, name, qualifier, call.request_id, now, len(payload), text)
        await self._deferred.begin(deferral, payload)
        return Reply(b"", 202)


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


def _client_context(text: str | None) -> bytes | None:
    """What the caller says of itself, as JSON. Raises InvalidRequestContentException."""
    if text is None:
        return None
    try:
        content = orjson.loads(b64decode(text, validate=True))
    except ValueError as error:
        raise InvalidRequestContentException(
            f"Client context must be a valid Base64-encoded JSON object: {error}"
        ) from error
    if not isinstance(content, dict):
        raise InvalidRequestContentException("Client context must be a JSON object.")
    if len(text) > function_client_context_bytes_max:
        raise InvalidRequestContentException(
            f"Client context must be no more than {function_client_context_bytes_max} bytes when "
            "base64-encoded."
        )
    # ASCII, and on one line: it travels in a header.
    return json.dumps(content).encode()


def _result(result: InvokeResult, *, with_log: bool) -> Reply:
    headers = [("X-Amz-Executed-Version", result.executed_version)]
    if result.error is not None:
        headers.append(("X-Amz-Function-Error", result.error))
    if with_log:
        headers.append(("X-Amz-Log-Result", b64encode(result.log_tail).decode()))
    return Reply(result.payload, 200, tuple(headers))
