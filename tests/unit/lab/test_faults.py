"""What meets a fault: how often, in whose scope, and the same for the same seed."""

from __future__ import annotations

import pytest

from headwater.clock import ManualClock, SeededChance
from headwater.lab.faults import Fault, Faults, Frequency, Kind, Occasion, Scope, fraction

REGION = "us-east-1"
ANY = frozenset(Kind)
READ = Occasion("GetRecords", ANY, frozenset({"t"}), "arn", "shard", "me")


def faults(*these: Fault, seed: int = 1) -> Faults:
    made = Faults(ManualClock(), SeededChance(7))
    made.set(REGION, these, seed)
    return made


def pattern(frequency: Frequency, count: int, seed: int = 1) -> str:
    """Which of so many occasions a fault strikes: x where it does."""
    made = faults(Fault(Kind.THROTTLED, frequency=frequency), seed=seed)
    return "".join("x" if made.meet(REGION, READ) else "." for _ in range(count))


@pytest.mark.parametrize(
    ("frequency", "struck"),
    [
        (Frequency(), "xxxxxxxx"),
        (Frequency(count=3), "xxx....."),
        (Frequency(every=3), "..x..x.."),
        (Frequency(skip=2, count=1), "..x....."),
        (Frequency(skip=1, every=2, count=2), "..x.x..."),
        (Frequency(rate=0), "........"),
        (Frequency(count=0), "........"),
    ],
)
def test_frequency_says_which_occasions_are_struck(frequency: Frequency, struck: str) -> None:
    assert pattern(frequency, 8) == struck


def test_rate_is_kept_and_repeats_from_its_seed() -> None:
    first, again, other = (pattern(Frequency(rate=0.3), 2000, seed) for seed in (5, 5, 6))

    assert first == again != other
    assert first.count("x") / 2000 == pytest.approx(0.3, abs=0.04)


def test_fractions_are_pinned_so_that_old_seeds_repeat() -> None:
    assert [round(fraction(42, 0, number), 6) for number in range(3)] == [
        0.030809,
        0.801098,
        0.812183,
    ]


@pytest.mark.parametrize(
    ("scope", "is_struck"),
    [
        (Scope(), True),
        (Scope(operations=frozenset({"GetRecords", "PutItem"})), True),
        (Scope(operations=frozenset({"PutItem"})), False),
        (Scope(tables=frozenset({"t"})), True),
        (Scope(tables=frozenset({"u"})), False),
        (Scope(streams=frozenset({"arn"})), True),
        (Scope(streams=frozenset({"other"})), False),
        (Scope(shards=frozenset({"shard"})), True),
        (Scope(shards=frozenset({"other"})), False),
        (Scope(consumers=frozenset({"me"})), True),
        (Scope(consumers=frozenset({"you"})), False),
        (Scope(tables=frozenset({"t"}), shards=frozenset({"other"})), False),
    ],
)
def test_fault_keeps_to_its_scope(scope: Scope, is_struck: bool) -> None:
    assert bool(faults(Fault(Kind.THROTTLED, scope)).meet(REGION, READ)) is is_struck


def test_kind_without_a_meaning_for_the_occasion_passes_it_by() -> None:
    made = faults(Fault(Kind.UNPROCESSED))

    assert not made.meet(REGION, READ._replace(kinds=ANY - {Kind.UNPROCESSED}))


def test_only_readers_beyond_so_many_are_struck() -> None:
    made = faults(Fault(Kind.LIMIT_EXCEEDED, readers=2))

    struck = [bool(made.meet(REGION, READ._replace(reader=number))) for number in (1, 2, 3)]

    assert struck == [False, False, True]


def test_another_region_has_its_own_faults() -> None:
    made = faults(Fault(Kind.THROTTLED))

    assert not made.meet("eu-west-1", READ)
    assert not made.can_befall("eu-west-1")


def test_delays_pass_on_and_the_first_that_decides_ends_it() -> None:
    slow, throttled = Fault(Kind.SLOW, seconds=1.0), Fault(Kind.THROTTLED)
    made = faults(slow, throttled, Fault(Kind.ANSWER_LOST), slow)

    struck = made.meet(REGION, READ)

    assert [each.fault for each in struck] == [slow, throttled]
    described = made.describe(REGION)
    assert described is not None
    assert [(each.seen, each.met) for each in described.faults] == [(1, 1), (1, 1), (0, 0), (0, 0)]


def test_encounters_tell_what_was_struck() -> None:
    made = faults(Fault(Kind.THROTTLED, frequency=Frequency(skip=1)))

    made.meet(REGION, READ)
    made.meet(REGION, READ)

    described = made.describe(REGION)
    assert described is not None
    ((index, kind, number, occasion, _),) = described.encounters
    assert (index, kind, number, occasion) == (0, Kind.THROTTLED, 1, READ)


def test_added_faults_leave_the_counts_of_those_there() -> None:
    made = faults(Fault(Kind.THROTTLED, frequency=Frequency(count=1)))
    made.meet(REGION, READ)

    made.add(REGION, [Fault(Kind.ANSWER_LOST)])

    assert [each.fault.kind for each in made.meet(REGION, READ)] == [Kind.ANSWER_LOST]


def test_seed_is_drawn_where_none_is_given() -> None:
    made = Faults(ManualClock(), SeededChance(7))

    made.add(REGION, [Fault(Kind.THROTTLED)])

    described = made.describe(REGION)
    assert described is not None
    assert described.seed == int.from_bytes(SeededChance(7).token(4))


def test_members_of_a_batch_have_fractions_of_their_own() -> None:
    (struck,) = faults(Fault(Kind.UNPROCESSED)).meet(REGION, READ)

    drawn = [struck.fraction(member) for member in range(100)]

    assert len(set(drawn)) == 100
    assert drawn == [struck.fraction(member) for member in range(100)]
    assert 0 <= struck.member(3) < 3
