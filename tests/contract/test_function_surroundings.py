"""What a function finds around it and leaves in its log, with every runtime interface client."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from headwater import limits
from tests.contract.workshop import ARN, Workshop, on_every_client, value

# the log


@on_every_client
async def test_log_tail_frames_what_was_printed(shop: Workshop) -> None:
    result = await shop.run("""
        import sys
        def handler(event, context):
            print("to stdout, grün")
            print("to stderr", file=sys.stderr)
            print("no end", end="")
    """)

    lines = result.log_tail.decode().splitlines()
    assert lines[0] == "START RequestId: id-1 Version: $LATEST"
    assert lines[1:4] == ["to stdout, grün", "to stderr", "no end"]
    assert lines[4] == "END RequestId: id-1"
    assert lines[5].startswith("REPORT RequestId: id-1\tDuration: ")
    assert "\tMemory Size: 128 MB\t" in lines[5]


@on_every_client
async def test_log_tail_is_the_end_of_a_long_log(shop: Workshop) -> None:
    result = await shop.run("""
        def handler(event, context):
            for i in range(50_000):
                print("line", i)
    """)

    assert len(result.log_tail) == limits.function_log_tail_bytes
    assert b"line 49999\nEND RequestId: id-1\n" in result.log_tail


@on_every_client
async def test_logging_carries_the_request_id(shop: Workshop) -> None:
    result = await shop.run("""
        import logging
        def handler(event, context):
            logging.getLogger().warning("careful")
    """)

    line = next(line for line in result.log_tail.decode().splitlines() if "careful" in line)
    level, _, request_id, message = line.split("\t")
    assert (level, request_id, message) == ("[WARNING]", "id-1", "careful")


@on_every_client
async def test_function_log_keeps_lines_of_all_invocations(shop: Workshop) -> None:
    function = shop.function("def handler(event, context): print('said', event)")

    await shop.invoke(function, 1)
    await shop.invoke(function, 2)

    page = await shop.journals.page("eu-west-1", "f", None, 0.0, 100)
    texts = [line.text for line in page.lines]
    assert [text for text in texts if text.startswith(b"said")] == [b"said 1", b"said 2"]


# what a function finds


@on_every_client
async def test_environment_is_lambdas_and_the_functions_own(shop: Workshop) -> None:
    result = await shop.run(
        """
        import os
        def handler(event, context):
            return dict(os.environ)
        """,
        environment={"TABLE": "totals", "TZ": "Europe/Berlin"},
    )

    found = value(result)
    folder = str(shop.folder / "code")
    assert (
        found.items()
        >= {
            "TABLE": "totals",
            "TZ": "Europe/Berlin",
            "_HANDLER": "app.handler",
            "LAMBDA_TASK_ROOT": folder,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:8000",
            "LANG": "en_US.UTF-8",
        }.items()
    )
    assert "PYTEST_CURRENT_TEST" not in found
    assert not Path(found["TMPDIR"]).is_relative_to(folder)


@on_every_client
async def test_every_invocation_has_a_trace(shop: Workshop) -> None:
    function = shop.function("""
        import os
        def handler(event, context):
            return os.environ["_X_AMZN_TRACE_ID"]
    """)

    first, second = [value(await shop.invoke(function)) for _ in range(2)]

    form = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0"
    assert re.fullmatch(form, first)
    assert re.fullmatch(form, second)
    assert first != second


@on_every_client
async def test_time_is_utc_by_default(shop: Workshop) -> None:
    result = await shop.run("""
        import time
        def handler(event, context):
            return time.tzname[0]
    """)

    assert value(result) == "UTC"


@on_every_client
async def test_function_stands_in_its_own_code(shop: Workshop) -> None:
    result = await shop.run("""
        import os, sys, tempfile
        def handler(event, context):
            with tempfile.NamedTemporaryFile() as scratch:
                scratch.write(b"x")
            return [os.getcwd(), sys.path[0], sys.stdin.read(), os.getsid(0) == os.getpid()]
    """)

    folder = str(shop.folder / "code")
    assert value(result) == [folder, folder, "", True]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@on_every_client
async def test_no_file_of_the_server_is_inherited(shop: Workshop) -> None:
    result = await shop.run("""
        import os
        def handler(event, context):
            links = {n: f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")}
            return {n: os.readlink(link) for n, link in links.items() if os.path.islink(link)}
    """)

    found = value(result)
    allowed = {found["1"], "/dev/null"}
    assert found["1"] == found["2"]
    assert found["0"] == "/dev/null"
    assert not (set(found.values()) - allowed) & open_files()


def open_files() -> set[str]:
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@on_every_client
async def test_boto3_reaches_back_by_itself(shop: Workshop) -> None:
    result = await shop.run("""
        import boto3
        def handler(event, context):
            client = boto3.client("dynamodb")
            return [client.meta.endpoint_url, client.meta.region_name]
    """)

    assert value(result) == ["http://127.0.0.1:8000", "eu-west-1"]


@on_every_client
async def test_context_tells_of_the_invocation(shop: Workshop) -> None:
    result = await shop.run("""
        def handler(event, context):
            return {
                "id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "name": context.function_name,
                "version": context.function_version,
                "memory": context.memory_limit_in_mb,
                "group": context.log_group_name,
                "stream": context.log_stream_name,
                "left": context.get_remaining_time_in_millis(),
            }
    """)

    found = value(result)
    left, stream = found.pop("left"), found.pop("stream")
    assert found == {
        "id": "id-1",
        "arn": ARN,
        "name": "f",
        "version": "$LATEST",
        "memory": "128",
        "group": "/aws/lambda/f",
    }
    assert 5_000 < left <= 10_000
    assert "/[$LATEST]" in stream
