"""Functions as users of their own, where the tests run as root."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from headwater.clock import SeededChance, SystemClock
from headwater.functions.journal import Journals
from headwater.functions.pool import Pool
from headwater.functions.runtime import BOOTSTRAP, Client, Family, Runtime
from headwater.functions.user import has_users, user_of
from headwater.functions.worker import WorkerSettings
from tests.contract.workshop import ARN, Workshop, surroundings, value

SYSTEM_PYTHON = Path("/usr/bin/python3")
ASKING = """
    import os, tempfile
    def handler(event, context):
        with tempfile.NamedTemporaryFile() as file:
            can_become_root = True
            try:
                os.setuid(0)
            except PermissionError:
                can_become_root = False
            return [os.getuid(), os.getgid(), os.getgroups(), can_become_root]
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs root"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can read; pytest's own is root's alone."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs a Python that every user can run")
def test_function_runs_as_its_own_user_without_a_way_back(folder: Path) -> None:
    async def main() -> None:
        settings = WorkerSettings(
            clock=SystemClock(),
            machine_clock=SystemClock(),
            chance=SeededChance(1),
            surroundings=surroundings(),
            client=Client.OWN,
            scratch=folder / "scratch",
            journals=Journals(folder / "logs", SystemClock(), SeededChance(2)),
            has_users=True,
        )
        async with Pool(settings) as pool:
            shop = Workshop(pool, folder, settings.journals)
            system = Runtime("python3.11", Family.PYTHON, SYSTEM_PYTHON)
            function = replace(shop.function(ASKING), runtime=system)

            user = user_of(ARN)
            assert value(await shop.invoke(function)) == [user, user, [], False]
        settings.journals.close()

    uvloop.run(main())


def test_unreadable_folder_means_no_users(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)

    assert not asyncio.run(has_users([BOOTSTRAP, folder / "closed"]))


def test_functions_have_users_of_a_range_that_nobody_has() -> None:
    users = {user_of(f"{ARN}{number}") for number in range(1000)}

    assert min(users) >= 61184
    assert max(users) <= 65518
    assert len(users) > 800
