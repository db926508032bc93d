"""Names of resources, made and taken apart."""

from __future__ import annotations

import pytest

from headwater import arn

LABEL = "2026-11-23T12:34:56.789"
STREAM = f"arn:aws:dynamodb:eu-west-1:000000000000:table/music/stream/{LABEL}"


def test_stream_is_taken_apart_as_it_was_made() -> None:
    made = arn.stream_arn("eu-west-1", "000000000000", "music", LABEL)

    assert made == STREAM
    assert arn.parse_stream(made) == ("eu-west-1", "000000000000", "music", LABEL)


def test_table_is_taken_apart_as_it_was_made() -> None:
    made = arn.table_arn("eu-west-1", "000000000000", "a_b-c.d")

    assert made == "arn:aws:dynamodb:eu-west-1:000000000000:table/a_b-c.d"
    assert arn.parse_table(made) == ("eu-west-1", "000000000000", "a_b-c.d")


def test_function_is_taken_apart_as_it_was_made() -> None:
    made = arn.function_arn("eu-west-1", "000000000000", "f")

    assert made == "arn:aws:lambda:eu-west-1:000000000000:function:f"
    assert arn.parse_function(made) == ("eu-west-1", "000000000000", "f", None)
    assert arn.parse_function(f"{made}:$LATEST") == ("eu-west-1", "000000000000", "f", "$LATEST")


def test_index_and_mapping_have_names() -> None:
    index = arn.index_arn("eu-west-1", "000000000000", "music", "by_year")
    mapping = arn.mapping_arn("eu-west-1", "000000000000", "a-b")

    assert index == "arn:aws:dynamodb:eu-west-1:000000000000:table/music/index/by_year"
    assert mapping == "arn:aws:lambda:eu-west-1:000000000000:event-source-mapping:a-b"


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_other_partitions_are_understood(partition: str) -> None:
    parsed = arn.parse_stream(STREAM.replace("arn:aws:", f"arn:{partition}:"))

    assert parsed is not None
    assert parsed.table == "music"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "music",
        STREAM.removesuffix(f"/stream/{LABEL}"),
        STREAM.removesuffix(LABEL),
        STREAM.replace("dynamodb", "kinesis"),
        STREAM.replace("table/", "table:"),
        f" {STREAM}",
        f"x{STREAM}",
    ],
)
def test_what_is_no_stream_is_none(text: str) -> None:
    assert arn.parse_stream(text) is None


@pytest.mark.parametrize("text", ["", STREAM, "arn:aws:dynamodb:eu-west-1:000000000000:table/"])
def test_what_is_no_table_is_none(text: str) -> None:
    assert arn.parse_table(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "f",
        "arn:aws:lambda:eu-west-1:000000000000:function:",
        "arn:aws:lambda:eu-west-1:000000000000:function:f:1:2",
        "arn:aws:lambda:eu-west-1:000000000000:layer:f",
    ],
)
def test_what_is_no_function_is_none(text: str) -> None:
    assert arn.parse_function(text) is None
