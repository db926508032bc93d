"""Functions as a user deploys and watches them, over a server that is stopped and started again."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conformance.function_making import ECHO, ROLE, RUNTIME, wait_until, zipped
from tests.scenarios.commands import clients, headwater
from tests.server_process import HEADWATER, ServerProcess

SAYING = "def handler(event, context):\n    print('said', event)\n    return event\n"
FAILING = "def handler(event, context):\n    raise ValueError('boom')\n"


@pytest.fixture
def server(tmp_path):
    with ServerProcess.serve(
        "--data", tmp_path / "data", "--objects", tmp_path / "objects"
    ) as process:
        yield process


def ran(endpoint: str, *words: str | Path) -> str:
    done = headwater(*words, "--endpoint", endpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_deployed_function_prints_into_its_log(server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(SAYING)
    (tmp_path / "requirements.txt").write_text("")
    options = ("--handler", "app.handler", "--requirements", tmp_path / "requirements.txt")
    ran(server.endpoint, "function", "deploy", "f", code, *options)
    functions = clients(server.endpoint, "lambda")

    functions.invoke(FunctionName="f", Payload=b"7")

    log = ran(server.endpoint, "function", "logs", "f", "--since", "1h")
    words = [line.split(" ", 2)[1] for line in log.splitlines()]
    assert words[0] == "START"
    assert words[-2:] == ["END", "REPORT"]
    assert "said 7" in log
    functions.delete_function(FunctionName="f")
    assert not list((tmp_path / "data" / "logs").rglob("*.log"))


def test_watched_function_follows_its_files(server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context): return 1\n")
    words = [HEADWATER, "function", "deploy", "f", code, "--handler", "app.handler", "--watch"]
    watching = subprocess.Popen(
        [*words, "--endpoint", server.endpoint], stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    while "Watching" not in watching.stdout.readline():
        pass
    functions = clients(server.endpoint, "lambda")
    before = functions.get_function_configuration(FunctionName="f")["CodeSha256"]

    (code / "app.py").write_text("def handler(event, context): return 'changed'\n")
    wait_until(
        functions, "get_function", f"Configuration.CodeSha256 != '{before}'", FunctionName="f"
    )

    assert functions.invoke(FunctionName="f")["Payload"].read() == b'"changed"'
    watching.send_signal(signal.SIGINT)
    watching.communicate()


def test_code_comes_from_a_bucket(server, tmp_path):
    bucket = tmp_path / "objects" / "code"
    bucket.mkdir(parents=True)
    (bucket / "f.zip").write_bytes(zipped(app=ECHO))
    functions = clients(server.endpoint, "lambda")

    functions.create_function(
        FunctionName="f",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"S3Bucket": "code", "S3Key": "f.zip"},
    )

    assert functions.invoke(FunctionName="f", Payload=b"3")["Payload"].read() == b"3"


def test_failed_event_reaches_destination_and_dead_letter_queue_after_a_restart(tmp_path):
    """The server is killed between taking the event and its end."""
    options = ("--data", tmp_path / "data")
    server = ServerProcess.serve(*options)
    queues, functions = clients(server.endpoint, "sqs"), clients(server.endpoint, "lambda")
    arns = {}
    for name in ("failed", "dead"):
        url = queues.create_queue(QueueName=name)["QueueUrl"]
        found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arns[name] = found["Attributes"]["QueueArn"]
    functions.create_function(
        FunctionName="f",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped(app=FAILING)},
        DeadLetterConfig={"TargetArn": arns["dead"]},
    )
    functions.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arns["failed"]}},
    )
    functions.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    server.kill()

    with ServerProcess.serve(*options) as server:
        queues = clients(server.endpoint, "sqs")
        received = {}
        for name in arns:
            url = queues.get_queue_url(QueueName=name)["QueueUrl"]
            (received[name],) = queues.receive_message(
                QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"]
            )["Messages"]

    record = json.loads(received["failed"]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorMessage"] == "boom"
    assert json.loads(received["dead"]["Body"]) == {"n": 1}
    told = received["dead"]["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert told == "boom"
