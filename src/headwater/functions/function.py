"""A function and its configuration, as values and as stored bytes.

Stored form: one JSON object, `{"v": 1, ...}` with the fields of `Function` by name, its
configuration an object within. A field that is added later must have a default here, so that older
bytes can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from headwater import limits
from headwater.functions import shared
from headwater.functions.log_format import LEVEL_DEFAULT, PLAIN, LogSettings
from headwater.functions.runtime import Runtime
from headwater.functions.shared import Shared
from headwater.storage import function_keys

LATEST = "$LATEST"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class UsedLayer:
    """A version of a layer as a function keeps it, so that deleting it there does no harm here."""

    arn: str
    code_sha256: str
    code_size: int
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a client says of a function beside its code."""

    runtime: str
    handler: str
    role: str
    description: str = ""
    timeout_seconds: int = limits.function_timeout_seconds_default
    memory_mb: int = limits.function_memory_mb_min
    ephemeral_mb: int = limits.function_ephemeral_mb_min
    environment: Mapping[str, str] = field(default_factory=dict)
    architectures: tuple[str, ...] = ("x86_64",)
    log_format: str = "Text"
    log_group: str | None = None
    layers: tuple[UsedLayer, ...] = ()
    dead_letter: str | None = None
    application_log_level: str = ""
    system_log_level: str = ""

    @property
    def log(self) -> LogSettings:
        """Levels that are not given are Lambda's default."""
        return LogSettings(
            self.log_format,
            self.application_log_level or LEVEL_DEFAULT,
            self.system_log_level or LEVEL_DEFAULT,
        )


@dataclass(frozen=True, slots=True)
class Function:
    """A version of a registered function: `$LATEST`, or one that was published.

    shared: what belongs to all versions, kept with `$LATEST` alone, as its tags are.
    arn: without a version. code_sha256: of the zip, in base64 as clients see it. code_size: of the
    zip; unpacked_bytes: of what is in it. last_modified: seconds since the epoch. revision_id: new
    with every change.
    """

    name: str
    arn: str
    region: str
    configuration: Configuration
    code_sha256: str
    code_size: int
    last_modified: float
    revision_id: str
    version: str = LATEST
    state: str = "Active"
    last_update_status: str = "Successful"
    package_type: str = "Zip"
    tags: Mapping[str, str] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)
    unpacked_bytes: int = 0

    @property
    def key(self) -> bytes:
        """Where it is stored."""
        if self.version == LATEST:
            return function_keys.function(self.region, self.name)
        return function_keys.function_version(self.region, self.name, self.number)

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.version}"

    @property
    def number(self) -> int:
        """Of a published version."""
        return int(self.version)

    @property
    def log_group(self) -> str:
        return self.configuration.log_group or f"/aws/lambda/{self.name}"

    @property
    def last_modified_text(self) -> str:
        """As Lambda writes it: `2019-09-24T18:28:39.526+0000`."""
        moment = datetime.fromtimestamp(self.last_modified, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "+0000")


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """A function as it can be run: its code unpacked, its runtime found.

    revision_id: workers of another revision must not serve this one. opt: where its layers are
    unpacked together, what `/opt` is on Lambda; the folder is not there without layers.
    """

    name: str
    arn: str
    region: str
    version: str
    revision_id: str
    runtime: Runtime
    handler: str
    timeout_seconds: int
    memory_mb: int
    ephemeral_mb: int
    environment: Mapping[str, str]
    log_group: str
    code: Path
    opt: Path
    log: LogSettings = PLAIN


def encode(function: Function) -> bytes:
    """A function's stored bytes; the same for equal functions."""
    return orjson.dumps({"v": _VERSION, **asdict(function)}, option=orjson.OPT_SORT_KEYS)


def decode(stored: bytes) -> Function:
    """The function that `encode` was given."""
    members = orjson.loads(stored)
    assert members.pop("v") == _VERSION
    configuration = members.pop("configuration")
    configuration["architectures"] = tuple(configuration["architectures"])
    configuration["layers"] = tuple(UsedLayer(**each) for each in configuration.get("layers", ()))
    held = members.pop("shared", None)
    return Function(
        configuration=Configuration(**configuration),
        shared=Shared() if held is None else shared.decode(held),
        **members,
    )
