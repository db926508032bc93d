"""What runs a runtime's name on this machine.

`python3.N` of our own version is our own interpreter, where boto3 and awslambdaric are sure to be;
another version is what PATH has under that name, if it runs. Every `nodejsN.x` is the `node` on
PATH, whatever its version: code for Node seldom depends on it, and one machine seldom has several.
`provided.al2` and `provided.al2023` run the executable `bootstrap` of the function's package.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

BOOTSTRAP: Final = Path(__file__).with_name("bootstrap")
# Older ones cannot import the boto3 that runs here; newer ones are not Lambda runtimes yet.
_PYTHON: Final = tuple(f"python3.{minor}" for minor in range(10, 16))
_NODE: Final = tuple(f"nodejs{major}.x" for major in range(16, 25, 2))
_PROVIDED: Final = ("provided.al2", "provided.al2023")
_ASK_PYTHON: Final = "import sys; print(sys.executable)"
_ASK_NODE: Final = "console.log(process.execPath)"


class Client(Enum):
    """The runtime interface client that Python workers run; the value is launch.py's word."""

    AWSLAMBDARIC = "awslambdaric"
    OWN = str(BOOTSTRAP / "runtime.py")


class Family(Enum):
    PYTHON = "python"
    NODE = "nodejs"
    PROVIDED = "provided"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that can be had here. program: the interpreter; None if the package brings it."""

    name: str
    family: Family
    program: Path | None

    def words(self, client: Client, code: Path, opt: Path, handler: str) -> list[str]:
        """What launch.py is to become: a module or file of Python, or `exec` and a program."""
        match self.family:
            case Family.PYTHON:
                # awslambdaric is compiled for our interpreter; another one runs our own client.
                is_ours = self.program == Path(sys.executable)
                return [(client if is_ours else Client.OWN).value, handler]
            case Family.NODE:
                return ["exec", str(self.program), str(BOOTSTRAP / "runtime.mjs")]
            case Family.PROVIDED:
                own = code / "bootstrap"
                return ["exec", str(own if own.exists() else opt / "bootstrap")]


def family_of(name: str) -> Family | None:
    """The family of a runtime that this server knows, whether or not it is here."""
    if name in _PYTHON:
        return Family.PYTHON
    if name in _NODE:
        return Family.NODE
    return Family.PROVIDED if name in _PROVIDED else None


class Runtimes:
    """Finds the programs of runtimes, each once."""

    def __init__(self) -> None:
        ours = f"python3.{sys.version_info.minor}"
        self._found: dict[str, Path | None] = {ours: Path(sys.executable)}

    async def find(self, name: str) -> Runtime | None:
        """A runtime by AWS's name, or None if this machine does not have it."""
        match family_of(name):
            case Family.PYTHON:
                program = await self._program(name, "-c", _ASK_PYTHON)
                return None if program is None else Runtime(name, Family.PYTHON, program)
            case Family.NODE:
                program = await self._program("node", "-e", _ASK_NODE)
                return None if program is None else Runtime(name, Family.NODE, program)
            case Family.PROVIDED:
                return Runtime(name, Family.PROVIDED, None)
        return None

    async def offered(self) -> list[str]:
        """The runtimes that can be had here."""
        names = (*_PYTHON, *_NODE, *_PROVIDED)
        return [name for name in names if await self.find(name) is not None]

    async def _program(self, name: str, *question: str) -> Path | None:
        if name not in self._found:
            self._found[name] = await _ask(name, question)
        return self._found[name]


async def _ask(name: str, question: tuple[str, ...]) -> Path | None:
    """Where the program says it is: a name on PATH may be a shim that leads nowhere."""
    program = shutil.which(name)
    if program is None:
        return None
    process = await asyncio.create_subprocess_exec(
        program,
        *question,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answer, _ = await process.communicate()
    return Path(answer.decode().strip()) if process.returncode == 0 else None
