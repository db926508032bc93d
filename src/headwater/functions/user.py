"""As whom workers run when the server runs as root: users of their own, one for each function.

Their ids are of the range that systemd keeps for users that exist only while they are needed, so
nobody else owns anything by them. What a worker needs must be readable for such a user; whether it
is, is tried once, and if not, workers run as the server's user, and the log says why.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

_FIRST: Final = 61184
_COUNT: Final = 4335
# Prints the first of the paths that the user cannot use, or nothing.
_TRY: Final = """
import json, os, sys
user, paths = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(user); os.setuid(user)
paths = [os.path.dirname(os.__file__), *paths]
print(next((path for path in paths if not os.access(path, os.R_OK | os.X_OK)), ""))
"""
_log = structlog.get_logger(__name__)


def user_of(arn: str) -> int:
    """The user and group of a function's workers."""
    return _FIRST + zlib.crc32(arn.encode()) % _COUNT


async def has_users(needed: Sequence[Path]) -> bool:
    """Whether workers can run as users of their own; says so in the log.

    needed: folders that such a user must be able to read.
    """
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        return False
    unreadable = await _unreadable(needed)
    if unreadable is None:
        _log.info("functions_have_users", first=_FIRST, last=_FIRST + _COUNT - 1)
        return True
    _log.warning("functions_run_as_root", unreadable=unreadable)
    return False


async def _unreadable(needed: Sequence[Path]) -> str | None:
    """What a user of ours could not read, or why none can be had; None if all is well."""
    question = json.dumps([_FIRST, [str(path) for path in needed]])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _TRY,
        question,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, errors = await process.communicate()
    if process.returncode != 0:
        lines = errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "changing the user failed"
    return answer.decode().strip() or None
