"""An event source mapping: which function gets which stream's records, in what manner.

`state` is what a client is told. A change asked for puts the mapping into a passing state, and
`settled` names the one in which it comes to rest once readers follow:

    asked for          passing     at rest
    -----------------  ----------  ------------------------------
    create             Creating    Enabled, or Disabled if so asked
    enable             Enabling    Enabled
    disable            Disabling   Disabled
    any other change   Updating    Enabled, or Disabled as before
    delete             Deleting    (gone)

The stored form is JSON of the fields; `version` grows with every change a client asks for.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from headwater.arn import function_arn, mapping_arn
from headwater.consumers.policy import PolicySettings
from headwater.limits import function_payload_bytes_max, mapping_unstored_max
from headwater.mappings.event import FRAME_BYTES, WINDOW_BYTES
from headwater.mappings.source import source_key
from headwater.storage import delivery_keys

_VERSION: Final = 1
_UNLIMITED: Final = -1
_REFERENCE: Final = re.compile(
    r"(?:arn:[^:]*:lambda:)?"
    r"(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?",
    re.ASCII,
)

NOTHING_PROCESSED: Final = "No records processed"
PROCESSED: Final = "OK"
LATEST_VERSION: Final = "$LATEST"


class MappingState(StrEnum):
    """What a client sees; see the module."""

    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    UPDATING = "Updating"
    DELETING = "Deleting"

    @property
    def is_at_rest(self) -> bool:
        return self in (MappingState.ENABLED, MappingState.DISABLED)


class StartingPosition(StrEnum):
    """Where reading starts; at a time only in data streams."""

    TRIM_HORIZON = "TRIM_HORIZON"
    LATEST = "LATEST"
    AT_TIMESTAMP = "AT_TIMESTAMP"


@dataclass(frozen=True, slots=True)
class Manner:
    """What of a mapping can be changed. -1 is no limit.

    function_name: with its qualifier, if it has one: `f:alias`.
    window_seconds, age_seconds_max: seconds. retries_max: after the first failed invocation.
    lanes: batches of a shard at once. tumbling_seconds: length of windows; 0 is none.
    reports_failures: whether the function names the records that failed.
    patterns: of records to see; none is all. failure_destination: an ARN, or empty.
    metrics: those asked for by name.
    """

    function_name: str
    is_enabled: bool = True
    batch_records_max: int = 100
    window_seconds: int = 0
    retries_max: int = _UNLIMITED
    age_seconds_max: int = _UNLIMITED
    lanes: int = 1
    is_bisecting: bool = False
    tumbling_seconds: int = 0
    reports_failures: bool = False
    patterns: tuple[str, ...] = ()
    failure_destination: str = ""
    metrics: tuple[str, ...] = ()

    @property
    def function(self) -> tuple[str, str | None]:
        """The function's name and its qualifier."""
        name, _, qualifier = self.function_name.partition(":")
        return name, qualifier or None


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """A mapping; see the module.

    last_modified: epoch second of its last change, or of its state's.
    last_result: of its last batch. starting_at: epoch seconds, of a position at a time.
    """

    region: str
    account: str
    uuid: str
    stream_arn: str
    starting_position: StartingPosition
    manner: Manner
    state: MappingState
    last_modified: float
    last_result: str = NOTHING_PROCESSED
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    starting_at: float | None = None

    @property
    def key(self) -> bytes:
        """Where the mapping is stored."""
        return delivery_keys.mapping(self.region, self.uuid)

    @property
    def pair_key(self) -> bytes:
        """Where it is stored that stream and function are joined by a mapping."""
        joined = f"{self.stream_arn}\n{self.manner.function_name}".encode()
        return delivery_keys.mapping_pair(self.region, hashlib.sha256(joined).digest())

    @property
    def stream_key(self) -> bytes:
        """Where the stream is stored."""
        return source_key(self.region, self.stream_arn)

    @property
    def function_arn(self) -> str:
        return function_arn(self.region, self.account, self.manner.function_name)

    @property
    def arn(self) -> str:
        return mapping_arn(self.region, self.account, self.uuid)

    @property
    def consumer(self) -> str:
        """The name its checkpoints are stored under."""
        return f"mapping/{self.uuid}"

    @property
    def is_reading(self) -> bool:
        """Whether its records are to be read."""
        return self.manner.is_enabled and self.state is not MappingState.DELETING

    @property
    def settled(self) -> MappingState:
        """The state in which it comes to rest."""
        return MappingState.ENABLED if self.manner.is_enabled else MappingState.DISABLED

    def changed(self, manner: Manner, now: float) -> EventSourceMapping:
        """The mapping with another manner, asked for at an epoch second."""
        if manner.is_enabled == self.manner.is_enabled:
            state = MappingState.UPDATING
        else:
            state = MappingState.ENABLING if manner.is_enabled else MappingState.DISABLING
        return replace(
            self, manner=manner, state=state, last_modified=now, version=self.version + 1
        )

    def deleted(self, now: float) -> EventSourceMapping:
        return replace(
            self, state=MappingState.DELETING, last_modified=now, version=self.version + 1
        )

    def policy(self, retention_seconds: float) -> PolicySettings:
        """How its records are taken; none is kept beyond the stream's retention."""
        manner = self.manner
        frame = FRAME_BYTES
        if manner.tumbling_seconds:
            frame += WINDOW_BYTES
        is_aged = manner.age_seconds_max != _UNLIMITED
        age_seconds_max = min(
            retention_seconds, manner.age_seconds_max if is_aged else retention_seconds
        )
        return PolicySettings(
            batch_records_max=manner.batch_records_max,
            batch_bytes_max=function_payload_bytes_max - frame,
            # Who waits longer for a full batch finds it too old to be delivered.
            window_seconds=min(manner.window_seconds, age_seconds_max / 2),
            retries_max=None if manner.retries_max == _UNLIMITED else manner.retries_max,
            age_seconds_max=age_seconds_max,
            is_bisecting=manner.is_bisecting,
            lanes=manner.lanes,
            tumbling_seconds=manner.tumbling_seconds,
            # A window's state is given on as it is stored.
            unstored_max=0 if manner.tumbling_seconds else mapping_unstored_max,
        )


class FunctionReference(NamedTuple):
    """How a request names a function: by name, partial ARN or ARN; absent parts are None."""

    region: str | None
    account: str | None
    name: str
    qualifier: str | None


def parse_function_reference(text: str) -> FunctionReference | None:
    """The parts of a FunctionName, or None if it is none."""
    match = _REFERENCE.fullmatch(text)
    return FunctionReference(**match.groupdict()) if match else None


def encode(mapping: EventSourceMapping) -> bytes:
    """The stored bytes of a mapping."""
    fields = asdict(mapping)
    if mapping.starting_at is None:
        del fields["starting_at"]
    return orjson.dumps({"v": _VERSION, **fields})


@lru_cache(maxsize=4096)
def decode(stored: bytes) -> EventSourceMapping:
    """The mapping of stored bytes; kept, since all are looked at whenever one changes."""
    fields: dict[str, Any] = orjson.loads(stored)
    version = fields.pop("v")
    assert version == _VERSION, "a stored mapping has a version this code does not know"
    fields["starting_position"] = StartingPosition(fields["starting_position"])
    manner = fields["manner"]
    for several in ("patterns", "metrics"):
        manner[several] = tuple(manner.get(several, ()))
    fields["manner"] = Manner(**manner)
    fields["state"] = MappingState(fields["state"])
    return EventSourceMapping(**fields)
