"""Functions as Lambda's API writes them: from a request's members, and to an answer's.

A member that this server does not act on is refused, unless it says what is the case anyway.
Shapes: API Reference, "CreateFunction", "FunctionConfiguration".
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from platform import machine
from typing import Any, Final

from headwater.errors import InvalidParameterValueException
from headwater.functions.function import LATEST, Configuration, Function
from headwater.functions.log_format import JSON, TEXT
from headwater.functions.registry import ConfigurationChange
from headwater.storage.objects import Place

Input = Mapping[str, Any]

# What clients and infrastructure tools send although they want nothing by it.
_NEUTRAL: Final[Mapping[str, tuple[object, ...]]] = {
    "PackageType": ("Zip",),
    "TracingConfig": ({}, {"Mode": "PassThrough"}),
    "VpcConfig": ({}, {"SubnetIds": [], "SecurityGroupIds": []}),
    "SnapStart": ({"ApplyOn": "None"},),
    "FileSystemConfigs": ([],),
    "KMSKeyArn": ("",),
    "ImageConfig": ({},),
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
        "DeadLetterConfig",
        "Layers",
    }
)
_CREATION: Final = _CONFIGURATION | {"Code", "Tags", "Architectures", "Publish"}
_CHANGE: Final = _CONFIGURATION | {"RevisionId"}
_CODE_CHANGE: Final = frozenset(
    {
        "FunctionName",
        "ZipFile",
        "S3Bucket",
        "S3Key",
        "RevisionId",
        "Architectures",
        "Publish",
        "DryRun",
    }
)
_CODE: Final = frozenset({"ZipFile", "S3Bucket", "S3Key"})
_CODE_ELSEWHERE: Final = frozenset({"S3Bucket", "S3Key"})


def refuse_unsupported(request: Input, supported: frozenset[str]) -> None:
    """Refuse members that would be ignored. Raises InvalidParameterValueException."""
    for name, value in request.items():
        if name not in supported and value not in _NEUTRAL.get(name, ()):
            raise InvalidParameterValueException(f"{name} is not supported by Headwater.")


def refuse_image(request: Input) -> None:
    """Raises InvalidParameterValueException for a function that is a container's image."""
    if request.get("PackageType", "Zip") != "Zip":
        raise InvalidParameterValueException(
            "PackageType Image is not supported by Headwater: functions are zips."
        )


def code_of(code: Input) -> bytes | Place:
    """The zip of a `Code` or of UpdateFunctionCode, or where it is.

    Raises InvalidParameterValueException.
    """
    if "ImageUri" in code:
        raise InvalidParameterValueException(
            "Container images are not supported by Headwater: give the code as ZipFile or by "
            "S3Bucket and S3Key."
        )
    for name in ("S3ObjectVersion", "SourceKMSKeyArn"):
        if name in code:
            raise InvalidParameterValueException(f"{name} is not supported by Headwater.")
    if "ZipFile" in code and not code.keys().isdisjoint(_CODE_ELSEWHERE):
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if "ZipFile" in code:
        return b64decode(code["ZipFile"])
    if "S3Bucket" in code and "S3Key" in code:
        return Place(code["S3Bucket"], code["S3Key"])
    raise InvalidParameterValueException("Please provide a source for function code.")


def check_code(code: Input) -> None:
    """Refuse members of a `Code` that would be ignored. Raises InvalidParameterValueException."""
    refuse_unsupported(code, _CODE)


def new_configuration(request: Input) -> Configuration:
    """The configuration of CreateFunction, without its layers.

    Raises InvalidParameterValueException.
    """
    refuse_image(request)
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
    """The change of UpdateFunctionConfiguration, without its layers.

    Raises InvalidParameterValueException.
    """
    refuse_unsupported(request, _CHANGE)
    return ConfigurationChange(**_given(request))


def check_code_change(request: Input, found: Function) -> None:
    """Refuse what UpdateFunctionCode would have to ignore.

    Raises InvalidParameterValueException.
    """
    refuse_unsupported(request, _CODE_CHANGE)
    wanted = request.get("Architectures")
    if wanted and tuple(wanted) != found.configuration.architectures:
        raise InvalidParameterValueException("Architectures cannot be changed on this server.")


def configuration_of(found: Function) -> dict[str, Any]:
    """FunctionConfiguration of an answer."""
    configuration = found.configuration
    answer = {
        "FunctionName": found.name,
        "FunctionArn": found.arn if found.version == LATEST else found.qualified_arn,
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
        "LoggingConfig": _logging_shape(found),
    }
    if configuration.layers:
        answer["Layers"] = [
            {"Arn": layer.arn, "CodeSize": layer.code_size} for layer in configuration.layers
        ]
    if configuration.dead_letter:
        answer["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter}
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
    if "DeadLetterConfig" in request:
        given["dead_letter"] = request["DeadLetterConfig"].get("TargetArn", "")
    if "LoggingConfig" in request:
        given.update(_logging(request["LoggingConfig"]))
    return given


def _logging(logging: Input) -> dict[str, Any]:
    """Who asks for text takes back the levels that JSON had."""
    given: dict[str, Any] = {}
    if logging.get("LogFormat") == TEXT:
        given = {"application_log_level": "", "system_log_level": ""}
    for name, member in (
        ("log_format", "LogFormat"),
        ("log_group", "LogGroup"),
        ("application_log_level", "ApplicationLogLevel"),
        ("system_log_level", "SystemLogLevel"),
    ):
        if member in logging:
            given[name] = logging[member]
    return given


def _logging_shape(found: Function) -> dict[str, str]:
    log = found.configuration.log
    shown = {"LogFormat": log.format, "LogGroup": found.log_group}
    if log.format == JSON:
        shown["ApplicationLogLevel"] = log.application_level
        shown["SystemLogLevel"] = log.system_level
    return shown


def _own_architecture() -> str:
    """This machine's architecture in Lambda's words."""
    return "arm64" if machine() in ("aarch64", "arm64") else "x86_64"


def _architectures(wanted: list[str]) -> tuple[str, ...]:
    """Code runs on this machine's processor, whatever is asked for; native code must be for it."""
    return tuple(wanted) or (_own_architecture(),)
