"""What a function's configuration may say, beyond the shapes of requests; pure.

Source of texts: observed answers of Lambda, where one is known; see the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from headwater import limits
from headwater.errors import InvalidParameterValueException
from headwater.functions.function import Configuration
from headwater.functions.log_format import JSON

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
_ARCHITECTURES = ("x86_64", "arm64")
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)


def check(configuration: Configuration) -> None:
    """Raise InvalidParameterValueException for what cannot be done."""
    _check_range("Timeout", configuration.timeout_seconds, 1, limits.function_timeout_seconds_max)
    _check_range(
        "MemorySize",
        configuration.memory_mb,
        limits.function_memory_mb_min,
        limits.function_memory_mb_max,
    )
    _check_range(
        "EphemeralStorage.Size",
        configuration.ephemeral_mb,
        limits.function_ephemeral_mb_min,
        limits.function_ephemeral_mb_max,
    )
    _check_texts(configuration)
    _check_environment(configuration.environment)


def check_size(configuration: Configuration, code_bytes: int) -> None:
    """Raise InvalidParameterValueException if code and layers are too large together.

    code_bytes: of the function's own code, unpacked.
    """
    size = code_bytes + sum(layer.unpacked_bytes for layer in configuration.layers)
    if size > limits.function_code_bytes_max:
        raise InvalidParameterValueException(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{limits.function_code_bytes_max} bytes. The actual size is {size} bytes."
        )


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidParameterValueException(
            f"{name} must be between {low} and {high} (inclusive): {value}"
        )


def _check_texts(configuration: Configuration) -> None:
    handler = configuration.handler
    if not handler or not handler.isprintable() or any(letter.isspace() for letter in handler):
        raise InvalidParameterValueException(f"Handler is not a name: {handler!r}")
    if len(configuration.description) > limits.function_description_chars_max:
        size = limits.function_description_chars_max
        raise InvalidParameterValueException(f"Description must have at most {size} characters")
    if len(configuration.architectures) != 1 or configuration.architectures[0] not in (
        _ARCHITECTURES
    ):
        raise InvalidParameterValueException(
            f"Architectures must be one of {', '.join(_ARCHITECTURES)}"
        )
    levels = configuration.application_log_level, configuration.system_log_level
    if configuration.log_format != JSON and any(levels):
        raise InvalidParameterValueException(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
            'request or change the LogFormat to "Json" and try again.'
        )


def _check_environment(environment: Mapping[str, str]) -> None:
    reserved = sorted(RESERVED.intersection(environment))
    if reserved:
        raise InvalidParameterValueException(
            f"{_UNABLE}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise InvalidParameterValueException(f"Environment variable cannot be set: {name!r}")
    measured = orjson.dumps(dict(environment))
    if len(measured) > limits.function_environment_bytes_max:
        raise InvalidParameterValueException(
            f"{_UNABLE}exceeded the 4KB limit. String measured: {measured.decode()}"
        )
