"""Lambda's operations on event source mappings, for DynamoDB streams.

What other sources or later features need is refused by name; its neutral value, which SDKs and
infrastructure tools send along, is taken. Texts: AWS Lambda API Reference, and observed; where
AWS's text is not known ours is in its manner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_stream
from headwater.errors import InvalidParameterValueException
from headwater.limits import mappings_page_max
from headwater.mappings.changes import stream_missing
from headwater.mappings.mapping import (
    LATEST_VERSION,
    EventSourceMapping,
    Manner,
    StartingPosition,
    parse_function_reference,
)
from headwater.mappings.service import MappingService, NewMapping

_AGE_SECONDS_MIN: Final = 60
_UNLIMITED: Final = -1
_SUPPORTED: Final = frozenset(
    {
        "UUID",
        "EventSourceArn",
        "FunctionName",
        "StartingPosition",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "Enabled",
        "MaximumRetryAttempts",
        "MaximumRecordAgeInSeconds",
    }
)
# What says of an unsupported parameter that it is not used, besides what is empty.
_NEUTRAL: Final = {
    "ParallelizationFactor": 1,
    "BisectBatchOnFunctionError": False,
    "TumblingWindowInSeconds": 0,
}
_MANNER: Final = {
    "Enabled": "is_enabled",
    "BatchSize": "batch_records_max",
    "MaximumBatchingWindowInSeconds": "window_seconds",
    "MaximumRetryAttempts": "retries_max",
    "MaximumRecordAgeInSeconds": "age_seconds_max",
}


class MappingHandlers:
    """The handlers of event source mappings, of service `lambda`."""

    def __init__(self, service: MappingService, account: str) -> None:
        self._service = service
        self._account = account

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler, by service and operation."""
        return {
            ("lambda", "CreateEventSourceMapping"): self.create,
            ("lambda", "GetEventSourceMapping"): self.get,
            ("lambda", "ListEventSourceMappings"): self.list_page,
            ("lambda", "UpdateEventSourceMapping"): self.update,
            ("lambda", "DeleteEventSourceMapping"): self.delete,
        }

    async def create(self, call: Call) -> Reply:
        """Join a stream and a function."""
        asked = call.input
        _refuse_unsupported(asked)
        new = NewMapping(
            call.region,
            self._stream_arn(call),
            _starting_position(asked),
            _manner(asked, Manner(self._function_name(call))),
        )
        return _described(await self._service.create(new))

    async def get(self, call: Call) -> Reply:
        """One mapping."""
        return _described(await self._service.get(call.region, call.input["UUID"]))

    async def list_page(self, call: Call) -> Reply:
        """Mappings in the order of their ids; Marker is the last id of the page before."""
        of = {}
        if "EventSourceArn" in call.input:
            of["stream_arn"] = call.input["EventSourceArn"]
        if "FunctionName" in call.input:
            of["function_name"] = self._function_name(call)
        limit = min(call.input.get("MaxItems", mappings_page_max), mappings_page_max)
        after = call.input.get("Marker", "")
        page, has_more = await self._service.page(call.region, after, limit, of)
        answer: dict[str, Any] = {"EventSourceMappings": [_shape(mapping) for mapping in page]}
        if has_more:
            answer["NextMarker"] = page[-1].uuid
        return Reply.json(answer)

    async def update(self, call: Call) -> Reply:
        """Change what can be changed of a mapping."""
        asked = call.input
        _refuse_unsupported(asked)
        mapping = await self._service.get(call.region, asked["UUID"])
        manner = _manner(asked, mapping.manner)
        if "FunctionName" in asked:
            manner = replace(manner, function_name=self._function_name(call))
        return _described(await self._service.change(mapping, manner))

    async def delete(self, call: Call) -> Reply:
        """Delete a mapping; the answer shows it as it goes."""
        mapping = await self._service.get(call.region, call.input["UUID"])
        return _described(await self._service.delete(mapping))

    def _stream_arn(self, call: Call) -> str:
        arn: str = call.input.get("EventSourceArn", "")
        name = parse_stream(arn)
        if name is None:
            raise InvalidParameterValueException(
                "Unrecognized event source, must be a DynamoDB stream. "
                f"Unsupported source arn : {arn}"
            )
        if (name.region, name.account) != (call.region, self._account):
            raise stream_missing(arn)
        return arn

    def _function_name(self, call: Call) -> str:
        """The bare name of the function asked for, which must be one of this region."""
        reference = parse_function_reference(call.input["FunctionName"])
        if (
            reference is None
            or reference.region not in (None, call.region)
            or reference.account not in (None, self._account)
        ):
            raise InvalidParameterValueException("Function does not exist")
        if reference.qualifier not in (None, LATEST_VERSION):
            raise InvalidParameterValueException(
                "A version or an alias of a function in FunctionName is not yet supported"
            )
        return reference.name


def _refuse_unsupported(asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if name not in _SUPPORTED and not _is_neutral(value, _NEUTRAL.get(name)):
            raise InvalidParameterValueException(f"{name} is not yet supported")


def _is_neutral(value: Any, neutral: Any) -> bool:
    """Whether a value says nothing: the neutral one, or empty through and through."""
    if isinstance(value, dict):
        return all(_is_neutral(member, None) for member in value.values())
    return value in ([], "") or (neutral is not None and value == neutral)


def _starting_position(asked: Mapping[str, Any]) -> StartingPosition:
    position = asked.get("StartingPosition")
    if position is None:
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    if position not in StartingPosition.__members__:
        raise InvalidParameterValueException(
            f"Unsupported starting position for arn type: {asked['EventSourceArn']}"
        )
    return StartingPosition(position)


def _manner(asked: Mapping[str, Any], before: Manner) -> Manner:
    """A manner with what is asked for changed."""
    age = asked.get("MaximumRecordAgeInSeconds", _UNLIMITED)
    if age != _UNLIMITED and age < _AGE_SECONDS_MIN:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {_AGE_SECONDS_MIN}: {age}"
        )
    return replace(before, **{_MANNER[name]: asked[name] for name in _MANNER if name in asked})


def _described(mapping: EventSourceMapping) -> Reply:
    return Reply.json(_shape(mapping))


def _shape(mapping: EventSourceMapping) -> dict[str, Any]:
    """A mapping as Lambda shows it; what is not supported has the value that says so."""
    manner = mapping.manner
    return {
        "UUID": mapping.uuid,
        "StartingPosition": mapping.starting_position,
        "BatchSize": manner.batch_records_max,
        "MaximumBatchingWindowInSeconds": manner.window_seconds,
        "ParallelizationFactor": 1,
        "EventSourceArn": mapping.stream_arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified,
        "LastProcessingResult": mapping.last_result,
        "State": mapping.state,
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": manner.age_seconds_max,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": manner.retries_max,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": mapping.arn,
    }
