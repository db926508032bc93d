"""Settings: what a server is told at its start, by option, environment or file.

A setting has one home, its field in `Settings`: the command line's options, the `HEADWATER_*`
variables, the keys of the TOML file and the reference page are all made from the fields. The
command line wins over the environment, the environment over the file, the file over the default.
Unknown keys and variables are refused, so a misspelt setting is never ignored.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field as DataclassField
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_address
from math import inf
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from headwater.limits import (
    function_concurrency_max,
    function_workers_default,
    item_collection_bytes_max,
    workers_max,
)
from headwater.peers import InvalidPeer, Peers, of_tables, to_tables

ENVIRONMENT_PREFIX: Final = "HEADWATER_"

# Read by the functions and the tests that this server starts, not settings of the server.
_FOREIGN_VARIABLES: Final = frozenset({"HEADWATER_CONFIG"})

# The SDKs' own names for them: who has pointed those elsewhere need not say so twice.
_SDK_VARIABLES: Final = {
    "AWS_ENDPOINT_URL_S3": "s3_endpoint",
    "AWS_ENDPOINT_URL_SQS": "sqs_endpoint",
    "AWS_ENDPOINT_URL_SNS": "sns_endpoint",
    "AWS_ENDPOINT_URL_KINESIS": "kinesis_endpoint",
}


class ConfigError(Exception):
    """A setting that cannot be: the text says which, from where, and what would do."""


class Durability(StrEnum):
    strict = "strict"
    relaxed = "relaxed"


class FunctionIsolation(StrEnum):
    auto = "auto"
    none = "none"


class LogFormat(StrEnum):
    console = "console"
    json = "json"


def _means(meaning: str) -> dict[str, str]:
    return {"meaning": meaning}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server; the meaning of each is in its field's metadata."""

    host: str = field(default="127.0.0.1", metadata=_means("Address to listen on."))
    port: int = field(default=8000, metadata=_means("Port to listen on; 0 takes a free one."))
    data: Path = field(
        default=Path("headwater-data"), metadata=_means("Directory that holds everything stored.")
    )
    memory: bool = field(
        default=False, metadata=_means("Keep everything in memory, until the server stops.")
    )
    workers: int = field(
        default=1,
        metadata=_means("Server processes that share the data directory and the port."),
    )
    objects: Path | None = field(
        default=None,
        metadata=_means(
            "Directory whose folders stand for S3 buckets, for exports and imports; "
            "without it, `objects` in the data directory."
        ),
    )
    sink_files: Path | None = field(
        default=None,
        metadata=_means(
            "Directory below which sinks write files; without it, `sinks` in the data directory."
        ),
    )
    s3_endpoint: str | None = field(
        default=None,
        metadata=_means(
            "Address of S3, or of a service that speaks its protocol, instead of that directory; "
            "`AWS_ENDPOINT_URL_S3` gives it too."
        ),
    )
    sqs_endpoint: str | None = field(
        default=None,
        metadata=_means(
            "Address of SQS, or of a service that speaks its protocol, for what mappings and "
            "functions send to queues, instead of the server's own queues; "
            "`AWS_ENDPOINT_URL_SQS` gives it too."
        ),
    )
    sns_endpoint: str | None = field(
        default=None,
        metadata=_means(
            "Address of SNS, or of a service that speaks its protocol, for what mappings and "
            "functions send to topics; `AWS_ENDPOINT_URL_SNS` gives it too."
        ),
    )
    kinesis_endpoint: str | None = field(
        default=None,
        metadata=_means(
            "Address of Kinesis, or of a service that speaks its protocol, for the data streams "
            "that tables' changes go to, instead of the server's own; "
            "`AWS_ENDPOINT_URL_KINESIS` gives it too."
        ),
    )
    region: str = field(default="us-east-1", metadata=_means("Region of requests that name none."))
    account: str = field(default="000000000000", metadata=_means("Account id in ARNs: 12 digits."))
    credentials: Path | None = field(
        default=None,
        metadata=_means("File of the credentials accepted; without it any signature is."),
    )
    insecure: bool = field(
        default=False,
        metadata=_means("Listen beyond this machine although no credentials are configured."),
    )
    durability: Durability = field(
        default=Durability.strict,
        metadata=_means(
            "strict: a write is on disk before it is acknowledged; relaxed: soon after."
        ),
    )
    initial_partitions: int | None = field(
        default=None,
        metadata=_means("Partitions of a new table, instead of as many as AWS would give it."),
    )
    transition_seconds: float = field(
        default=0.05,
        metadata=_means(
            "How long tables and indexes stay CREATING, UPDATING or DELETING at the least. Up to"
            " 0.1, descriptions wait for the end of such a state, so that waiters find it over."
        ),
    )
    shard_rollover_hours: float = field(
        default=4.0,
        metadata=_means(
            "Hours after which an open shard is replaced by a child, up to an eighth more; 0 never."
        ),
    )
    split_write_units: int = field(
        default=1000,
        metadata=_means(
            "Writes a second of one partition, or records a second of one shard of a data stream "
            "on demand, above which it is split; 0 never."
        ),
    )
    split_seconds: float = field(
        default=60.0, metadata=_means("How long they must stay above before it is split.")
    )
    retention_hours: float = field(
        default=24.0, metadata=_means("How long records of streams can be read.")
    )
    item_collection_bytes_max: int = field(
        default=item_collection_bytes_max,
        metadata=_means(
            "How large the items of one partition key may be, in tables with local indexes that "
            "are created from now on."
        ),
    )
    enforce_throughput: bool = field(
        default=False,
        metadata=_means("Throttle tables and indexes beyond the capacity provisioned for them."),
    )
    function_workers: int = field(
        default=function_workers_default,
        metadata=_means(
            "Invocations of one version of a function that run at once, in each server process, "
            "where the function has no reserved concurrency."
        ),
    )
    function_isolation: FunctionIsolation = field(
        default=FunctionIsolation.auto,
        metadata=_means(
            "auto: functions run in a sandbox where bubblewrap works, and as users of their own "
            "where the server is root; none: as the server's user, with all that it may do."
        ),
    )
    trace_batches: bool = field(
        default=False,
        metadata=_means("Log a line for every batch that a mapping delivers or gives up."),
    )
    lab: bool = field(default=False, metadata=_means("Offer the operations that exist for tests."))
    log_format: LogFormat = field(
        default=LogFormat.console, metadata=_means("Form of the server's own log.")
    )
    tls_cert: Path | None = field(
        default=None, metadata=_means("Certificate (PEM) to serve HTTPS with.")
    )
    tls_key: Path | None = field(
        default=None, metadata=_means("Private key (PEM) of the certificate.")
    )

    sinks: tuple[Mapping[str, Any], ...] = field(
        default=(),
        metadata={**_means("Where changes flow, each as `[[sink]]`."), "is_table": True},
    )
    peers: Peers = field(
        default_factory=dict,
        metadata={
            **_means("Other servers by the region that each has, for global tables."),
            "is_table": True,
        },
    )

    def __post_init__(self) -> None:
        _check(self)

    @property
    def retention_seconds(self) -> float:
        return self.retention_hours * 3600

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


