"""The commands that are clients of a server, as a user runs them: `function deploy` and `tail`."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.function_making import wait_until
from tests.scenarios.commands import COMMAND_SECONDS_MAX, STREAM, TABLE, clients, headwater
from tests.server_process import HEADWATER, ServerProcess

# function deploy


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess.serve("--memory", "--lab") as started:
        yield started


@pytest.fixture
def at_server(unset: pytest.MonkeyPatch, server: ServerProcess) -> str:
    """The server's endpoint, also in the environment; no credentials are."""
    unset.setenv("AWS_ENDPOINT_URL", server.endpoint)
    return server.endpoint


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "text.py").write_text("WORD = 'first'\n")
    (tmp_path / "app.py").write_text(
        "import os\nfrom lib.text import WORD\n"
        "def handler(event, context):\n    return [WORD, os.environ.get('COLOUR')]\n"
    )
    return tmp_path


def test_directory_is_deployed_and_brought_up_to_date(at_server: str, code: Path) -> None:
    functions = clients(at_server, "lambda")
    deploy = ("function", "deploy", "coloured", code, "--handler", "app.handler")
    first = headwater(*deploy, "--env", "COLOUR=red=dark", "--timeout", "5", "--memory", "256")
    before = functions.invoke(FunctionName="coloured")["Payload"].read()
    (code / "lib" / "text.py").write_text("WORD = 'second'\n")

    second = headwater(*deploy)

    found = functions.get_function_configuration(FunctionName="coloured")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert found["FunctionArn"] in second.stdout
    assert before == b'["first", "red=dark"]'
    assert functions.invoke(FunctionName="coloured")["Payload"].read() == b'["second", null]'
    assert (found["Timeout"], found["MemorySize"]) == (60, 128)


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--handler", "app.handler", "--timeout", "0"], 1, "Not deployed: "),
        (["--handler", "app.handler", "--env", "COLOUR"], 2, "'COLOUR' is not NAME=VALUE"),
        ([], 2, "Missing option '--handler'"),
        (["--handler", "a.b", "--endpoint", "http://127.0.0.1:1"], 1, "Not deployed: "),
        (["--handler", "a.b", "--endpoint", "nonsense"], 2, "'nonsense' is not a server's URL"),
    ],
)
def test_what_cannot_be_deployed_is_told(
    at_server: str, code: Path, options: list[str], status: int, told: str
) -> None:
    done = headwater("function", "deploy", "unfit", code, *options)

    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# tail


@pytest.fixture
def music(at_server: str) -> Iterator[Any]:
    """A client of a table with a stream, in which an item was put, updated and deleted."""
    tables = clients(at_server)
    tables.create_table(**TABLE, StreamSpecification=STREAM)
    wait_until(tables, "DescribeTable", "Table.TableStatus == 'ACTIVE'", TableName="music")
    for plays in ("1", "2"):
        tables.put_item(TableName="music", Item={"pk": {"S": "a [b]"}, "plays": {"N": plays}})
    tables.delete_item(TableName="music", Key={"pk": {"S": "a [b]"}})
    yield tables
    tables.delete_table(TableName="music")
    wait_until(tables, "ListTables", "!contains(TableNames, 'music')")


class Screen:
    """A command's output as it comes, through a terminal or a pipe."""

    def __init__(self, words: list[str | Path], *, is_terminal: bool) -> None:
        reader, writer = pty.openpty() if is_terminal else os.pipe()
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            env=environment | {"TERM": "xterm-256color", "COLUMNS": "160"},
        )
        os.close(writer)
        self._reader = reader
        self.text = ""

    def wait_for(self, pattern: str) -> str:
        """Everything so far, once it has what is sought."""
        while not re.search(pattern, self.text):
            assert select.select([self._reader], [], [], COMMAND_SECONDS_MAX)[0], self.text
            chunk = os.read(self._reader, 65_536)
            assert chunk, self.text
            self.text += chunk.decode()
        return self.text

    def has_more(self) -> bool:
        """Whether something has come that is not read yet, or comes in a moment."""
        return bool(select.select([self._reader], [], [], 0.05)[0])

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(COMMAND_SECONDS_MAX)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._reader)


@pytest.fixture
def watch(at_server: str) -> Iterator[Any]:
    """Start `headwater tail music` with further options."""
    screens = []

    def start(*options: str, is_terminal: bool) -> Screen:
        screens.append(Screen([HEADWATER, "tail", "music", *options], is_terminal=is_terminal))
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


def test_tail_shows_coloured_differences_until_interrupted(music: Any, watch: Any) -> None:
    screen = watch("--from", "trim-horizon", is_terminal=True)
    screen.wait_for(r"REMOVE(.|\n)*plays: 2(.|\n)*\n")

    status = screen.interrupt()

    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen.text).replace("\r\n", "\n")
    assert status == 0
    assert re.sub(r"\d\d:\d\d:\d\d (\w+) (.*\])  .*", r"\1 \2", plain).splitlines() == [
        "INSERT pk=a [b]",
        "  + plays: 1",
        "MODIFY pk=a [b]",
        "  - plays: 1",
        "  + plays: 2",
        "REMOVE pk=a [b]",
        "  - plays: 2",
    ]
    assert re.search(r"\x1b\[[0-9;]*31[0-9;]*m *- plays: 1", screen.text)
    assert re.search(r"\x1b\[[0-9;]*32[0-9;]*m *\+ plays: 2", screen.text)


def test_tail_into_a_pipe_is_plain_and_comes_at_once(music: Any, watch: Any) -> None:
    screen = watch("--from", "trim-horizon", is_terminal=False)
    screen.wait_for("REMOVE")

    music.put_item(TableName="music", Item={"pk": {"S": "later"}})

    text = screen.wait_for("INSERT pk=later")
    assert screen.interrupt() == 0
    assert "\x1b" not in text
    assert "Traceback" not in text


def test_tail_from_latest_begins_now(music: Any, watch: Any) -> None:
    screen = watch(is_terminal=False)
    item = {"pk": {"S": "new"}}

    # Until the command has taken its place in the stream, what is written is before it.
    for number in range(1000):
        music.put_item(TableName="music", Item={**item, "n": {"N": str(number)}})
        if screen.has_more():
            break

    text = screen.wait_for("pk=new")
    assert screen.interrupt() == 0
    assert "a [b]" not in text


def test_tail_ends_when_the_stream_does(music: Any, watch: Any) -> None:
    screen = watch("--from", "trim-horizon", is_terminal=False)
    screen.wait_for("REMOVE")

    music.update_table(TableName="music", StreamSpecification={"StreamEnabled": False})

    screen.wait_for("The stream is disabled and read to its end.")
    assert screen.process.wait(COMMAND_SECONDS_MAX) == 0
    wait_until(music, "DescribeTable", "Table.TableStatus == 'ACTIVE'", TableName="music")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["absent"], "ResourceNotFoundException"),
        (["absent", "--endpoint", "http://127.0.0.1:1"], "Could not connect to the endpoint URL"),
    ],
)
def test_what_cannot_be_followed_is_told(at_server: str, words: list[str], told: str) -> None:
    done = headwater("tail", *words, AWS_MAX_ATTEMPTS="1")

    assert done.returncode == 1
    assert told in done.stdout
    assert "Traceback" not in done.stderr


def test_table_without_a_stream_is_told(at_server: str) -> None:
    clients(at_server).create_table(**TABLE | {"TableName": "silent"})

    done = headwater("tail", "silent")

    assert done.returncode == 1
    assert "silent has no stream; enable one with UpdateTable." in done.stdout
