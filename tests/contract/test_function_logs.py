"""Logs in the JSON format: what the platform says and what functions print, in every runtime."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from typing import Any

import pytest

from headwater.functions.log_format import LogSettings
from headwater.functions.outcome import InvokeResult
from tests.contract.test_other_runtimes import BOOTSTRAP, NODE, function, in_a_shop, provided
from tests.contract.workshop import Workshop, on_every_client

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
SPEAKING = """
    import logging, json
    log = logging.getLogger("mine")
    def handler(event, context):
        log.debug("low")
        log.info("a %d", 1, extra={"order": 7})
        log.warning({"an": "object"})
        try:
            raise ValueError("odd")
        except ValueError:
            log.exception("caught")
        print("plain")
        if event:
            raise KeyError("lost")
"""


def json_log(application_level: str = "INFO", system_level: str = "INFO") -> LogSettings:
    return LogSettings("JSON", application_level, system_level)


def lines(result: InvokeResult) -> list[str]:
    return result.log_tail.decode().splitlines()


def objects(result: InvokeResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(result) if line.startswith("{")]


def records(result: InvokeResult) -> dict[str, Any]:
    """What the platform says, by its kind."""
    found = [each for each in objects(result) if "type" in each]
    assert all(STAMP.fullmatch(each["time"]) for each in found)
    return {each["type"].removeprefix("platform."): each["record"] for each in found}


def said(result: InvokeResult, *names: str) -> list[tuple[Any, ...]]:
    """Members of what the function said."""
    found = [each for each in objects(result) if "level" in each]
    assert all(STAMP.fullmatch(each["timestamp"]) for each in found)
    return [tuple(each.get(name) for name in names) for each in found]


@on_every_client
async def test_platform_speaks_json(shop: Workshop) -> None:
    result = await shop.run("def handler(event, context): return 1", log=json_log())

    assert list(records(result)) == ["start", "report"]
    start, report = records(result)["start"], records(result)["report"]
    assert start == {
        "requestId": "id-1",
        "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "version": "$LATEST",
    }
    assert list(report) == ["requestId", "metrics", "status"]
    assert report["status"] == "success"
    metrics = report["metrics"]
    assert (metrics["memorySizeMB"], metrics["billedDurationMs"] > 0) == (128, True)
    assert metrics.keys() >= {"durationMs", "maxMemoryUsedMB", "initDurationMs"}


@on_every_client
async def test_details_of_the_platform_are_of_the_level_debug(shop: Workshop) -> None:
    result = await shop.run(
        "def handler(event, context): return 'four'", log=json_log(system_level="DEBUG")
    )

    found = records(result)
    assert list(found) == [
        "initStart",
        "initRuntimeDone",
        "initReport",
        "start",
        "runtimeDone",
        "report",
    ]
    assert found["initStart"] == {
        "initializationType": "on-demand",
        "phase": "init",
        "functionName": "f",
        "functionVersion": "$LATEST",
    }
    assert found["initReport"]["status"] == "success"
    assert found["runtimeDone"]["metrics"]["producedBytes"] == len('"four"')


@on_every_client
async def test_failures_are_of_the_level_warn(shop: Workshop) -> None:
    quiet = json_log(system_level="WARN")
    made = replace(
        shop.function("""
            import os
            def handler(event, context):
                if event == "raise":
                    raise ValueError("no")
                if event == "exit":
                    os._exit(3)
                while event == "wait":
                    pass
        """),
        log=quiet,
        timeout_seconds=1,
    )

    good, raised, ended, late = [
        records(await shop.invoke(made, event)) for event in ("", "raise", "exit", "wait")
    ]

    assert good == {}
    for found, told in (
        (raised, {"status": "error", "errorType": "Runtime.Unknown"}),
        (ended, {"status": "error", "errorType": "Runtime.ExitError"}),
        (late, {"status": "timeout"}),
    ):
        assert list(found) == ["runtimeDone", "report"]
        assert all(record.items() >= told.items() for record in found.values())
        assert ("errorType" in found["report"]) == ("errorType" in told)


@on_every_client
async def test_start_that_fails_is_reported(shop: Workshop) -> None:
    result = await shop.run("import nowhere", log=json_log(system_level="WARN"))

    found = records(result)
    assert list(found) == ["initRuntimeDone", "initReport", "runtimeDone", "report"]
    assert {record["errorType"] for record in found.values()} == {"Runtime.ImportModuleError"}


@on_every_client
async def test_logging_becomes_json(shop: Workshop) -> None:
    result = await shop.run(SPEAKING, True, log=json_log())

    assert said(result, "level", "message", "logger", "requestId", "order") == [
        ("INFO", "a 1", "mine", "id-1", 7),
        ("WARNING", {"an": "object"}, "mine", "id-1", None),
        ("ERROR", "caught", "mine", "id-1", None),
        ("ERROR", None, None, "id-1", None),
    ]
    caught, failed = [each for each in objects(result) if each.get("level") == "ERROR"]
    assert (caught["errorType"], caught["errorMessage"]) == ("ValueError", "odd")
    assert "raise ValueError" in caught["stackTrace"][0]
    assert caught["location"].endswith("app.py:handler:11")
    assert (failed["errorType"], failed["errorMessage"]) == ("KeyError", "'lost'")
    assert "plain" in lines(result)


@on_every_client
async def test_what_is_below_the_level_is_left_out(shop: Workshop) -> None:
    loud, quiet = [
        await shop.run(SPEAKING, log=json_log(level), revision_id=level)
        for level in ("TRACE", "ERROR")
    ]

    assert [level for (level,) in said(loud, "level")] == ["DEBUG", "INFO", "WARNING", "ERROR"]
    assert [level for (level,) in said(quiet, "level")] == ["ERROR"]
    assert "plain" in lines(loud)
    assert "plain" not in lines(quiet)  # what has no level is of the level INFO


@on_every_client
async def test_level_that_is_none_is_no_concern_of_the_runtime(shop: Workshop) -> None:
    result = await shop.run(
        "def handler(event, context): return 1", environment={"AWS_LAMBDA_LOG_LEVEL": "odd"}
    )

    assert result.error is None


NODE_SPEAKING = """
    export const handler = async (event) => {
      console.debug('low');
      console.log('a %d', 1);
      console.info({ an: 'object' });
      console.warn('several', 2, new RangeError('odd'));
      console.error(new TypeError('single'));
      const ring = {};
      ring.ring = ring;
      console.error(ring);
      process.stdout.write('plain\\n');
      if (event) throw new SyntaxError('lost');
    }