SETTINGS: Final[Mapping[str, DataclassField[Any]]] = {
    item.name: item for item in fields(Settings) if "is_table" not in item.metadata
}
"""Those that are one value each; the others are tables, which the file alone can have."""

TYPES: Final[Mapping[str, Any]] = {
    name: kind for name, kind in get_type_hints(Settings).items() if name in SETTINGS
}


def load(
    options: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """The settings given by options (None is not given), environment and TOML file.

    Raises ConfigError for an unknown, malformed or impossible setting.
    """
    values: dict[str, Any] = {}
    values.update(_from_file(file))
    values.update(_from_environment(environment))
    values.update({name: value for name, value in options.items() if value is not None})
    for variable, name in _SDK_VARIABLES.items():
        is_directory = name == "s3_endpoint" and "objects" in values
        if (endpoint := environment.get(variable)) and not is_directory:
            values.setdefault(name, endpoint)
    return Settings(**values)


def to_json(settings: Settings) -> dict[str, Any]:
    """Settings as values of JSON, for another process of the server."""
    values = {name: getattr(settings, name) for name in SETTINGS}
    return {
        **{
            name: str(value) if isinstance(value, Path | StrEnum) else value
            for name, value in values.items()
        },
        "sinks": list(settings.sinks),
        "peers": to_tables(settings.peers),
    }


def from_json(values: Mapping[str, Any]) -> Settings:
    """The settings that `to_json` was given."""
    given = {name: values[name] for name in SETTINGS if values[name] is not None}
    parsed = {name: _parse(name, value, name) for name, value in given.items()}
    return Settings(**parsed, sinks=tuple(values["sinks"]), peers=of_tables(values["peers"]))


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {file} cannot be read: {error}") from error
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name == "sink":
            values["sinks"] = _sinks(value, file)
            continue
        if name == "peers":
            values[name] = _peers(value, file)
            continue
        if name not in SETTINGS:
            raise ConfigError(f"{file}: there is no setting {key!r}")
        values[name] = _parse(name, value, f"{file}: {key}")
    return values


def _sinks(value: Any, file: Path) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ConfigError(f"{file}: sinks are tables in a list: [[sink]]")
    return tuple(value)


def _peers(value: Any, file: Path) -> Peers:
    try:
        return of_tables(value)
    except InvalidPeer as error:
        raise ConfigError(f"{file}: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _FOREIGN_VARIABLES:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in SETTINGS:
            raise ConfigError(f"there is no setting for the environment variable {variable}")
        values[name] = _parse(name, text, variable)
    return values


def value_type(name: str) -> Any:
    """The type of a setting's value, without the None of one that may be absent."""
    declared = TYPES[name]
    if get_origin(declared) is UnionType:
        return next(member for member in get_args(declared) if member is not type(None))
    return declared


def _parse(name: str, value: Any, source: str) -> Any:
    """A setting's value from text or TOML."""
    wanted = value_type(name)
    try:
        if wanted is bool:
            return _TRUTHS[str(value).lower()]
        # Only text becomes a number: of TOML's own values, true is no 1 and 1.5 no port.
        return wanted(value if type(value) is wanted else str(value))
    except (KeyError, ValueError, TypeError) as error:
        expected = "true or false" if wanted is bool else _expected(wanted)
        raise ConfigError(f"{source}: {value!r} is not {expected}") from error


_TRUTHS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _expected(wanted: Any) -> str:
    if issubclass(wanted, StrEnum):
        return "one of " + ", ".join(wanted)
    return {int: "a whole number", float: "a number"}.get(wanted, "a text")


def _check(settings: Settings) -> None:
    """Refuse what cannot be, before anything is started."""
    if not 0 <= settings.port <= 65_535:
        raise ConfigError(f"port {settings.port} is not between 0 and 65535")
    if len(settings.account) != 12 or not settings.account.isdecimal():
        raise ConfigError(f"account {settings.account!r} is not 12 digits")
    if settings.initial_partitions is not None and not 1 <= settings.initial_partitions <= 1000:
        raise ConfigError(
            f"initial partitions {settings.initial_partitions} is not between 1 and 1000"
        )
    if settings.item_collection_bytes_max <= 0:
        raise ConfigError("item collection bytes max must be more than 0")
    if settings.transition_seconds < 0:
        raise ConfigError("transition seconds cannot be negative")
    if not 1 <= settings.function_workers <= function_concurrency_max:
        raise ConfigError(
            f"function workers {settings.function_workers} is not between 1 and "
            f"{function_concurrency_max}"
        )
    _check_shards(settings)
    _check_workers(settings)
    if settings.region in settings.peers:
        raise ConfigError(f"the region {settings.region} is this server's own and a peer's")
    if settings.objects is not None and settings.s3_endpoint is not None:
        raise ConfigError("exports and imports have a directory of objects or an S3 endpoint")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("a TLS certificate and its key are given together")
    if settings.credentials is None and not settings.is_loopback and not settings.insecure:
        raise ConfigError(
            "without credentials the server listens on this machine alone, "
            f"not on {settings.host}: give --credentials FILE, "
            "or --insecure to let anyone in who can reach it"
        )


def _check_shards(settings: Settings) -> None:
    if not 0 <= settings.shard_rollover_hours < inf:
        raise ConfigError("shard rollover hours cannot be negative")
    if settings.split_write_units < 0:
        raise ConfigError("split write units cannot be negative")
    if not 0 < settings.split_seconds < inf:
        raise ConfigError("split seconds must be more than 0")
    if not 0 < settings.retention_hours < inf:
        raise ConfigError("retention hours must be more than 0")


def _check_workers(settings: Settings) -> None:
    if not 1 <= settings.workers <= workers_max:
        raise ConfigError(f"workers {settings.workers} is not between 1 and {workers_max}")
    if settings.workers == 1:
        return
    if settings.memory:
        raise ConfigError("a store in memory is one process's: give --memory or several workers")
    if settings.lab:
        raise ConfigError(
            "the lab needs one worker: its clock and its faults are kept in one process"
        )
    if settings.enforce_throughput:
        raise ConfigError(
            "enforcing throughput needs one worker: what is left of a table's capacity is kept in "
            "one process"
        )
