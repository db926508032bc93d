"""Functions as Lambda's API writes them: from a request's members, and to an answer's.

A member that this server does not act on is refused, unless it says what is the case anyway.
Shapes: API Reference, "CreateFunction", "FunctionConfiguration".
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from platform import machine
from typing import Any, Final

from headwater.arn import parse_function
from headwater.errors import InvalidParameterValueException
from headwater.functions.function import Configuration, Function
from headwater.functions.registry import ConfigurationChange

Input = Mapping[str, Any]

_LATEST: Final = "$LATEST"
_PARTIAL_ARN: Final = re.compile(r"(?:\d{12}:)?(?:function:)?([A-Za-z0-9_-]+)(?::(.+))?")
# What clients and infrastructure tools send although they want nothing by it.
_NEUTRAL: Final[Mapping[str, tuple[object, ...]]] = {
    "Publish": (False,),
    "PackageType": ("Zip",),
    "TracingConfig": ({}, {"Mode": "PassThrough"}),
    "VpcConfig": ({}, {"SubnetIds": [], "SecurityGroupIds": []}),
    "DeadLetterConfig": ({}, {"TargetArn": ""}),
    "SnapStart": ({"ApplyOn": "None"},),
    "Layers": ([],),
    "FileSystemConfigs": ([],),
    "KMSKeyArn": ("",),
    "ImageConfig": ({},),
    "DryRun": (False,),
}
_CONFIGURATION: Final = frozenset(
    {
        "FunctionName",
        "Runtime",
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "Environment",
        "EphemeralStorage",
        "LoggingConfig",
    }
)
_CREATION: Final = _CONFIGURATION | {"Code", "Tags", "Architectures"}
_CHANGE: Final = _CONFIGURATION | {"RevisionId"}
_OTHER_CODE: Final = frozenset(
    {
        "S3Bucket",
        "S3Key",
        "S3ObjectVersion",
        "S3ObjectStorageMode",
        "ImageUri",
        "SourceKMSKeyArn",
    }
)
_CODE_CHANGE: Final = frozenset({"FunctionName", "ZipFile", "RevisionId", "Architectures"})


def refuse_unsupported(request: Input, supported: frozenset[str]) -> None:
    """Refuse members that would be ignored. Raises InvalidParameterValueException."""
    for name, value in request.items():
        if name not in supported and value not in _NEUTRAL.get(name, ()):
            raise InvalidParameterValueException(f"{name} is not yet supported by Headwater.")


def split_name(name: str, region: str, account: str) -> tuple[str, str | None]:
    """A function's name and qualifier, from a name, a partial or a whole ARN.

    Raises InvalidParameterValueException for another region's or account's ARN.
    """
    if name.startswith("arn:"):
        parts = parse_function(name)
        if parts is None or (parts.region, parts.account) != (region, account):
            raise InvalidParameterValueException(
                f"The ARN is not of a function of this account and region: {name}"
            )
        return parts.function, parts.qualifier
    match = _PARTIAL_ARN.fullmatch(name)
    if match is None:
        raise InvalidParameterValueException(f"Not a name of a function: {name}")
    return match[1], match[2]


def is_latest(qualifier: str | None) -> bool:
    """Whether a qualifier means the only version there is."""
    return qualifier in (None, _LATEST)


def code_of(code: Input) -> bytes:
    """The zip of a `Code` or of UpdateFunctionCode. Raises InvalidParameterValueException."""
    if "ZipFile" not in code:
        raise InvalidParameterValueException(
            "Only code given as ZipFile is supported by Headwater yet."
        )
    if not _OTHER_CODE.isdisjoint(code):
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    return b64decode(code["ZipFile"])


def new_configuration(request: Input) -> Configuration:
    """The configuration of CreateFunction. Raises InvalidParameterValueException."""
    refuse_unsupported(request, _CREATION)
    for name in ("Runtime", "Handler"):
        if name not in request:
            raise InvalidParameterValueException(
                f"{name} is mandatory for functions created with deployment packages."
            )
    given = _given(request)
    if "Architectures" in request:
        given["architectures"] = _architectures(request["Architectures"])
    else:
        given["architectures"] = (_own_architecture(),)
    return Configuration(**given)


def configuration_change(request: Input) -> ConfigurationChange:
    """The change of UpdateFunctionConfiguration. Raises InvalidParameterValueException."""
    refuse_unsupported(request, _CHANGE)
    return ConfigurationChange(**_given(request))


def check_code_change(request: Input, found: Function) -> None:
    """Refuse what UpdateFunctionCode would have to ignore.

    Raises InvalidParameterValueException.
    """
    refuse_unsupported(request, _CODE_CHANGE | {"DryRun"})
    wanted = request.get("Architectures")
    if wanted and tuple(wanted) != found.configuration.architectures:
        raise InvalidParameterValueException("Architectures cannot be changed on this server.")


def configuration_of(found: Function) -> dict[str, Any]:
    """FunctionConfiguration of an answer."""
    configuration = found.configuration
    answer = {
        "FunctionName": found.name,
        "FunctionArn": found.arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": found.code_size,
        "Description": configuration.description,
        "Timeout": configuration.timeout_seconds,
        "MemorySize": configuration.memory_mb,
        "LastModified": found.last_modified_text,
        "CodeSha256": found.code_sha256,
        "Version": found.version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": found.revision_id,
        "State": found.state,
        "LastUpdateStatus": found.last_update_status,
        "PackageType": found.package_type,
        "Architectures": list(configuration.architectures),
        "EphemeralStorage": {"Size": configuration.ephemeral_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": configuration.log_format, "LogGroup": found.log_group},
    }
    if configuration.environment:
        answer["Environment"] = {"Variables": dict(configuration.environment)}
    return answer


def _given(request: Input) -> dict[str, Any]:
    """The members of a request that a configuration has, under its names."""
    given: dict[str, Any] = {}
    for name, member in (
        ("runtime", "Runtime"),
        ("role", "Role"),
        ("handler", "Handler"),
        ("description", "Description"),
        ("timeout_seconds", "Timeout"),
        ("memory_mb", "MemorySize"),
    ):
        if member in request:
            given[name] = request[member]
    if "EphemeralStorage" in request:
        given["ephemeral_mb"] = request["EphemeralStorage"]["Size"]
    if "Environment" in request:
        given["environment"] = request["Environment"].get("Variables", {})
    if "LoggingConfig" in request:
        given.update(_logging(request["LoggingConfig"]))
    return given


def _logging(logging: Input) -> dict[str, Any]:
    refuse_unsupported(logging, frozenset({"LogFormat", "LogGroup"}))
    if logging.get("LogFormat", "Text") != "Text":
        raise InvalidParameterValueException("LogFormat JSON is not yet supported by Headwater.")
    return {"log_group": logging["LogGroup"]} if "LogGroup" in logging else {}


def _own_architecture() -> str:
    """This machine's architecture in Lambda's words."""
    return "arm64" if machine() in ("aarch64", "arm64") else "x86_64"


def _architectures(wanted: list[str]) -> tuple[str, ...]:
    """Code runs on this machine's processor, whatever is asked for; native code must be for it."""
    return tuple(wanted) or (_own_architecture(),)
