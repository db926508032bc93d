import pytest

from headwater.clock import SystemClock


class Machine:
    """The two clocks of a machine, which a test sets."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.elapsed = 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> SystemClock:
    return SystemClock(machine.time, machine.monotonic)


def test_time_of_day_is_the_machines(machine, clock):
    assert clock.now() == 1_700_000_000.0

    machine.run(3.0)

    assert clock.now() == 1_700_000_003.0


def test_time_never_goes_back_with_the_machines_clock(machine, clock):
    before = clock.now()

    machine.wall -= 3600

    assert clock.now() == before


def test_time_goes_on_after_the_machines_clock_was_set_back(machine, clock):
    before = clock.now()
    machine.wall -= 3600
    clock.now()

    machine.run(10.0)

    assert clock.now() == pytest.approx(before + 5.0)


def test_time_meets_the_machines_clock_again(machine, clock):
    clock.now()
    machine.wall -= 60
    clock.now()

    machine.run(200.0)

    assert clock.now() == machine.wall


def test_time_goes_on_when_the_machines_clock_is_set_back_again(machine, clock):
    clock.now()
    machine.wall -= 60
    clock.now()
    machine.run(10.0)
    before = clock.now()
    machine.wall -= 600

    machine.run(10.0)

    assert clock.now() == pytest.approx(before + 5.0)
