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

_VERSION = 1


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


@dataclass(frozen=True, slots=True)
class Function:
    """A registered function.

    code_sha256: of the zip, in base64 as clients see it. code_size: of the zip.
    last_modified: seconds since the epoch. revision_id: new with every change.
    """

    name: str
    arn: str
    region: str
    configuration: Configuration
    code_sha256: str
    code_size: int
    last_modified: float
    revision_id: str
    version: str = "$LATEST"
    state: str = "Active"
    last_update_status: str = "Successful"
    package_type: str = "Zip"
    tags: Mapping[str, str] = field(default_factory=dict)

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
    """A function as it can be run: its code unpacked, its interpreter found.

    revision_id: workers of another revision must not serve this one.
    """

    name: str
    arn: str
    region: str
    version: str
    revision_id: str
    runtime: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    ephemeral_mb: int
    environment: Mapping[str, str]
    log_group: str
    interpreter: Path
    code: Path


def encode(function: Function) -> bytes:
    """A function's stored bytes; the same for equal functions."""
    return orjson.dumps({"v": _VERSION, **asdict(function)}, option=orjson.OPT_SORT_KEYS)


def decode(stored: bytes) -> Function:
    """The function that `encode` was given."""
    members = orjson.loads(stored)
    assert members.pop("v") == _VERSION
    configuration = members.pop("configuration")
    configuration["architectures"] = tuple(configuration["architectures"])
    return Function(configuration=Configuration(**configuration), **members)