"""


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@in_a_shop
async def test_console_becomes_json(shop: Workshop) -> None:
    result = await shop.invoke(function(shop, NODE_SPEAKING, log=json_log()), True)

    first, second, third, fourth, ring, failed = [
        each for each in objects(result) if "level" in each
    ]
    assert {each["requestId"] for each in (first, second, ring, failed)} == {"id-1"}
    assert (first["level"], first["message"]) == ("INFO", "a 1")
    assert (second["level"], second["message"]) == ("INFO", {"an": "object"})
    assert third["message"].startswith("several 2 RangeError: odd")
    assert (third["level"], third["errorType"]) == ("WARN", "RangeError")
    assert third["stackTrace"][0] == "RangeError: odd"
    assert (fourth["level"], fourth["message"]["errorMessage"]) == ("ERROR", "single")
    assert "Circular" in ring["message"]
    assert failed["message"].startswith("Invoke Error SyntaxError: lost")
    assert (failed["errorType"], failed["errorMessage"]) == ("SyntaxError", "lost")
    assert "plain" in lines(result)
    assert list(records(result)) == ["start", "runtimeDone", "report"]


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@in_a_shop
async def test_console_is_silent_below_the_level(shop: Workshop) -> None:
    result = await shop.invoke(function(shop, NODE_SPEAKING, log=json_log("ERROR")))

    assert [level for (level,) in said(result, "level")] == ["ERROR"] * 2
    assert "plain" not in lines(result)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@in_a_shop
async def test_lines_of_other_runtimes_are_kept_by_their_level(shop: Workshop) -> None:
    def entry(level: str, **time: str) -> str:
        return json.dumps({"level": level, **time})

    stamp = "2024-11-02T16:51:31.587199Z"
    printed = {
        entry("debug", timestamp=stamp): False,
        entry("warn", timestamp=stamp): True,
        entry("FATAL", time="2024-11-02T16:51:31+01:00"): True,
        entry("error"): False,  # without a time it is of the level INFO, as the next ones are
        entry("error", timestamp="2024-13-02T16:51:31Z"): False,
        entry("loud", timestamp=stamp): False,
        "plain": False,
    }
    made = provided(shop)
    says = "".join(f"  echo '{line}'\n" for line in printed)
    (made.code / "bootstrap").write_text(BOOTSTRAP.replace("  id=$(", says + "  id=$(", 1))
    (made.code / "bootstrap").chmod(0o755)

    result = await shop.invoke(replace(made, log=json_log("WARN")))

    assert lines(result)[1:-1] == [line for line, is_kept in printed.items() if is_kept]
