from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.mappings.mapping import (
    EventSourceMapping,
    FunctionReference,
    Manner,
    MappingState,
    StartingPosition,
    decode,
    encode,
    parse_function_reference,
)

DAY = 24 * 3600.0
MAPPING = EventSourceMapping(
    region="us-east-1",
    account="000000000000",
    uuid="14e0db71-5d35-4eb5-b481-8945cf9d10c2",
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252",
    starting_position=StartingPosition.LATEST,
    manner=Manner("f"),
    state=MappingState.ENABLED,
    last_modified=1_700_000_000.5,
)


def test_stored_form_is_kept() -> None:
    stored = encode(MAPPING)

    assert stored == (
        b'{"v":1,"region":"us-east-1","account":"000000000000",'
        b'"uuid":"14e0db71-5d35-4eb5-b481-8945cf9d10c2","stream_arn":'
        b'"arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2015-05-20T20:51:10.252",'
        b'"starting_position":"LATEST","manner":{"function_name":"f","is_enabled":true,'
        b'"batch_records_max":100,"window_seconds":0,"retries_max":-1,"age_seconds_max":-1,'
        b'"lanes":1,"is_bisecting":false,"tumbling_seconds":0,"reports_failures":false,'
        b'"patterns":[],"failure_destination":"","metrics":[]},'
        b'"state":"Enabled","last_modified":1700000000.5,"last_result":"No records processed",'
        b'"version":1,"tags":{}}'
    )
    assert decode(stored) == MAPPING


def test_form_stored_by_earlier_versions_is_read() -> None:
    stored = encode(MAPPING).replace(b',"tags":{}', b"")
    start, end = stored.index(b',"lanes"'), stored.index(b'},"state"')

    assert decode(stored[:start] + stored[end:]) == MAPPING


@pytest.mark.parametrize(
    ("was_enabled", "is_enabled", "passing", "settled"),
    [
        (True, True, MappingState.UPDATING, MappingState.ENABLED),
        (True, False, MappingState.DISABLING, MappingState.DISABLED),
        (False, True, MappingState.ENABLING, MappingState.ENABLED),
        (False, False, MappingState.UPDATING, MappingState.DISABLED),
    ],
)
def test_change_passes_through_its_state(
    was_enabled: bool, is_enabled: bool, passing: MappingState, settled: MappingState
) -> None:
    before = replace(MAPPING, manner=Manner("f", was_enabled))

    after = before.changed(Manner("f", is_enabled), 9.0)

    assert (after.state, after.settled) == (passing, settled)
    assert (after.version, after.last_modified) == (2, 9.0)


def test_policy_has_lambdas_limits() -> None:
    policy = MAPPING.policy(DAY)

    assert (policy.batch_records_max, policy.batch_bytes_max) == (100, 6 * 1024 * 1024 - 14)
    assert (policy.window_seconds, policy.retries_max, policy.age_seconds_max) == (0, None, DAY)


def test_policy_never_keeps_a_record_beyond_retention() -> None:
    def age(seconds: int) -> float:
        return (
            replace(MAPPING, manner=Manner("f", age_seconds_max=seconds))
            .policy(DAY)
            .age_seconds_max
        )

    assert [age(60), age(604_800), age(-1)] == [60, DAY, DAY]


def test_no_batch_is_waited_for_until_its_records_are_too_old() -> None:
    def window(seconds: int, age_seconds_max: int, retention_seconds: float) -> float:
        manner = Manner("f", window_seconds=seconds, age_seconds_max=age_seconds_max)
        return replace(MAPPING, manner=manner).policy(retention_seconds).window_seconds

    assert window(300, 60, DAY) == 30
    assert window(300, -1, 120) == 60
    assert window(300, 600, DAY) == 300


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("f", FunctionReference(None, None, "f", None)),
        ("my-f_1:$LATEST", FunctionReference(None, None, "my-f_1", "$LATEST")),
        ("f:live", FunctionReference(None, None, "f", "live")),
        ("123456789012:function:f", FunctionReference(None, "123456789012", "f", None)),
        (
            "arn:aws:lambda:us-west-2:123456789012:function:f:3",
            FunctionReference("us-west-2", "123456789012", "f", "3"),
        ),
        ("", None),
        ("a b", None),
        ("f:", None),
    ],
)
def test_function_is_named_in_any_form(text: str, reference: FunctionReference | None) -> None:
    assert parse_function_reference(text) == reference
