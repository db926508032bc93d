"""What a server says and keeps when its disk is full or damaged, or its machine gives out."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headwater.audit.directory import verify
from headwater.audit.report import Report
from headwater.cli.client import Client, ServerGone, ServerSaidNo, connected
from tests.server_process import HEADWATER, DidNotStart, ServerProcess

FULL = "The server cannot serve this now: the store cannot be written"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


async def create(client: Client) -> None:
    await client.call(
        "dynamodb",
        "CreateTable",
        {
            "TableName": "music",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        },
    )
    while True:
        table = await client.call("dynamodb", "DescribeTable", {"TableName": "music"})
        if table["Table"]["TableStatus"] == "ACTIVE":
            return


async def put(client: Client, key: str) -> None:
    item = {"pk": {"S": key}, "padding": {"S": "x" * 3000}}
    await client.call("dynamodb", "PutItem", {"TableName": "music", "Item": item})


async def keys(client: Client) -> set[str]:
    found: set[str] = set()
    start: dict[str, Any] = {}
    while True:
        page = await client.call("dynamodb", "Scan", {"TableName": "music", **start})
        found |= {item["pk"]["S"] for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


async def refused(client: Client, key: str) -> ServerSaidNo | None:
    try:
        await put(client, key)
    except ServerSaidNo as error:
        return error
    return None


def faults_in(directory: Path) -> list[str]:
    report = Report()
    asyncio.run(verify(directory, report))
    return report.faults


def written(directory: Path, count: int) -> set[str]:
    """Put items into a new directory's table; returns their keys."""

    async def main(endpoint: str) -> set[str]:
        async with connected(endpoint) as client:
            await create(client)
            for number in range(count):
                await put(client, f"key-{number}")
            return await keys(client)

    with ServerProcess.serve("--data", directory) as server:
        found = asyncio.run(main(server.endpoint))
        assert server.stop() == 0
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk_refuses_writes_warns_once_and_goes_on_when_there_is_room(
    small_disk: Path, workers: int
) -> None:
    data, ballast = small_disk / "data", small_disk / "ballast"
    ballast.write_bytes(bytes(4 * 1024 * 1024))
    acknowledged: set[str] = set()

    async def fill(endpoint: str) -> None:
        async with connected(endpoint) as client:
            await create(client)
            refusals = 0
            number = 0
            while refusals < 50:
                number += 1
                error = await refused(client, f"key-{number}")
                if error is None:
                    acknowledged.add(f"key-{number}")
                else:
                    refusals += 1
                    assert error.code == "ServiceUnavailable"
                    assert FULL in str(error)
            assert await keys(client) == acknowledged
            ballast.unlink()
            await put(client, "after")
            acknowledged.add("after")

    async def look(endpoint: str) -> set[str]:
        async with connected(endpoint) as client:
            return await keys(client)

    with ServerProcess.serve("--data", data, "--workers", str(workers)) as server:
        asyncio.run(fill(server.endpoint))
        server.kill()
    warnings = [line for line in server.output.lines if "store_unavailable" in line]
    assert faults_in(data) == []
    with ServerProcess.serve("--data", data) as server:
        assert asyncio.run(look(server.endpoint)) == acknowledged

    assert 1 <= len(warnings) <= workers, warnings
    assert len(acknowledged) > 20


def test_read_only_directory_is_refused_in_words(small_disk: Path) -> None:
    (small_disk / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(DidNotStart, match=r"cannot be used: .*Read-only file system"):
        ServerProcess.serve("--data", small_disk / "data")


@pytest.mark.parametrize("damage", ["a page", "the end"])
def test_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    written(tmp_path, 300)
    file = tmp_path / "headwater.db"
    content = bytearray(file.read_bytes())
    if damage == "a page":
        for at in range(3 * 8192, len(content), 8192):
            content[at : at + 64] = b"\xa5" * 64
        file.write_bytes(content)
    else:
        file.write_bytes(content[: len(content) // 2 // 8192 * 8192])

    assert faults_in(tmp_path) != []
    told = told_by(tmp_path)
    assert "malformed" in told
    assert "Traceback" not in told


def told_by(directory: Path) -> str:
    """What a server says of a directory, when it starts or when it is asked."""

    async def look(endpoint: str) -> str:
        async with connected(endpoint) as client:
            try:
                await keys(client)
            except ServerSaidNo as error:
                return str(error)
        return "nothing"

    try:
        with ServerProcess.serve("--data", directory) as server:
            return asyncio.run(look(server.endpoint)) + server.output.text
    except DidNotStart as error:
        return str(error)


def test_damaged_log_loses_no_more_than_what_stands_behind_the_damage(tmp_path: Path) -> None:
    """SQLite's log ends for it at the first frame whose checksum is wrong."""
    data = tmp_path / "data"

    async def load(server: ServerProcess) -> None:
        async with connected(server.endpoint) as client:
            await create(client)
            for number in range(100):
                await put(client, f"key-{number:03d}")
        server.kill()

    async def look(endpoint: str) -> set[str]:
        async with connected(endpoint) as client:
            return await keys(client)

    with ServerProcess.serve("--data", data) as server:
        asyncio.run(load(server))
    log = data / "headwater.db-wal"
    content = bytearray(log.read_bytes())
    content[len(content) * 9 // 10] ^= 0xFF
    log.write_bytes(content)

    assert faults_in(data) == []
    with ServerProcess.serve("--data", data) as server:
        found = asyncio.run(look(server.endpoint))
    assert found == {f"key-{number:03d}" for number in range(len(found))}
    assert len(found) > 50


def test_deleted_directory_stops_writes_within_a_second(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def main(endpoint: str) -> ServerSaidNo:
        async with connected(endpoint) as client:
            await create(client)
            shutil.rmtree(data)
            while (error := await refused(client, "key")) is None:
                pass
            return error

    with ServerProcess.serve("--data", data) as server:
        told = asyncio.run(main(server.endpoint))

    assert told.code == "ServiceUnavailable"
    assert "has been deleted" in str(told)


def test_more_connections_than_files_leave_the_server_serving(tmp_path: Path) -> None:
    limit = 100
    command: list[str | Path] = ["prlimit", f"--nofile={limit}", HEADWATER, "serve", "--port", "0"]
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit here")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 3 * limit

    async def write(endpoint: str, key: str) -> None:
        """As a client that tries again: a connection for which there is no file is closed."""
        while True:
            with suppress(ServerGone):
                async with connected(endpoint) as client:
                    await put(client, key)
                return

    async def main(endpoint: str) -> None:
        address = (urlsplit(endpoint).hostname, urlsplit(endpoint).port)
        async with connected(endpoint) as client:
            await create(client)
            with ExitStack() as opened:
                for _ in range(2 * limit):
                    opened.enter_context(socket.create_connection(address, 10))
                await put(client, "while they are open")
        await write(endpoint, "after they were closed")
        async with connected(endpoint) as client:
            assert await keys(client) == {"while they are open", "after they were closed"}

    with ServerProcess.start([*command, "--data", tmp_path]) as server:
        asyncio.run(main(server.endpoint))
        assert server.stop() == 0
    assert len(server.output.text) < 20_000, "it says the same over and over"
    assert "Traceback" not in server.output.text
