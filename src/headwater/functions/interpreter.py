"""Which Python runs a runtime's name.

`python3.N` of our own version is our own interpreter, where boto3 and awslambdaric are sure to be;
another version is what PATH has under that name, if it runs.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

# Older ones cannot import the boto3 that runs here; newer ones are not Lambda runtimes yet.
_OFFERED = [f"python3.{minor}" for minor in range(10, 16)]
_ASK = "import sys; print(sys.executable)"


class Interpreters:
    """Finds interpreters, each once."""

    def __init__(self) -> None:
        ours = f"python3.{sys.version_info.minor}"
        self._found: dict[str, Path | None] = {ours: Path(sys.executable)}

    async def find(self, runtime: str) -> Path | None:
        """The interpreter of a runtime, or None if this machine has none."""
        if runtime not in self._found:
            self._found[runtime] = await _ask(runtime) if runtime in _OFFERED else None
        return self._found[runtime]

    async def offered(self) -> list[str]:
        """The runtimes that can be had here."""
        return [runtime for runtime in _OFFERED if await self.find(runtime) is not None]


async def _ask(runtime: str) -> Path | None:
    """Where the program says it is: a name on PATH may be a shim that leads nowhere."""
    program = shutil.which(runtime)
    if program is None:
        return None
    process = await asyncio.create_subprocess_exec(
        program,
        "-c",
        _ASK,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answer, _ = await process.communicate()
    return Path(answer.decode().strip()) if process.returncode == 0 else None
