"""Time, chance and waiting that a test could not command.

Code of the server reads the time and draws randomness through clock.py only. Tests never wait for a
fixed time: they wait for what they are waiting for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tests.tidy.files import FUNCTION_CODE, File, full_name, local_names

CLOCK = "src/headwater/clock.py"
# What runs in a function's worker process has the machine's time, as on Lambda.
OUTSIDE_THE_SERVER = ("src/headwater/functions/bootstrap/", FUNCTION_CODE)

UNCOMMANDED = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "uuid.uuid1",
        "uuid.uuid4",
        "os.urandom",
        "os.getrandom",
    }
)
UNCOMMANDED_MODULES = frozenset({"random", "secrets"})
SLEEPS = frozenset({"time.sleep", "asyncio.sleep"})


def uncommanded_time_and_chance(files: Iterable[File]) -> list[str]:
    """Uses in src of the machine's clock or randomness, other than by clock.py."""
    return [
        f"{file.path}:{line}: {name} outside clock.py; take a Clock or a Chance as an argument"
        for file in files
        if file.is_source and file.path != CLOCK
        if not file.path.startswith(OUTSIDE_THE_SERVER)
        for line, name in _uses(file)
        if name in UNCOMMANDED or name.rpartition(".")[0] in UNCOMMANDED_MODULES
    ]


def sleeping_tests(files: Iterable[File]) -> list[str]:
    """Calls in tests of a sleep with a constant above nought; benchmarks pace what they measure."""
    return [
        f"{file.path}:{node.lineno}: waits a fixed time; wait for the thing itself"
        for file in files
        if file.is_test and not file.path.startswith("tests/benchmarks/")
        for names in [local_names(file)]
        for node in file.nodes
        if isinstance(node, ast.Call)
        if full_name(node.func, names) in SLEEPS and _waits(node)
    ]


def _uses(file: File) -> Iterable[tuple[int, str]]:
    names = local_names(file)
    for node in file.nodes:
        if isinstance(node, ast.Attribute | ast.Name):
            name = full_name(node, names)
            if name is not None:
                yield node.lineno, name


def _waits(call: ast.Call) -> bool:
    match call.args:
        case [ast.Constant(value=int() | float() as seconds), *_]:
            return seconds > 0
        case _:
            return False
