"""The commands as a user runs them: `serve` in its ways, `function deploy`, `tail`."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conformance.function_making import wait_until
from tests.server_process import HEADWATER, ServerProcess

COMMAND_SECONDS_MAX = 60
ONCE = Config(retries={"total_max_attempts": 1})
TABLE: dict[str, Any] = {
    "TableName": "music",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of a server or of credentials."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADWATER_")):
            monkeypatch.delenv(name)
    return monkeypatch


def clients(endpoint: str, service: str = "dynamodb", **more: Any) -> Any:
    given = {"aws_access_key_id": "any", "aws_secret_access_key": "any"} | more
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", config=ONCE, **given
    )


def headwater(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [HEADWATER, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "160"} | environment,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


# serve


def test_ready_line_can_be_pasted(unset: pytest.MonkeyPatch) -> None:
    with ServerProcess.serve("--memory") as server:
        dynamodb = clients(server.endpoint)
        dynamodb.list_tables()

        assert server.stop() == 0
        assert f"    export AWS_ENDPOINT_URL={server.endpoint}\n" in server.output.text
        assert "data in memory" in server.output.text
        assert "Traceback" not in server.output.text


def test_settings_come_from_file_environment_and_options(
    unset: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(
        'account = "111111111111"\nregion = "eu-west-1"\nmemory = true\ninitial-partitions = 2\n'
    )
    unset.setenv("HEADWATER_CONFIG", str(file))
    unset.setenv("HEADWATER_ACCOUNT", "222222222222")
    unset.setenv("HEADWATER_INITIAL_PARTITIONS", "5")

    with ServerProcess.serve("--initial-partitions", "3") as server:
        dynamodb = clients(server.endpoint)
        created = dynamodb.create_table(**TABLE, StreamSpecification=STREAM)["TableDescription"]
        wait_until(dynamodb, "DescribeTable", "Table.TableStatus == 'ACTIVE'", TableName="music")
        described = clients(server.endpoint, "dynamodbstreams").describe_stream(
            StreamArn=created["LatestStreamArn"]
        )

    assert created["TableArn"] == "arn:aws:dynamodb:us-east-1:222222222222:table/music"
    assert len(described["StreamDescription"]["Shards"]) == 3
    assert "AWS_DEFAULT_REGION=eu-west-1" in server.output.text


def test_memory_leaves_nothing_behind(unset: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unset.chdir(tmp_path)

    with ServerProcess.serve("--memory") as server:
        clients(server.endpoint).create_table(**TABLE)
    with ServerProcess.serve("--memory") as server:
        names = clients(server.endpoint).list_tables()["TableNames"]

    assert names == []
    assert list(tmp_path.iterdir()) == []


def test_data_is_kept_where_it_is_told(unset: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for durability in ("strict", "relaxed"):
        with ServerProcess.serve("--data", tmp_path / "d", "--durability", durability) as server:
            tables = clients(server.endpoint)
            tables.create_table(**TABLE | {"TableName": durability})
            names = tables.list_tables()["TableNames"]

    assert names == ["relaxed", "strict"]


def test_credentials_are_asked_for(unset: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[me]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a-secret\n")
    good = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "a-secret"}

    with ServerProcess.serve("--memory", "--credentials", file) as server:
        names = clients(server.endpoint, **good).list_tables()["TableNames"]
        codes = [
            refusal(server.endpoint, **good | wrong)
            for wrong in (
                {"aws_secret_access_key": "another"},
                {"aws_access_key_id": "AKIDOTHER"},
            )
        ]

    assert names == []
    assert codes == ["InvalidSignatureException", "UnrecognizedClientException"]
    assert "AWS_ACCESS_KEY_ID=any" not in server.output.text
    assert "a-secret" not in server.output.text


def refusal(endpoint: str, **given: str) -> str:
    with pytest.raises(ClientError) as caught:
        clients(endpoint, **given).list_tables()
    return str(caught.value.response["Error"]["Code"])


def test_function_reaches_a_server_that_asks_for_credentials(
    unset: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[me]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a-secret\n")
    unset.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    unset.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(
        "import boto3\n"
        "def handler(event, context):\n"
        "    return boto3.client('dynamodb').list_tables()['TableNames']\n"
    )

    with ServerProcess.serve("--memory", "--credentials", file) as server:
        deployed = headwater(
            *("function", "deploy", "f", code, "--handler", "app.handler"),
            *("--endpoint", server.endpoint),
        )
        functions = boto3.client(
            "lambda", endpoint_url=server.endpoint, region_name="us-east-1", config=ONCE
        )
        answer = functions.invoke(FunctionName="f")

    assert deployed.returncode == 0, deployed.stdout
    assert answer["Payload"].read() == b"[]"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    found = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(found[0]), "-keyout", str(found[1])),
        ],
        check=True,
        capture_output=True,
    )
    return found


def test_tls_is_served(unset: pytest.MonkeyPatch, certificate: tuple[Path, Path]) -> None:
    public, private = certificate

    with ServerProcess.serve("--memory", "--tls-cert", public, "--tls-key", private) as server:
        names = clients(server.endpoint, verify=str(public)).list_tables()["TableNames"]
        trust = ssl.create_default_context(cafile=str(public))
        with urllib.request.urlopen(server.endpoint, context=trust) as answer:
            front = answer.read()

    assert server.endpoint.startswith("https://127.0.0.1:")
    assert names == []
    assert front.startswith(b"healthy: dynamodb.")


def test_function_reaches_a_server_with_tls(
    unset: pytest.MonkeyPatch, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    public, private = certificate
    (tmp_path / "app.py").write_text(
        "import boto3\n"
        "def handler(event, context):\n"
        "    return boto3.client('dynamodb').list_tables()['TableNames']\n"
    )

    with ServerProcess.serve("--memory", "--tls-cert", public, "--tls-key", private) as server:
        deployed = headwater(
            *("function", "deploy", "f", tmp_path, "--handler", "app.handler"),
            *("--env", f"AWS_CA_BUNDLE={public}", "--endpoint", server.endpoint),
            AWS_CA_BUNDLE=str(public),
        )
        functions = clients(server.endpoint, "lambda", verify=str(public))
        payload = functions.invoke(FunctionName="f")["Payload"].read()
        functions.close()

    assert deployed.returncode == 0, deployed.stdout
    assert payload == b"[]"


@pytest.mark.parametrize("fault", ["swapped", "absent"])
def test_tls_files_that_do_not_fit_are_told(
    certificate: tuple[Path, Path], tmp_path: Path, fault: str
) -> None:
    public, private = certificate
    files = (private, public) if fault == "swapped" else (tmp_path / "no", private)

    done = headwater(
        *("serve", "--port", "0", "--memory", "--tls-cert", files[0], "--tls-key", files[1])
    )

    assert done.returncode == 2
    assert done.stderr.startswith("headwater: ")
    assert "Traceback" not in done.stderr


def test_port_that_is_taken_is_told(unset: pytest.MonkeyPatch) -> None:
    with ServerProcess.serve("--memory") as server:
        port = server.endpoint.rpartition(":")[2]

        done = headwater("serve", "--port", port, "--memory")

    assert done.returncode == 2
    assert done.stderr.startswith(f"headwater: cannot listen on 127.0.0.1 port {port}: ")
    assert "Traceback" not in done.stderr


def test_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no directory")

    done = headwater("serve", "--port", "0", "--data", file)

    assert done.returncode == 2
    assert done.stderr.startswith("headwater: ")
    assert "Traceback" not in done.stderr


def test_database_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "headwater.db").write_bytes(b"this is no database" * 1000)

    done = headwater("serve", "--port", "0", "--data", tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("headwater: ")
    assert "Traceback" not in done.stderr


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
