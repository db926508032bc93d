"""What every runtime interface client must do: awslambdaric and our own, in real processes."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import replace

import pytest

from headwater import limits
from tests.contract.workshop import Workshop, asked, ends, failure, on_every_client, together, value

ECHO = "def handler(event, context): return event"
COUNTER = """
    import os
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        return [os.getpid(), calls]
"""


# what comes back


@on_every_client
async def test_event_comes_back_from_an_echo(shop: Workshop) -> None:
    event = {"text": "grün", "list": [1, 2.5, None], "nested": {"a": True}}

    result = await shop.run(ECHO, event)

    assert value(result) == event
    assert result.executed_version == "$LATEST"


@on_every_client
async def test_decimals_keep_all_their_digits(shop: Workshop) -> None:
    result = await shop.run("""
        from decimal import Decimal
        def handler(event, context):
            return {"n": Decimal("1234567890.12345678901234567890")}
    """)

    assert b"1234567890.12345678901234567890" in result.payload
    assert b'"1234567890' not in result.payload


@on_every_client
async def test_large_event_and_result_pass(shop: Workshop) -> None:
    event = "x" * (limits.function_payload_bytes_max - 2)

    result = await shop.run(ECHO, event)

    assert value(result) == event


@on_every_client
async def test_result_over_the_limit_is_a_failure(shop: Workshop) -> None:
    function = shop.function("def handler(event, context): return 'x' * event")

    refused = await shop.invoke(function, 8 * limits.MB)
    after = await shop.invoke(function, 1)

    assert failure(refused) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert value(after) == "x"


# faults of the function


@on_every_client
async def test_exception_is_told_with_its_stack(shop: Workshop) -> None:
    result = await shop.run("""
        def inner():
            raise ValueError("no good")
        def handler(event, context):
            inner()
    """)

    account = failure(result)
    assert account["errorType"] == "ValueError"
    assert account["errorMessage"] == "no good"
    assert account["requestId"] == "id-1"
    assert [frame.split(", in ")[1].split("\n")[0] for frame in account["stackTrace"]] == [
        "handler",
        "inner",
    ]
    assert b"[ERROR] ValueError: no good\nTraceback (most recent call last):" in result.log_tail


@on_every_client
async def test_worker_lives_on_after_an_exception(shop: Workshop) -> None:
    function = shop.function("""
        import os
        def handler(event, context):
            if event == "fail":
                raise ValueError(os.getpid())
            return os.getpid()
    """)

    failed = await shop.invoke(function, "fail")
    after = await shop.invoke(function)

    assert failure(failed)["errorMessage"] == str(value(after))


@on_every_client
async def test_result_that_is_not_json_is_a_marshal_error(shop: Workshop) -> None:
    result = await shop.run("def handler(event, context): return {1, 2}")

    account = failure(result)
    assert account["errorType"] == "Runtime.MarshalError"
    assert account["errorMessage"].startswith("Unable to marshal response: ")


@on_every_client
async def test_event_that_is_not_json_is_an_unmarshal_error(shop: Workshop) -> None:
    result = await shop.pool.invoke(shop.function(ECHO), asked(b"{"))

    account = failure(result)
    assert account["errorType"] == "Runtime.UnmarshalError"
    assert account["errorMessage"].startswith("Unable to unmarshal input: ")


# faults of loading it


@on_every_client
async def test_syntax_error_is_told(shop: Workshop) -> None:
    result = await shop.run("def handler(event, context) return 1")

    account = failure(result)
    assert account["errorType"] == "Runtime.UserCodeSyntaxError"
    assert account["errorMessage"].startswith("Syntax error in module 'app': ")
    assert account["requestId"] == "id-1"
    assert "app.py" in account["stackTrace"][0]


@on_every_client
async def test_missing_module_is_told(shop: Workshop) -> None:
    result = await shop.run(ECHO, handler="absent.handler")

    account = failure(result)
    assert account["errorType"] == "Runtime.ImportModuleError"
    assert account["errorMessage"] == "Unable to import module 'absent': No module named 'absent'"


@on_every_client
async def test_missing_handler_is_told(shop: Workshop) -> None:
    result = await shop.run(ECHO, handler="app.absent")

    account = failure(result)
    assert account["errorType"] == "Runtime.HandlerNotFound"
    assert account["errorMessage"] == "Handler 'absent' missing on module 'app'"


@on_every_client
async def test_malformed_handler_is_told(shop: Workshop) -> None:
    result = await shop.run(ECHO, handler="app")

    account = failure(result)
    assert account["errorType"] == "Runtime.MalformedHandlerName"
    assert account["errorMessage"].startswith("Bad handler 'app': ")


@on_every_client
async def test_exception_while_loading_is_told_to_each_caller(shop: Workshop) -> None:
    function = shop.function("raise KeyError('at load')")

    first = await shop.invoke(function)
    second = await shop.invoke(function)

    assert failure(first)["errorType"] == "KeyError"
    assert failure(second)["errorType"] == "KeyError"
    assert "app.py" in failure(first)["stackTrace"][-1]


# ends of the process


@on_every_client
async def test_hard_exit_is_an_exit_error(shop: Workshop) -> None:
    result = await shop.run("""
        import os
        def handler(event, context):
            os._exit(1)
    """)

    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 1",
    }
    assert b"RequestId: id-1 Error: Runtime exited with error: exit status 1" in result.log_tail


@on_every_client
async def test_exit_without_a_fault_is_an_exit_error(shop: Workshop) -> None:
    result = await shop.run("""
        import sys
        def handler(event, context):
            sys.exit(0)
    """)

    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited without providing a reason",
    }


@on_every_client
async def test_exit_while_loading_is_an_exit_error(shop: Workshop) -> None:
    result = await shop.run("import os; os._exit(3)")

    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 3",
    }


@on_every_client
async def test_killed_worker_is_an_exit_error_and_is_replaced(shop: Workshop) -> None:
    function = shop.function("""
        import os, signal
        def handler(event, context):
            if event == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            return "alive"
    """)

    died = await shop.invoke(function, "die")
    after = await shop.invoke(function)

    assert failure(died) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: signal: killed",
    }
    assert value(after) == "alive"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="waits by a pidfd")
@on_every_client
async def test_worker_that_dies_idle_is_replaced_quietly(shop: Workshop) -> None:
    function = shop.function(COUNTER)
    pid, _ = value(await shop.invoke(function))

    os.kill(pid, 9)
    assert ends(pid)
    again = value(await shop.invoke(function))

    assert again[0] != pid
    assert again[1] == 1


@on_every_client
async def test_endless_loop_is_timed_out(shop: Workshop) -> None:
    function = replace(
        shop.function("""
            def handler(event, context):
                print("begun")
                while event == "loop":
                    pass
                return "done"
        """),
        timeout_seconds=1,
    )

    result = await shop.invoke(function, "loop")
    after = await shop.invoke(function)

    assert failure(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
    }
    assert b"begun\n" in result.log_tail
    assert b"Z id-1 Task timed out after 1.00 seconds\n\n" in result.log_tail
    assert value(after) == "done"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="waits by a pidfd")
@on_every_client
async def test_time_out_reaches_children(shop: Workshop) -> None:
    result = await shop.run(
        """
        import subprocess, sys
        def handler(event, context):
            child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            print("child", child.pid)
            child.wait()
        """,
        timeout_seconds=1,
    )

    assert failure(result)["errorType"] == "Sandbox.Timedout"
    child = int(result.log_tail.split(b"child ")[1].split()[0])
    assert ends(child)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")
@on_every_client
async def test_function_over_its_memory_is_killed(shop: Workshop) -> None:
    result = await shop.run("""
        def handler(event, context):
            hoard = bytearray(200 * 1024 * 1024)
            while True:
                pass
    """)

    assert failure(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: signal: killed",
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")
@on_every_client
async def test_memory_of_children_counts_too(shop: Workshop) -> None:
    result = await shop.run("""
        import subprocess, sys
        def handler(event, context):
            subprocess.run([sys.executable, "-c", "x = b'x' * (150 << 20)\\nwhile True: pass"])
    """)

    assert failure(result)["errorType"] == "Runtime.ExitError"
    assert b"signal: killed" in result.payload
    (reported,) = re.findall(rb"Max Memory Used: (\d+) MB", result.log_tail)
    assert int(reported) > 128


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")
@on_every_client
async def test_memory_that_a_child_shares_counts_once(shop: Workshop) -> None:
    result = await shop.run("""
        import os, time
        def handler(event, context):
            hoard = b"x" * (70 << 20)
            child = os.fork()
            if not child:
                time.sleep(1)
                os._exit(7)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """)

    assert value(result) == 7


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")
@on_every_client
async def test_long_line_of_children_is_still_timed_out(shop: Workshop) -> None:
    """Longer than what is counted, and each the child of the one before."""
    made = shop.function(f"""
        import os, signal
        def handler(event, context):
            for _ in range({2 * limits.function_processes_counted_max}):
                if os.fork():
                    signal.pause()
            signal.pause()
    """)

    result = await shop.invoke(replace(made, timeout_seconds=1))

    assert failure(result)["errorType"] == "Sandbox.Timedout"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit holds on Linux")
@on_every_client
async def test_allocation_far_over_the_memory_fails_at_once(shop: Workshop) -> None:
    result = await shop.run("""
        def handler(event, context):
            bytearray(4 * 1024 ** 3)
    """)

    assert failure(result)["errorType"] == "MemoryError"


# which worker runs it


@on_every_client
async def test_one_after_the_other_share_a_warm_worker(shop: Workshop) -> None:
    function = shop.function(COUNTER)

    found = [value(await shop.invoke(function)) for _ in range(20)]

    assert {pid for pid, _ in found} == {found[0][0]}
    assert [calls for _, calls in found] == list(range(1, 21))


@on_every_client
async def test_invocations_at_once_get_workers_of_their_own(shop: Workshop) -> None:
    """Each waits until the other has begun, so they end only if they run at the same time."""
    function = shop.function(f"""
        import os, pathlib
        def handler(event, context):
            folder = pathlib.Path({str(shop.folder)!r})
            (folder / event["mine"]).touch()
            while not (folder / event["other"]).exists():
                pass
            return os.getpid()
    """)

    first, second = await together(
        shop.invoke(function, {"mine": "a", "other": "b"}, "id-1"),
        shop.invoke(function, {"mine": "b", "other": "a"}, "id-2"),
    )

    assert value(first) != value(second)


@on_every_client
async def test_more_at_once_than_workers_wait_their_turn(shop: Workshop) -> None:
    function = shop.function(COUNTER)

    calls = (shop.invoke(function, request_id=f"id-{n}") for n in range(40))
    found = [value(result) for result in await together(*calls)]

    assert len({pid for pid, _ in found}) <= 4
    assert len({tuple(one) for one in found}) == 40


@on_every_client
async def test_changed_revision_gets_new_workers(shop: Workshop) -> None:
    function = shop.function(COUNTER)
    before = value(await shop.invoke(function))

    changed = replace(function, revision_id="two", environment={"A": "b"})
    after = value(await shop.invoke(changed))
    stale_caller = value(await shop.invoke(function))

    assert after[0] != before[0]
    assert stale_caller == [after[0], 2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="waits by a pidfd")
@on_every_client
async def test_cancelled_call_ends_its_worker(shop: Workshop) -> None:
    begun = shop.folder / "begun"
    os.mkfifo(begun)
    function = shop.function(f"""
        import os, pathlib
        def handler(event, context):
            pathlib.Path({str(begun)!r}).write_text(str(os.getpid()))
            while True:
                pass
    """)
    call = asyncio.create_task(shop.invoke(function))
    pid = int(await asyncio.to_thread(begun.read_text))

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert ends(pid)
