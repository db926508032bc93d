"""Headwater and its peers: how each is started, and which operations it offers.

Headwater runs as it would in earnest: signatures verified, every commit on disk, a data directory
on the disk that holds this checkout. The peers run as their documentation says, which is in memory
and without verifying signatures.
"""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from tests.benchmarks.peers import DYNALITE, MOTO_SERVER
from tests.benchmarks.signing import Credentials, Signer
from tests.server_process import ENDPOINT, ServerProcess

CREDENTIALS = Credentials("AKIDBENCHMARK0000001", "benchmark/secret", "us-east-1")
DATA_PARENT = Path(__file__).resolve().parents[2] / "bench-results"
EVERYTHING = frozenset({"put", "put_stream", "update", "get", "query", "get_records"})


@dataclass(frozen=True)
class Server:
    """A running server that can be measured."""

    name: str
    endpoint: str
    process: int
    operations: frozenset[str] = EVERYTHING

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def signer(self) -> Signer:
        return Signer(CREDENTIALS, self.host)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=CREDENTIALS.region,
            aws_access_key_id=CREDENTIALS.access_key,
            aws_secret_access_key=CREDENTIALS.secret_key,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )


@contextmanager
def data_folder() -> Iterator[Path]:
    """A new folder on the checkout's own disk: a commit to a memory disk would cost nothing."""
    DATA_PARENT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=DATA_PARENT))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def start_headwater(folder: Path, *options: str) -> ServerProcess:
    credentials = folder / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text(
        f"[benchmark]\naws_access_key_id = {CREDENTIALS.access_key}\n"
        f"aws_secret_access_key = {CREDENTIALS.secret_key}\n"
    )
    return ServerProcess.serve(
        *("--data", folder / "data", "--credentials", credentials, "--durability", "strict"),
        # The function that measures the delay writes a file of this process's.
        *("--function-isolation", "none"),
        *options,
    )


@contextmanager
def headwater() -> Iterator[Server]:
    with data_folder() as folder, start_headwater(folder) as started:
        yield Server("headwater", started.endpoint, started.process.pid)


@contextmanager
def moto() -> Iterator[Server]:
    command = [str(MOTO_SERVER), "--host", "127.0.0.1", "--port", free_port()]
    with ServerProcess.start(command) as started:
        yield Server("moto_server", started.endpoint, started.process.pid)


@contextmanager
def dynalite() -> Iterator[Server]:
    command = [str(DYNALITE), "--host", "127.0.0.1", "--port", free_port(), "--createTableMs", "0"]
    with ServerProcess.start(command, ready=re.compile(ENDPOINT.pattern)) as started:
        offered = EVERYTHING - {"put_stream", "get_records"}
        yield Server("dynalite", started.endpoint, started.process.pid, offered)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
