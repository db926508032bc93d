"""Lambda's operations on event source mappings, for streams of tables and for data streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headwater.api.mapping_form import (
    manner_of,
    refuse_unsupported,
    shape,
    starting_at,
    starting_position,
)
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_data_stream, parse_stream
from headwater.errors import InvalidParameterValueException
from headwater.limits import mappings_page_max
from headwater.mappings.changes import stream_missing
from headwater.mappings.mapping import (
    LATEST_VERSION,
    EventSourceMapping,
    Manner,
    parse_function_reference,
)
from headwater.mappings.service import MappingService, NewMapping


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
        refuse_unsupported(asked, asked.get("EventSourceArn", ""))
        new = NewMapping(
            call.region,
            self._stream_arn(call),
            starting_position(asked),
            manner_of(asked, Manner(self._function_name(call))),
            asked.get("Tags", {}),
            starting_at(asked, self._service.now()),
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
        answer: dict[str, Any] = {"EventSourceMappings": [shape(mapping) for mapping in page]}
        if has_more:
            answer["NextMarker"] = page[-1].uuid
        return Reply.json(answer)

    async def update(self, call: Call) -> Reply:
        """Change what can be changed of a mapping."""
        asked = call.input
        mapping = await self._service.get(call.region, asked["UUID"])
        refuse_unsupported(asked, mapping.stream_arn)
        manner = manner_of(asked, mapping.manner)
        if "FunctionName" in asked:
            manner = replace(manner, function_name=self._function_name(call))
        return _described(await self._service.change(mapping, manner))

    async def delete(self, call: Call) -> Reply:
        """Delete a mapping; the answer shows it as it goes."""
        mapping = await self._service.get(call.region, call.input["UUID"])
        return _described(await self._service.delete(mapping))

    def _stream_arn(self, call: Call) -> str:
        arn: str = call.input.get("EventSourceArn", "")
        data_stream = parse_data_stream(arn)
        if data_stream is not None and data_stream.consumer is not None:
            raise InvalidParameterValueException(
                "Registered consumers are not supported by Headwater as event sources: give the "
                f"ARN of the data stream instead of {arn}"
            )
        name = data_stream or parse_stream(arn)
        if name is None:
            raise InvalidParameterValueException(
                "Unrecognized event source, must be a DynamoDB stream or a Kinesis data stream. "
                f"Unsupported source arn : {arn}"
            )
        if (name.region, name.account) != (call.region, self._account):
            raise stream_missing(arn)
        return arn

    def _function_name(self, call: Call) -> str:
        """The function asked for, with its qualifier; it must be one of this region."""
        reference = parse_function_reference(call.input["FunctionName"])
        if (
            reference is None
            or reference.region not in (None, call.region)
            or reference.account not in (None, self._account)
        ):
            raise InvalidParameterValueException("Function does not exist")
        if reference.qualifier in (None, LATEST_VERSION):
            return reference.name
        return f"{reference.name}:{reference.qualifier}"


def _described(mapping: EventSourceMapping) -> Reply:
    return Reply.json(shape(mapping))
