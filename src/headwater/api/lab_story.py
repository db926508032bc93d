"""The lab's operation that tells the story of a record; its shape is listed in `lab.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from headwater.api.lab import refuse, refuse_unknown
from headwater.api.lab_streams import LabStreamHandlers, check_number, check_text
from headwater.api.operation import Call, OwnOperation
from headwater.api.reply import Reply
from headwater.consumers.delivery import Delivered
from headwater.datastreams.stream import DataStream
from headwater.errors import ResourceNotFoundException, ValidationException
from headwater.lab.finding import latest_number, number_of_event
from headwater.lab.journal import Delivery
from headwater.lab.leases import position_text
from headwater.lab.outsiders import Standing
from headwater.lab.sending import Sending, SendState
from headwater.lab.story import (
    Fate,
    Place,
    Reading,
    Witnesses,
    place_of,
    reading_of,
    sending_of,
)
from headwater.lab.streams import StreamStore
from headwater.limits import mappings_page_max
from headwater.mappings.mapping import EventSourceMapping
from headwater.sinks.sink import Sink
from headwater.storage.keyspace import ShardId, is_counted
from headwater.streams.entry import Kind
from headwater.streams.render import event_id
from headwater.streams.shard import parse_sequence, sequence_text
from headwater.streams.window import Stream
from headwater.values import item as items
from headwater.values.item import Item

_NAMES: Final = frozenset({"SequenceNumber", "EventId", "Key"})
_KEY_TYPES: Final = frozenset("SNB")

Input = dict[str, Any]


class LabStoryHandlers:
    """The handler; without the lab, the operation is refused."""

    def __init__(
        self, streams: LabStreamHandlers, store: StreamStore, witnesses: Witnesses
    ) -> None:
        self._streams = streams
        self._store = store
        self._witnesses = witnesses

    def operations(self) -> Mapping[str, OwnOperation]:
        return {"Explain": OwnOperation(_checked, self.explain)}

    async def explain(self, call: Call) -> Reply:
        stream = await self._streams.stream(call)
        place = await self._place(call.input, stream)
        readers = [
            await self._reader(mapping, place, stream) for mapping in await self._readers(call)
        ]
        sinks = [
            _sink(sink, place, await reading_of(self._store, self._witnesses, sink, place, stream))
            for sink in await self._witnesses.sinks.of_region(call.region)
            if sink.stream_key == stream.key
        ]
        record = place.number, None if place.entry is None else place.entry.time_us
        outsiders = self._witnesses.outsiders
        consumers = [
            _consumer(await outsiders.standing(registration, place.shard, record))
            for registration in await outsiders.registered(call.region)
            if registration.stream_arn == call.input["StreamArn"]
        ]
        told = {"Readers": readers, "Sinks": sinks, "Consumers": consumers}
        return Reply.json({**_place(place), **told})

    async def _reader(
        self, mapping: EventSourceMapping, place: Place, stream: Stream | DataStream
    ) -> dict[str, Any]:
        reading = await reading_of(self._store, self._witnesses, mapping, place, stream)
        sending = await sending_of(self._store, self._witnesses, mapping, reading)
        return _reader(mapping, place, reading, sending)

    async def _place(self, body: Input, stream: Stream | DataStream) -> Place:
        """Where the record is that a request names. Raises ResourceNotFoundException."""
        (name,) = body.keys() & _NAMES
        number: int | None
        if name == "SequenceNumber":
            number = parse_sequence(body[name])
        elif name == "EventId":
            number = await number_of_event(self._store, stream, body[name])
        elif isinstance(stream, DataStream):
            raise ValidationException(
                "Key is for streams of tables. A record of a data stream is named by its "
                "SequenceNumber or its EventId"
            )
        else:
            number = await latest_number(self._store, stream, _key(body[name], stream))
        place = None if number is None else await place_of(self._store, stream, number)
        if place is None:
            what = body[name] if isinstance(body[name], str) else orjson.dumps(body[name]).decode()
            raise ResourceNotFoundException(
                f"Requested resource not found: {name}: {what} not found"
            )
        return place

    async def _readers(self, call: Call) -> list[EventSourceMapping]:
        of = {"stream_arn": call.input["StreamArn"]}
        readers: list[EventSourceMapping] = []
        has_more, after = True, ""
        while has_more:
            page, has_more = await self._witnesses.mappings.page(
                call.region, after, mappings_page_max, of
            )
            readers += page
            after = page[-1].uuid if page else ""
        return readers


def refused() -> Mapping[str, OwnOperation]:
    """The operation on a server that does not offer it."""
    return {"Explain": OwnOperation(_checked, refuse)}


def _checked(body: Input) -> Input:
    refuse_unknown(body, {"StreamArn", *_NAMES})
    check_text(body, "StreamArn")
    if len(body.keys() & _NAMES) != 1:
        raise ValidationException("One of SequenceNumber, EventId and Key must be given")
    if "SequenceNumber" in body:
        check_number(body)
    if "EventId" in body:
        check_text(body, "EventId")
    return body


def _key(wanted: Any, stream: Stream) -> Item:
    """The key of an item, as the stream's records hold it. Raises ValidationException."""
    key, _ = items.normalise(wanted)
    if key.keys() != set(stream.keys) or any(
        not value.keys() <= _KEY_TYPES for value in key.values()
    ):
        raise ValidationException("The provided key element does not match the schema")
    return key


