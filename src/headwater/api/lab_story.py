"""The lab's operation that tells the story of a record; its shape is listed in `lab.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from headwater.api.lab import refuse, refuse_unknown
from headwater.api.lab_streams import LabStreamHandlers, check_number, check_text
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.consumers.delivery import Delivered
from headwater.errors import ResourceNotFoundException
from headwater.lab.journal import Delivery, Journal
from headwater.lab.story import Place, Reading, place_of, reading_of
from headwater.lab.streams import StreamStore
from headwater.limits import mappings_page_max
from headwater.mappings.mapping import EventSourceMapping
from headwater.mappings.service import MappingService
from headwater.streams.shard import parse_sequence, sequence_text

Input = dict[str, Any]


class LabStoryHandlers:
    """The handler; without the lab, the operation is refused."""

    def __init__(
        self,
        streams: LabStreamHandlers,
        store: StreamStore,
        journal: Journal,
        mappings: MappingService,
    ) -> None:
        self._streams = streams
        self._store = store
        self._journal = journal
        self._mappings = mappings

    def operations(self) -> Mapping[str, OwnOperation]:
        return {"Explain": OwnOperation(_checked, self.explain)}

    async def explain(self, call: Call) -> Reply:
        stream = await self._streams.stream(call)
        text = call.input["SequenceNumber"]
        place = await place_of(self._store, stream, parse_sequence(text))
        if place is None:
            raise ResourceNotFoundException(
                f"Requested resource not found: SequenceNumber: {text} not found"
            )
        readers = [
            _reader(await reading_of(self._store, self._journal, mapping, place, stream))
            for mapping in await self._readers(call)
        ]
        return Reply.json({**_place(place), "Readers": readers})

    async def _readers(self, call: Call) -> list[EventSourceMapping]:
        of = {"stream_arn": call.input["StreamArn"]}
        readers: list[EventSourceMapping] = []
        has_more, after = True, ""
        while has_more:
            page, has_more = await self._mappings.page(call.region, after, mappings_page_max, of)
            readers += page
            after = page[-1].uuid if page else ""
        return readers


def refused() -> Mapping[str, OwnOperation]:
    """The operation on a server that does not offer it."""
    return {"Explain": OwnOperation(_checked, refuse)}


def _checked(body: Input) -> Input:
    refuse_unknown(body, {"StreamArn", "SequenceNumber"})
    check_text(body, "StreamArn")
    check_number(body)
    return body


def _place(place: Place) -> dict[str, Any]:
    told: dict[str, Any] = {
        "SequenceNumber": sequence_text(place.number),
        "ShardId": place.shard.shard_id,
        "Parents": place.lineage,
        "Readable": place.is_readable,
    }
    entry = place.entry
    if entry is not None:
        told["At"] = entry.time_us / 1e6
        told["EventName"] = entry.kind.name
        told["ByService"] = entry.is_by_service
        told["Keys"] = orjson.loads(entry.keys.body)
    return told


def _reader(reading: Reading) -> dict[str, Any]:
    mapping, past = reading.mapping, reading.past
    told: dict[str, Any] = {
        "UUID": mapping.uuid,
        "FunctionArn": mapping.function_arn,
        "State": mapping.settled.value,
        "Fate": reading.fate,
        "Deliveries": [_delivery(each) for each in past.deliveries],
    }
    if reading.checkpoint is not None:
        told["Position"] = sequence_text(reading.checkpoint.position)
    if past.given_up is not None:
        told["GivenUpAt"] = past.given_up.at
        told["GivenUpReason"] = past.given_up.reason
        if mapping.manner.failure_destination:
            told["SentTo"] = mapping.manner.failure_destination
    return told


def _delivery(delivery: Delivery) -> dict[str, Any]:
    outcome = delivery.outcome
    told: dict[str, Any] = {
        "BeganAt": delivery.began_at,
        "Records": len(delivery.numbers),
        "First": sequence_text(delivery.numbers[0]),
        "Last": sequence_text(delivery.numbers[-1]),
        "Outcome": _outcome(delivery),
    }
    optional = {
        "EndedAt": delivery.ended_at,
        "NextAttemptAt": delivery.next_at,
        "RequestId": delivery.request_id,
        "Reason": None if outcome is None or isinstance(outcome, Delivered) else outcome.reason,
    }
    return told | {name: value for name, value in optional.items() if value is not None}


def _outcome(delivery: Delivery) -> str:
    if delivery.outcome is not None:
        return type(delivery.outcome).__name__
    return "CutOff" if delivery.is_cut_off else "UnderWay"
