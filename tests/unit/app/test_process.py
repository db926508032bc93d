"""What a process of several knows of the others."""

from __future__ import annotations

from headwater.app.process import Fellows, Plan
from headwater.auth.credentials import Credential
from headwater.config import Settings, from_json, to_json


def plan(number: int = 3, members: tuple[int, ...] = (1, 2)) -> Plan:
    return Plan.new(
        Settings(workers=3),
        Credential("id", "secret", "function"),
        run="run",
        number=number,
        place=0,
        places=3,
        members=members,
        hold=0,
        board=0,
        listener=0,
        wakeups=0,
        others=(),
    )


def test_one_that_is_not_known_of_yet_is_not_dead() -> None:
    fellows = Fellows(plan(number=3))

    assert not fellows.is_dead("run.4")
    assert not fellows.is_dead("run.2")
    assert not fellows.is_dead("run.3")


def test_one_that_is_gone_is_dead_and_so_is_every_owner_of_another_run() -> None:
    fellows = Fellows(plan(number=3))

    fellows.learn(serving=[1, 3], alive=[1, 3, 4], latest=4)

    assert fellows.is_dead("run.2")
    assert fellows.is_dead("another.3")
    assert fellows.is_dead("00000000-0000-4000-8000-000000000000")
    assert not fellows.is_dead("run.4")


def test_all_see_those_that_serve_in_one_order_and_themselves_among_them() -> None:
    fellows = Fellows(plan(number=3, members=(2, 1)))

    assert list(fellows.serving()) == ["run.1", "run.2", "run.3"]


def test_settings_are_the_same_in_every_process() -> None:
    settings = Settings(workers=2, port=0, retention_hours=2.5)

    assert from_json(to_json(settings)) == settings