def _place(place: Place) -> dict[str, Any]:
    shard_id = place.shard.shard_id
    number = sequence_text(place.number, shard_id)
    told: dict[str, Any] = {
        "SequenceNumber": number,
        "EventId": f"{shard_id}:{number}"
        if is_counted(shard_id)
        else event_id(shard_id, place.number),
        "ShardId": shard_id,
        "Parents": place.lineage,
        "Readable": place.is_readable,
    }
    entry = place.entry
    if entry is not None and entry.kind is Kind.RECORD:
        told["At"] = entry.time_us / 1e6
        told["PartitionKey"] = entry.keys.body.decode()
    elif entry is not None:
        told["At"] = entry.time_us / 1e6
        told["EventName"] = entry.kind.name
        told["ByService"] = entry.is_by_service
        told["Keys"] = orjson.loads(entry.keys.body)
    return told


def _sink(sink: Sink, place: Place, reading: Reading) -> dict[str, Any]:
    about = {"Name": sink.name, "Kind": sink.kind, "State": sink.told_state}
    return {**about, **_reading(place, reading)}


def _reading(place: Place, reading: Reading) -> dict[str, Any]:
    shard_id = place.shard.shard_id
    told: dict[str, Any] = {
        "Fate": reading.fate,
        "Deliveries": [_delivery(each, shard_id) for each in reading.past.deliveries],
    }
    if reading.checkpoint is not None:
        told["Position"] = sequence_text(reading.checkpoint.position, shard_id)
    return told


def _reader(
    mapping: EventSourceMapping, place: Place, reading: Reading, sending: Sending | None
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "UUID": mapping.uuid,
        "FunctionArn": mapping.function_arn,
        "State": mapping.settled.value,
        **_reading(place, reading),
    }
    given_up = reading.past.given_up
    if given_up is not None:
        told["GivenUpAt"] = given_up.at
        told["GivenUpReason"] = given_up.reason
    if sending is not None:
        told["SentTo"] = mapping.manner.failure_destination
        told["SendState"] = sending.state
        told["SendAttempts"] = sending.attempts
        if sending.at is not None:
            name = "NextSendAt" if sending.state is SendState.WAITING else "SendEndedAt"
            told[name] = sending.at
    return told


def _consumer(standing: Standing) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Name": standing.registration.name,
        "LeaseTable": standing.registration.lease_table,
        "Fate": Fate.PASSED if standing.has_passed else Fate.WAITING,
    }
    lease = standing.lease
    if lease is not None:
        told["Position"] = position_text(lease.position)
        if lease.owner is not None:
            told["Owner"] = lease.owner
    return told


def _delivery(delivery: Delivery, shard_id: ShardId) -> dict[str, Any]:
    outcome = delivery.outcome
    told: dict[str, Any] = {
        "BeganAt": delivery.began_at,
        "Records": len(delivery.numbers),
        "First": sequence_text(delivery.numbers[0], shard_id),
        "Last": sequence_text(delivery.numbers[-1], shard_id),
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
