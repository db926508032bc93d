"""What a function's configuration may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headwater.errors import InvalidParameterValueException
from headwater.functions.function import Configuration
from headwater.functions.rules import check

GOOD = Configuration(runtime="python3.11", handler="app.handler", role="arn:aws:iam::0:role/r")


def refusal(**changes: Any) -> str:
    with pytest.raises(InvalidParameterValueException) as caught:
        check(replace(GOOD, **changes))
    return str(caught.value)


def test_defaults_are_accepted() -> None:
    check(GOOD)


@pytest.mark.parametrize("seconds", [0, 901])
def test_timeout_out_of_range_is_refused(seconds: int) -> None:
    assert refusal(timeout_seconds=seconds).startswith("Timeout must be between 1 and 900")


@pytest.mark.parametrize("memory_mb", [127, 10_241])
def test_memory_out_of_range_is_refused(memory_mb: int) -> None:
    assert refusal(memory_mb=memory_mb).startswith("MemorySize must be between 128 and 10240")


@pytest.mark.parametrize("ephemeral_mb", [511, 10_241])
def test_ephemeral_storage_out_of_range_is_refused(ephemeral_mb: int) -> None:
    assert refusal(ephemeral_mb=ephemeral_mb).startswith("EphemeralStorage.Size must be between")


@pytest.mark.parametrize("handler", ["", "a b", "a\0b"])
def test_handler_that_is_no_name_is_refused(handler: str) -> None:
    assert refusal(handler=handler).startswith("Handler is not a name")


def test_levels_of_the_log_are_of_json_alone() -> None:
    check(replace(GOOD, log_format="JSON", application_log_level="WARN"))

    for level in ("application_log_level", "system_log_level"):
        assert 'when LogFormat is set to "Text"' in refusal(**{level: "WARN"})


@pytest.mark.parametrize("architectures", [(), ("sparc",), ("x86_64", "arm64")])
def test_architectures_other_than_one_known_are_refused(architectures: tuple[str, ...]) -> None:
    assert refusal(architectures=architectures).startswith("Architectures must be one of")


def test_long_description_is_refused() -> None:
    assert refusal(description="x" * 257) == "Description must have at most 256 characters"


def test_reserved_variables_are_named() -> None:
    text = refusal(environment={"AWS_REGION": "x", "MINE": "y", "_HANDLER": "z"})

    assert text == (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        "modification. Reserved keys used in this request: AWS_REGION, _HANDLER"
    )


def test_environment_over_four_kilobytes_is_refused() -> None:
    text = refusal(environment={"A": "x" * 4096})

    assert "exceeded the 4KB limit. String measured: " in text


def test_variable_the_system_cannot_hold_is_refused() -> None:
    assert refusal(environment={"A": "x\0y"}) == "Environment variable cannot be set: 'A'"
