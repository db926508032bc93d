"""Runtimes other than Python: Node by our client, and what a package brings itself."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from headwater.functions.function import FunctionVersion
from headwater.functions.outcome import InvokeResult
from headwater.functions.runtime import Client, Family, Runtime
from tests.contract.workshop import ARN, Workshop, failure, value, workshop

NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def function(
    shop: Workshop, source: str, name: str = "index.mjs", **changes: Any
) -> FunctionVersion:
    """A function of one module."""
    code = shop.folder / "code"
    code.mkdir(exist_ok=True)
    (code / name).write_text(textwrap.dedent(source))
    wanted: dict[str, Any] = {
        "handler": "index.handler",
        "memory_mb": 512,
        "timeout_seconds": 10,
    } | changes
    return FunctionVersion(
        name="f",
        arn=ARN,
        region="eu-west-1",
        version="$LATEST",
        revision_id="one",
        runtime=Runtime("nodejs20.x", Family.NODE, Path(str(NODE))),
        ephemeral_mb=512,
        environment={},
        log_group="/aws/lambda/f",
        code=code,
        opt=shop.folder / "opt",
        **wanted,
    )


def in_a_shop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    def run(tmp_path: Path, **parameters: Any) -> None:
        async def main() -> None:
            async with workshop(Client.OWN, tmp_path) as shop:
                await test(shop, **parameters)

        uvloop.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


async def ran(shop: Workshop, source: str, event: object = None, **changes: Any) -> InvokeResult:
    return await shop.invoke(function(shop, source, **changes), event)


# what comes back


MANNERS = {
    "returned promise": "export const handler = async (event) => event",
    "callback": "export const handler = (event, context, callback) => { callback(null, event) }",
    "later callback": (
        "export function handler(event, context, callback) {"
        " setTimeout(() => callback(null, event), 5) }"
    ),
    "succeed": "export const handler = (event, context) => { context.succeed(event) }",
    "done": "export const handler = (event, context) => { context.done(null, event) }",
    "default export": "export default { handler: async (event) => event }",
}


@pytest.mark.parametrize("manner", MANNERS)
def test_event_comes_back_in_every_manner(tmp_path: Path, manner: str) -> None:
    event = {"text": "grün", "list": [1, 2.5, None]}

    @in_a_shop
    async def test(shop: Workshop) -> None:
        made = function(shop, MANNERS[manner])

        assert value(await shop.invoke(made, event)) == event
        assert value(await shop.invoke(made, 2)) == 2

    test(tmp_path=tmp_path)


@pytest.mark.parametrize("name", ["index.js", "index.cjs"])
def test_commonjs_is_loaded(tmp_path: Path, name: str) -> None:
    @in_a_shop
    async def test(shop: Workshop) -> None:
        source = "const os = require('os')\nexports.handler = async () => typeof os.cpus"
        assert value(await shop.invoke(function(shop, source, name))) == "function"

    test(tmp_path=tmp_path)


@in_a_shop
async def test_package_says_that_a_file_is_a_module(shop: Workshop) -> None:
    made = function(shop, "export const handler = async () => import.meta.url", "index.js")
    (made.code / "package.json").write_text('{"type": "module"}')

    assert value(await shop.invoke(made)).endswith("/index.js")


@in_a_shop
async def test_handler_can_be_nested_and_in_a_folder(shop: Workshop) -> None:
    made = function(shop, "", handler="lib/app.all.handler")
    (made.code / "lib").mkdir()
    (made.code / "lib" / "app.js").write_text("exports.all = { handler: async () => 7 }")

    assert value(await shop.invoke(made)) == 7


@in_a_shop
async def test_nothing_comes_back_as_null(shop: Workshop) -> None:
    assert value(await ran(shop, "export const handler = async () => {}")) is None


@in_a_shop
async def test_handler_that_never_answers_ends_when_nothing_is_left_to_do(shop: Workshop) -> None:
    source = "export const handler = (event, context, callback) => { setTimeout(() => {}, 5) }"

    assert value(await ran(shop, source)) is None


@in_a_shop
async def test_callback_waits_for_an_empty_event_loop(shop: Workshop) -> None:
    source = """
        let late = 0
        export const handler = (event, context, callback) => {
          if (event === 'do not wait') context.callbackWaitsForEmptyEventLoop = false
          setTimeout(() => { late += 1 }, 30)
          callback(null, late)
          if (event === 'ask') callback(null, 'too late')
        }
    """
    made = function(shop, source)

    assert value(await shop.invoke(made, "wait")) == 0
    assert value(await shop.invoke(made, "do not wait")) == 1
    assert value(await shop.invoke(made, "ask")) in (1, 2)


@in_a_shop
async def test_context_has_all_its_members(shop: Workshop) -> None:
    source = """
        export const handler = async (event, context) => ({
          ...context, left: context.getRemainingTimeInMillis(),
          waits: context.callbackWaitsForEmptyEventLoop,
        })
    """
    found = value(await ran(shop, source))

    left = found.pop("left")
    stream = found.pop("logStreamName")
    assert 0 < left <= 10_000
    assert "[$LATEST]" in stream
    assert found == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "512",
        "logGroupName": "/aws/lambda/f",
        "invokedFunctionArn": ARN,
        "awsRequestId": "id-1",
        "waits": True,
    }


@in_a_shop
async def test_large_events_and_results_pass(shop: Workshop) -> None:
    made = function(shop, "export const handler = async (event) => event")
    event = "x" * 5_000_000

    assert value(await shop.invoke(made, event)) == event


@in_a_shop
async def test_too_large_a_result_is_a_failure(shop: Workshop) -> None:
    made = function(shop, "export const handler = async (event) => 'x'.repeat(event)")

    refused = failure(await shop.invoke(made, 7_000_000))
    after = value(await shop.invoke(made, 2))

    assert refused["errorType"] == "Function.ResponseSizeTooLarge"
    assert after == "xx"


@in_a_shop
async def test_layers_modules_are_found(shop: Workshop) -> None:
    folder = shop.folder / "opt" / "nodejs" / "node_modules" / "there"
    folder.mkdir(parents=True)
    (folder / "index.js").write_text("module.exports = 'from a layer'")
    source = "exports.handler = async () => require('there')"

    assert value(await shop.invoke(function(shop, source, "index.js"))) == "from a layer"


# how it fails


@in_a_shop
async def test_thrown_error_is_told_as_lambda_does(shop: Workshop) -> None:
    source = """
        class MyError extends Error { constructor(text) { super(text); this.name = 'MyError' } }
        export const handler = async () => { throw new MyError('boom') }
    """
    made = function(shop, source)
    result = await shop.invoke(made)
    told = failure(result)

    assert (told["errorType"], told["errorMessage"]) == ("MyError", "boom")
    assert told["trace"][0] == "MyError: boom"
    assert "index.mjs" in told["trace"][1]
    (line,) = [line for line in result.log_tail.decode().splitlines() if "\tERROR\t" in line]
    stamp, request_id, level, text, account = line.split("\t")
    assert (request_id, level, text) == ("id-1", "ERROR", "Invoke Error ")
    assert json.loads(account)["errorMessage"] == "boom"
    assert stamp.endswith("Z")


FAILURES = {
    "thrown at once": ("() => { throw new TypeError('x') }", "TypeError", "x"),
    "callback": ("(e, c, callback) => callback(new Error('x'))", "Error", "x"),
    "text to the callback": ("(e, c, callback) => callback('x')", "string", "x"),
    "fail": ("(e, context) => context.fail(new Error('x'))", "Error", "x"),
    "text rejected": ("async () => { throw 'x' }", "string", "x"),
}


@pytest.mark.parametrize("manner", FAILURES)
def test_failures_of_every_manner_are_told(tmp_path: Path, manner: str) -> None:
    handler, kind, message = FAILURES[manner]

    @in_a_shop
    async def test(shop: Workshop) -> None:
        told = failure(await ran(shop, f"export const handler = {handler}"))
        assert (told["errorType"], told["errorMessage"]) == (kind, message)

    test(tmp_path=tmp_path)


@in_a_shop
async def test_function_goes_on_after_a_failure(shop: Workshop) -> None:
    source = """
        let calls = 0
        export const handler = async (event) => {
          calls += 1; if (event === 'fail') throw new Error('x'); return calls }
    """
    made = function(shop, source)
    failure(await shop.invoke(made, "fail"))

    assert value(await shop.invoke(made)) == 2


@in_a_shop
async def test_unhandled_rejection_ends_the_process(shop: Workshop) -> None:
    source = """
        export const handler = (event, context, callback) => {
          if (!event) return callback(null, 'again')
          Promise.reject(new Error('lost'))
          setTimeout(() => callback(null, 1), 1000) }
    """
    made = function(shop, source)
    told = failure(await shop.invoke(made, event=True))

    assert told["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert told["errorMessage"] == "Error: lost"
    assert value(await shop.invoke(made)) == "again"


@in_a_shop
async def test_uncaught_exception_is_told(shop: Workshop) -> None:
    source = """
        export const handler = () => { setTimeout(() => { throw new RangeError('late') }, 1) }
    """
    told = failure(await ran(shop, source))

    assert (told["errorType"], told["errorMessage"]) == ("RangeError", "late")


STARTS = {
    "missing module": (
        "index.other",
        "",
        "Runtime.HandlerNotFound",
        "is undefined or not exported",
    ),
    "missing file": (
        "other.handler",
        "",
        "Runtime.ImportModuleError",
        "Cannot find module 'other'",
    ),
    "no function": (
        "index.handler",
        "export const handler = 1",
        "Runtime.HandlerNotFound",
        "index.handler is not a function",
    ),
    "bad syntax": (
        "index.handler",
        "export const = 1",
        "Runtime.UserCodeSyntaxError",
        "Unexpected",
    ),
    "missing import": (
        "index.handler",
        "import 'not-there'",
        "Runtime.ImportModuleError",
        "Cannot find package 'not-there'",
    ),
    "thrown while loading": ("index.handler", "throw new Error('x')", "Error", "x"),
    "malformed": ("index", "", "Runtime.MalformedHandlerName", "Bad handler"),
    "streaming": (
        "index.handler",
        "export const handler = awslambda.streamifyResponse(async () => {})",
        "Runtime.StreamingNotSupported",
        "not supported by Headwater",
    ),
}


@pytest.mark.parametrize("fault", STARTS)
def test_function_that_cannot_be_loaded_says_why(tmp_path: Path, fault: str) -> None:
    handler, source, kind, text = STARTS[fault]

    @in_a_shop
    async def test(shop: Workshop) -> None:
        told = failure(await ran(shop, source, handler=handler))
        assert told["errorType"] == kind
        assert text in told["errorMessage"]

    test(tmp_path=tmp_path)


@in_a_shop
async def test_slow_function_is_stopped(shop: Workshop) -> None:
    source = "export const handler = () => new Promise(() => setInterval(() => {}, 1000))"
    told = failure(await ran(shop, source, timeout_seconds=1))

    assert told["errorType"] == "Sandbox.Timedout"


@in_a_shop
async def test_console_lines_bear_the_request(shop: Workshop) -> None:
    source = "export const handler = async () => { console.warn('a %d', 1); console.log({ b: 2 }) }"
    result = await ran(shop, source)

    lines = [line.split("\t")[1:] for line in result.log_tail.decode().splitlines()]
    assert ["id-1", "WARN", "a 1"] in lines
    assert ["id-1", "INFO", "{ b: 2 }"] in lines


# other runtimes


BOOTSTRAP = """#!/bin/sh
# A runtime of ten lines, on curl.
root=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while true; do
  event=$(curl -sS -D "$TMPDIR/headers" "$root/invocation/next")
  id=$(tr -d '\\r' < "$TMPDIR/headers" | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  curl -sS -o /dev/null -d "[$event,\\"$_HANDLER\\"]" "$root/invocation/$id/response"
done
"""


def provided(shop: Workshop) -> FunctionVersion:

    made = function(shop, "", handler="any.thing")
    return replace(made, runtime=Runtime("provided.al2023", Family.PROVIDED, None))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@in_a_shop
async def test_package_brings_its_own_runtime(shop: Workshop) -> None:
    made = provided(shop)
    (made.code / "bootstrap").write_text(BOOTSTRAP)
    (made.code / "bootstrap").chmod(0o755)

    assert value(await shop.invoke(made, 1)) == [1, "any.thing"]
    assert value(await shop.invoke(made, 2)) == [2, "any.thing"]


@in_a_shop
async def test_package_without_a_bootstrap_says_so(shop: Workshop) -> None:
    told = failure(await shop.invoke(provided(shop)))

    assert told["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap" in told["errorMessage"]
