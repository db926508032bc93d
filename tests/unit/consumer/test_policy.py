"""What to do after an error."""

from __future__ import annotations

import pytest

from headwater.clock import SeededChance
from headwater.consumer.api import CallFailed
from headwater.consumer.policy import Reaction, after_error, back_off
from headwater.consumer.position import TRIM_HORIZON, After, AtTimestamp
from headwater.consumer.settings import ReadSettings


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        ("ExpiredIteratorException", Reaction.RENEW),
        ("TrimmedDataAccessException", Reaction.SKIP),
        ("ResourceNotFoundException", Reaction.LOOK),
        ("LimitExceededException", Reaction.WAIT),
        ("ThrottlingException", Reaction.WAIT),
        ("ProvisionedThroughputExceededException", Reaction.WAIT),
        ("InternalServerError", Reaction.WAIT),
        ("Unreachable", Reaction.WAIT),
        ("AccessDeniedException", Reaction.FAIL),
        ("ValidationException", Reaction.FAIL),
        ("NoCredentialsError", Reaction.FAIL),
    ],
)
def test_reaction_to_a_code(code: str, reaction: Reaction) -> None:
    assert after_error(CallFailed(code), After(1)) is reaction


def test_moment_that_is_refused_is_taken_for_now() -> None:
    refused = CallFailed("ValidationException")

    assert after_error(refused, AtTimestamp(1.0)) is Reaction.LATEST
    assert after_error(refused, TRIM_HORIZON) is Reaction.FAIL


def test_waits_double_up_to_a_limit_with_chance_in_half_of_each() -> None:
    settings = ReadSettings(back_off_seconds_first=1.0, back_off_seconds_max=10.0)
    chance = SeededChance(1)

    for failures, most in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (10**6, 10.0)]:
        waits = {back_off(settings, failures, chance) for _ in range(50)}
        assert most / 2 <= min(waits) < max(waits) <= most
