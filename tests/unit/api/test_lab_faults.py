"""Faults as the wire has them: what is refused, and what is told of them."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import orjson
import pytest

from headwater.api.lab_faults import LabFaultHandlers, refused
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.clock import ManualClock, SeededChance
from headwater.errors import AccessDeniedException, ValidationException
from headwater.lab.faults import KINDS, Faults, Kind, Occasion
from headwater.limits import lab_faults_max
from headwater.testing import fault as testing

REGION = "us-east-1"
THROTTLED = {"Kind": "Throttled"}


async def handled(handler: Handler, call: Call) -> Reply:
    return await handler(call)


class Lab:
    """Asks the operations as the dispatcher does."""

    def __init__(self) -> None:
        self.faults = Faults(ManualClock(5.0), SeededChance(1))
        self._operations = LabFaultHandlers(self.faults).operations()

    def ask(self, operation: str, **body: Any) -> dict[str, Any]:
        own = self._operations[operation]
        call = Call("headwater", operation, REGION, None, own.check(body), "id", b"")

        answer: dict[str, Any] = orjson.loads(asyncio.run(handled(own.handler, call)).body)
        return answer

    def refused(self, *faults: object, **body: Any) -> str:
        with pytest.raises(ValidationException) as caught:
            self.ask("SetFaults", Faults=list(faults), **body)
        return str(caught.value)


def test_faults_are_told_as_they_were_given_with_their_counts() -> None:
    lab = Lab()
    given = {
        "Kind": "Throttled",
        "Operations": ["GetItem", "PutItem"],
        "TableNames": ["t"],
        "Rate": 0.5,
        "Every": 2,
        "Skip": 1,
        "Count": 3,
        "Error": "ThrottlingException",
    }

    answer = lab.ask("SetFaults", Faults=[given], Seed=9)

    assert answer == {"Seed": 9, "Faults": [{**given, "Seen": 0, "Met": 0}], "Met": []}


@pytest.mark.parametrize("kind", get_args(testing.Kind))
def test_faults_of_the_python_client_are_understood(kind: testing.Kind) -> None:
    own: dict[str, dict[str, Any]] = {
        "Slow": {"seconds": 1.5},
        "Unprocessed": {"share": 0.2},
        "LimitExceeded": {"readers": 2},
    }
    fault = testing.Fault(
        kind,
        tables=["t"],
        streams=["arn"],
        shards=["shard"],
        consumers=["me"],
        rate=0.5,
        every=2,
        skip=1,
        count=3,
        **own.get(kind, {}),
    )

    (told,) = Lab().ask("SetFaults", Faults=[fault.on_the_wire()])["Faults"]

    assert told == {**fault.on_the_wire(), "Seen": 0, "Met": 0}


def test_python_client_knows_every_kind() -> None:
    assert set(get_args(testing.Kind)) == KINDS.keys()


def test_seed_that_is_drawn_is_told() -> None:
    lab = Lab()

    drawn = lab.ask("SetFaults", Faults=[THROTTLED])["Seed"]

    assert lab.ask("DescribeFaults")["Seed"] == drawn


def test_what_was_struck_is_told() -> None:
    lab = Lab()
    lab.ask("SetFaults", Faults=[THROTTLED], Seed=9)
    kinds = frozenset({Kind.THROTTLED})
    lab.faults.meet(REGION, Occasion("PutItem", kinds, {"t"}, None, None, "AKID"))

    answer = lab.ask("DescribeFaults")

    assert answer["Met"] == [
        {
            "Fault": 0,
            "Kind": "Throttled",
            "Number": 0,
            "Operation": "PutItem",
            "TableNames": ["t"],
            "Consumer": "AKID",
            "Time": 5.0,
        }
    ]


def test_empty_list_clears_and_nothing_is_told_of_a_region_without_faults() -> None:
    lab = Lab()
    assert lab.ask("DescribeFaults") == {"Faults": [], "Met": []}
    lab.ask("SetFaults", Faults=[THROTTLED])

    assert lab.ask("SetFaults", Faults=[])["Faults"] == []
    assert not lab.faults.can_befall(REGION)


def test_faults_are_added_up_to_a_limit() -> None:
    lab = Lab()
    lab.ask("SetFaults", Faults=[THROTTLED] * (lab_faults_max - 1))

    lab.ask("AddFaults", Faults=[THROTTLED])

    with pytest.raises(ValidationException, match=f"at most {lab_faults_max}"):
        lab.ask("AddFaults", Faults=[THROTTLED])


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ([], "A fault must be an object"),
        ({}, "Kind must be one of Throttled, InternalServerError, AnswerLost, "),
        ({"Kind": ["Slow"]}, "Kind must be one of "),
        ({"Kind": "Slow"}, "Slow needs Seconds"),
        ({"Kind": "Slow", "Seconds": -1}, "Seconds must be a number between 0 and 3600"),
        ({"Kind": "Slow", "Seconds": True}, "Seconds must be a number between 0 and 3600"),
        ({**THROTTLED, "Rates": 1}, "There is no parameter Rates"),
        ({**THROTTLED, "Rate": 1.5}, "Rate must be a number between 0 and 1"),
        ({**THROTTLED, "Every": 0}, "Every must be a whole number from 1 on"),
        ({**THROTTLED, "Count": 1.5}, "Count must be a whole number from 0 on"),
        ({**THROTTLED, "Seconds": 1}, "Seconds has no meaning for Throttled"),
        ({**THROTTLED, "Error": "Oops"}, "Error must be ProvisionedThroughput"),
        ({**THROTTLED, "TableNames": "t"}, "TableNames must be a list of 1 to 100 texts"),
        ({**THROTTLED, "TableNames": []}, "TableNames must be a list of 1 to 100 texts"),
        ({**THROTTLED, "TableNames": [1]}, "TableNames must be a list of 1 to 100 texts"),
        ({**THROTTLED, "Operations": ["PutItems"]}, "There is no operation PutItems"),
        ({"Kind": "EmptyPage", "Operations": ["Query"]}, "EmptyPage has no meaning for Query"),
        ({"Kind": "DeliveredTwice", "Operations": ["PutItem"]}, "DeliveredTwice has no meaning"),
        ({"Kind": "AnswerLost", "Operations": ["Delivery"]}, "AnswerLost has no meaning for Del"),
    ],
)
def test_fault_that_could_never_strike_is_refused(fault: object, text: str) -> None:
    assert Lab().refused(fault).startswith(f"Faults[0]: {text}")


def test_refused_fault_changes_nothing() -> None:
    lab = Lab()
    lab.ask("SetFaults", Faults=[THROTTLED], Seed=1)

    lab.refused(THROTTLED, {})

    assert len(lab.ask("DescribeFaults")["Faults"]) == 1


@pytest.mark.parametrize("seed", [-1, 2**53 + 1, 1.5, "1", True])
def test_seed_is_a_whole_number_that_json_keeps(seed: object) -> None:
    assert Lab().refused(Seed=seed) == f"Seed must be a whole number between 0 and {2**53}"


def test_without_the_lab_they_are_refused() -> None:
    operations = refused()

    for name, own in operations.items():
        call = Call("headwater", name, REGION, None, {}, "id", b"")
        with pytest.raises(AccessDeniedException):
            asyncio.run(handled(own.handler, call))
    assert operations.keys() == LabFaultHandlers(Lab().faults).operations().keys()
