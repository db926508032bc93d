"""`headwater serve` in its ways: settings, credentials, TLS, and what cannot be served."""

from __future__ import annotations

import os
import platform
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.certificate import make_certificate
from tests.conformance.function_making import wait_until
from tests.scenarios.commands import STREAM, TABLE, clients, headwater
from tests.server_process import HEADWATER, ServerProcess

LOOKS_MAX = 2000


def test_ready_line_can_be_pasted(unset: pytest.MonkeyPatch) -> None:
    with ServerProcess.serve("--memory") as server:
        dynamodb = clients(server.endpoint)
        dynamodb.list_tables()

        assert server.stop() == 0
        assert f"    export AWS_ENDPOINT_URL={server.endpoint}\n" in server.output.text
        assert "data in memory" in server.output.text
        assert "Traceback" not in server.output.text


def test_server_that_nobody_listens_to_serves_on(unset: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    unheard, output = os.pipe()
    os.close(unheard)
    words: list[str | Path] = [HEADWATER, "serve", "--memory", "--port", str(port)]
    with subprocess.Popen(words, stdout=output, stderr=subprocess.PIPE, text=True) as server:
        os.close(output)
        dynamodb = clients(f"http://127.0.0.1:{port}")
        for _ in range(LOOKS_MAX):
            with suppress(EndpointConnectionError):
                dynamodb.list_tables()
                break
            threading.Event().wait(0.05)
        server.terminate()
        _, log = server.communicate()

    assert server.returncode == 0
    assert "stopped" in log
    assert "Traceback" not in log


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


def test_server_starts_without_loading_an_sdk() -> None:
    asked = "import sys, headwater.cli.serve; print({'boto3', 'botocore'} & sys.modules.keys())"

    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout

    assert loaded == b"set()\n"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries need no telling")
def test_memory_of_an_answer_serves_the_next(unset: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with ServerProcess.serve("--data", tmp_path) as server:
        dynamodb = clients(server.endpoint)
        dynamodb.create_table(**TABLE)
        wait_until(dynamodb, "DescribeTable", "Table.TableStatus == 'ACTIVE'", TableName="music")
        for first in range(0, 1000, 25):
            songs = [
                {"PutRequest": {"Item": {"pk": {"S": str(number)}, "text": {"S": "x" * 1000}}}}
                for number in range(first, first + 25)
            ]
            dynamodb.batch_write_item(RequestItems={"music": songs})
        for _ in range(5):
            dynamodb.scan(TableName="music")
        faults = _page_faults(server.process.pid)
        for _ in range(5):
            dynamodb.scan(TableName="music")
        faults = _page_faults(server.process.pid) - faults

    assert faults < 5 * 50  # of 4 KB each; an answer has more than 200


def _page_faults(process: int) -> int:
    """How often the system had to give a process memory that it touched."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[7])


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
        good = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "a-secret"}
        answer = clients(server.endpoint, "lambda", **good).invoke(FunctionName="f")

    assert deployed.returncode == 0, deployed.stdout
    assert answer["Payload"].read() == b"[]"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("workers", [1, 2])
def test_tls_is_served(
    unset: pytest.MonkeyPatch, tmp_path: Path, certificate: tuple[Path, Path], workers: int
) -> None:
    public, private = certificate
    where = ("--data", tmp_path, "--workers", str(workers))

    with ServerProcess.serve(*where, "--tls-cert", public, "--tls-key", private) as server:
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

    options = ("--tls-cert", public, "--tls-key", private, "--function-isolation", "none")
    with ServerProcess.serve("--memory", *options) as server:
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
