"""A server of several processes, some of which are killed under load."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from headwater.cli.client import Client, ServerGone, connected
from headwater.cli.deployment import deploy, packed
from tests.server_process import HEADWATER, ServerProcess, workers
from tests.torture.world import settled

WORKERS = 3
LEADING = '"leading"'
LANES = 6
WRITES = 60
FUNCTION = Path(__file__).parents[1] / "torture" / "function"
SERVING = re.compile(r'^process_cpu_seconds_total\{worker="(\d+)"\}', re.MULTILINE)
DELAY = re.compile(
    r'^headwater_delivery_delay_seconds_bucket\{le="([^"]+)".*\} (\S+)', re.MULTILINE
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    # The functions of these tests write files of this process's.
    options = ("--workers", str(WORKERS), "--log-format", "json", "--function-isolation", "none")
    with ServerProcess.serve("--data", tmp_path / "data", *options) as started:
        yield started


def aws(server: ServerProcess, service: str) -> Any:
    session = boto3.Session("any", "any", region_name="us-east-1")
    return session.client(
        service,
        endpoint_url=server.endpoint,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=600),
    )


def metrics(server: ServerProcess) -> str:
    with urlopen(f"{server.endpoint}/metrics") as answer:
        return str(answer.read().decode())


def await_all_serving(server: ServerProcess) -> None:
    while set(SERVING.findall(metrics(server))) != set(map(str, range(1, WORKERS + 1))):
        pass


async def create_table(client: Client) -> str:
    names = {"pk": ("HASH", "S"), "sk": ("RANGE", "N")}
    await client.call(
        "dynamodb",
        "CreateTable",
        {
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": n, "KeyType": k} for n, (k, _) in names.items()],
            "AttributeDefinitions": [
                {"AttributeName": n, "AttributeType": t} for n, (_, t) in names.items()
            ],
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        },
    )
    return str((await settled(client, "orders"))["LatestStreamArn"])


async def write_lane(endpoint: str, lane: int) -> None:
    """Put the items of one key one after the other; what has no answer is put again."""
    left = list(range(1, WRITES + 1))
    while left:
        try:
            async with connected(endpoint) as client:
                while left:
                    item = {"pk": {"S": f"lane-{lane}"}, "sk": {"N": str(left[0])}}
                    await client.call("dynamodb", "PutItem", {"TableName": "orders", "Item": item})
                    del left[0]
        except (ServerGone, OSError):
            continue


def leaders(server: ServerProcess) -> list[str]:
    """Who has come to do what one process alone may do, one after the other."""
    return [json.loads(line)["worker"] for line in list(server.output.lines) if LEADING in line]


async def kill_leaders_under_load(server: ServerProcess, count: int) -> list[str]:
    """Kill one leader after the other while writers write; returns those killed."""
    writers = [asyncio.create_task(write_lane(server.endpoint, lane)) for lane in range(LANES)]
    killed = 0
    while killed < count:
        async with connected(server.endpoint) as client:
            for _ in range(50):  # so that there is load between the kills
                await client.call("dynamodb", "DescribeTable", {"TableName": "orders"})
            while len(leaders(server)) == killed:
                await client.call("dynamodb", "DescribeTable", {"TableName": "orders"})
        os.kill(workers(server)[leaders(server)[-1]], signal.SIGKILL)
        killed += 1
    await asyncio.gather(*writers)
    return leaders(server)[:count]


def told(notes: Path) -> dict[str, list[int]]:
    """The sort keys that the function was given, by partition key, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in notes.read_text().splitlines() if notes.exists() else ():
        _, _, key = line.partition(" ")
        partition, _, number = key.partition("/")
        found[partition].append(int(number))
    return found


def test_killed_workers_are_replaced_and_nothing_is_lost_or_out_of_order(
    server: ServerProcess, tmp_path: Path
) -> None:
    async def prepare() -> str:
        async with connected(server.endpoint) as client:
            return await create_table(client)

    arn = asyncio.run(prepare())
    notes = tmp_path / "writer"
    functions = aws(server, "lambda")
    environment = {"Variables": {"NOTES": str(tmp_path)}}
    configuration = {"Handler": "app.writer", "Environment": environment}
    deploy(functions, "noting", packed(FUNCTION), configuration)
    functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="noting", StartingPosition="TRIM_HORIZON", BatchSize=20
    )

    killed = asyncio.run(kill_leaders_under_load(server, 2))
    await_all_serving(server)
    while any(
        set(told(notes)[f"lane-{lane}"]) != set(range(1, WRITES + 1)) for lane in range(LANES)
    ):
        metrics(server)

    for numbers in told(notes).values():
        reached = 0
        for number in numbers:
            assert number <= reached + 1, "a record overtook another"
            reached = max(reached, number)
    while len(leaders(server)) <= len(killed):  # a third one leads
        metrics(server)
    dead = [line for line in server.output.lines if '"worker_ended"' in line]
    assert [json.loads(line)["how"] for line in dead] == ["signal SIGKILL"] * 2
    sys.stdout.write(f"delays: {DELAY.findall(metrics(server))}\n")
    assert server.stop() == 0


