"""Programs in Java beside this file, each a folder of a project of Maven.

Maven builds them once into .headwater of the checkout, and again when their sources change; the
first time it also fetches the libraries, which takes minutes.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

BUILD_SECONDS_MAX: Final = 1200
"""How long a test may wait for a program: for others that are being built, and for its own."""

WORKER: Final = "headwater.Worker"

_STEP_SECONDS_MAX: Final = 600
_CACHE: Final = Path(__file__).parents[2] / ".headwater"
_BUILD: Final = ["mvn", "--batch-mode", "--quiet", "package"]
_JAVA: Final = [
    "java",
    "-XX:TieredStopAtLevel=1",
    "-Xmx256m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]


class NoProgram(Exception):
    """A program cannot be had on this machine; the text says why."""


def built_or_skipped(name: str, *, is_archived: bool = True) -> list[str]:
    """As `built`; skips the test where the program cannot be had."""
    try:
        return built(name, is_archived=is_archived)
    except NoProgram as error:
        pytest.skip(str(error))


def built(name: str, *, is_archived: bool = True) -> list[str]:
    """The command that runs the classes of a folder's project, which is built if it is not.

    is_archived: the classes of its worker are archived by a run without arguments, which pays for
    what is started several times. Raises NoProgram.
    """
    for needed in ("java", "mvn"):
        if not shutil.which(needed):
            raise NoProgram(f"{needed} is not installed")
    source, cache = Path(__file__).with_name(name), _CACHE / name
    archive = cache / "target" / "classes.jsa" if is_archived else None
    wanted = "".join(path.read_text() for path in sorted(source.rglob("*")) if path.is_file())
    mark = cache / "built"
    with _one_at_a_time():
        if not mark.exists() or mark.read_text() != wanted:
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(source, cache)
            try:
                _build(cache, archive)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise NoProgram("Maven could not build the program") from error
            mark.write_text(wanted)
    shared = [] if archive is None else [f"-XX:SharedArchiveFile={archive}"]
    return [*_JAVA, *shared, *_classpath(cache)]


@contextmanager
def serving(command: Sequence[str], output: Path) -> Iterator[str]:
    """Run a server and give its endpoint, which is the first line that it prints.

    output: the file for what it has to say beside.
    """
    with output.open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    try:
        endpoint = process.stdout.readline().strip()
        assert endpoint, output.read_text()
        yield endpoint
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _build(cache: Path, archive: Path | None) -> None:
    subprocess.run(_BUILD, cwd=cache, check=True, timeout=_STEP_SECONDS_MAX)
    if archive is not None:
        run = [*_JAVA, f"-XX:ArchiveClassesAtExit={archive}", *_classpath(cache), WORKER]
        subprocess.run(run, check=True, capture_output=True, timeout=_STEP_SECONDS_MAX)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of all processes that run tests: what Maven has fetched is not made for several."""
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "building").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _classpath(cache: Path) -> list[str]:
    target = cache / "target"
    libraries = (target / "classpath").read_text()
    return ["-cp", f"{target / 'worker.jar'}:{libraries}"]