def test_what_one_worker_has_answered_all_others_know(server: ServerProcess) -> None:
    clients = [aws(server, "dynamodb") for _ in range(2 * WORKERS)]
    definition = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    for turn in range(5):
        for client in clients:
            client.list_tables(Limit=1)  # a connection each
        writer, reader = clients[turn % len(clients)], clients[(turn + 1) % len(clients)]
        writer.create_table(TableName="things", **definition)
        while writer.describe_table(TableName="things")["Table"]["TableStatus"] != "ACTIVE":
            pass
        for number in range(20):
            item = {"pk": {"S": "a"}, "n": {"N": str(number)}}
            writer.put_item(TableName="things", Item=item)
            found = reader.get_item(TableName="things", Key={"pk": {"S": "a"}}, ConsistentRead=True)
            assert found["Item"] == item
        writer.delete_table(TableName="things")
        with pytest.raises(reader.exceptions.ResourceNotFoundException):
            reader.get_item(TableName="things", Key={"pk": {"S": "a"}})
        while writer.list_tables()["TableNames"]:
            pass
    assert set(SERVING.findall(metrics(server))) == set(map(str, range(1, WORKERS + 1)))


HELD = """
import fcntl, os, pathlib

def handler(event, _):
    pathlib.Path(event["begun"]).write_text(f"{os.getppid()} ")
    with open(event["gate"]) as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
    return True
"""


class Held:
    """A function of which two may be under way: it tells who runs it, and waits for the gate."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self._server = server
        self._begun = folder / "begun"
        os.mkfifo(self._begun)
        self._gate = (folder / "gate").open("w")
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        functions = aws(server, "lambda")
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(HELD)
        settings = {"Handler": "app.handler", "Timeout": 900}
        deploy(functions, "held", packed(folder / "code"), settings)
        functions.put_function_concurrency(FunctionName="held", ReservedConcurrentExecutions=2)

    def invoke(self) -> bytes:
        event = json.dumps({"begun": str(self._begun), "gate": self._gate.name})
        functions = aws(self._server, "lambda")  # a connection of its own
        return bytes(functions.invoke(FunctionName="held", Payload=event)["Payload"].read())

    def invoke_until_it_may(self) -> bytes:
        while True:
            with suppress(HTTPClientError, ClientError):
                return self.invoke()

    def refusal(self) -> str:
        with pytest.raises(ClientError) as caught:
            self.invoke()
        return str(caught.value.response["Reason"])

    def run_by(self, count: int) -> list[int]:
        """The processes of the server that run the next ones to begin."""
        found: list[int] = []
        while len(found) < count:
            found += map(int, self._begun.read_text().split())
        return found

    def open_gate(self) -> None:
        self._gate.close()


def test_reserved_concurrency_holds_for_all_workers_together_and_a_killed_one_gives_its_part_back(
    server: ServerProcess, tmp_path: Path
) -> None:
    held = Held(server, tmp_path)
    with ThreadPoolExecutor() as threads:
        first = [threads.submit(held.invoke) for _ in range(2)]
        running = held.run_by(2)
        refusals = {held.refusal() for _ in range(2 * WORKERS)}

        os.kill(running[0], signal.SIGKILL)
        came_back = running.count(running[0])
        later = [threads.submit(held.invoke_until_it_may) for _ in range(came_back)]
        held.run_by(came_back)
        refusals |= {held.refusal() for _ in range(2 * WORKERS)}
        held.open_gate()
        answers = [answer.result() for answer in later]
        cut_off = [answer for answer in first if answer.exception() is not None]

    assert refusals == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert answers == [b"true"] * came_back
    assert len(cut_off) == came_back


def test_workers_that_cannot_live_end_the_server_with_the_reason(tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path / "data", "--workers", "2") as server:
        port = server.endpoint.rpartition(":")[2]
        again = subprocess.run(
            [HEADWATER, "serve", "--port", port, "--data", tmp_path / "other", "--workers", "2"],
            capture_output=True,
            text=True,
            check=False,
        )
        second = subprocess.run(
            [HEADWATER, "serve", "--port", "0", "--data", tmp_path / "data", "--workers", "2"],
            capture_output=True,
            text=True,
            check=False,
        )

    assert (again.returncode, second.returncode) == (2, 2)
    assert f"cannot listen on 127.0.0.1 port {port}" in again.stderr
    assert "in use by another server" in second.stderr


def test_workers_that_die_as_soon_as_they_start_end_the_server(tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path / "data", "--workers", "2") as server:
        process = server.process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("this machine does not tell a process's children")
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
            with suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
                for child in children.read_text().split():
                    os.kill(int(child), signal.SIGKILL)

    assert process.returncode == 2
    assert "workers ended within 10 seconds of their start; the last one: signal SIGKILL" in (
        server.output.text
    )


def test_workers_of_a_dead_supervisor_stop(tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path / "data", "--workers", "2") as server:
        server.kill()  # returns once nobody holds its output any more

    with ServerProcess.serve("--data", tmp_path / "data") as alone:
        assert aws(alone, "dynamodb").list_tables()["TableNames"] == []
