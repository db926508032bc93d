"""What a handler behind the HTTP edge may do: wait, fail, outlive its client."""

import asyncio
import contextvars

import pytest
import structlog

from headwater.api.http import Request, Response
from tests.contract.http_edge import Gates, edge, get, on_loop, until


async def wait_for_nothing() -> None:
    pass


async def wait_a_turn() -> None:
    await asyncio.sleep(0)


async def wait_once() -> None:
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, None)
    await done


async def wait_twice() -> None:
    await wait_once()
    await wait_once()


@pytest.mark.parametrize("wait", [wait_for_nothing, wait_a_turn, wait_once, wait_twice])
@on_loop
async def test_failing_handler_is_logged_and_told_without_detail(wait):
    async def fail(request: Request) -> Response:
        await wait()
        raise ZeroDivisionError("hush")

    async with edge(fail) as server:
        client = await server.connect()

        with structlog.testing.capture_logs() as logs:
            answers = [await client.ask(get()), await client.ask(get())]

        assert [answer.status for answer in answers] == [500, 500]
        assert b"hush" not in answers[0].body
        assert [log["log_level"] for log in logs] == ["error", "error"]


@on_loop
async def test_answer_with_a_line_break_in_a_header_is_a_fault():
    async def split(request: Request) -> Response:
        return Response(200, [("x-a", "b\r\nx-c: d")], b"")

    async with edge(split) as server:
        client = await server.connect()

        with structlog.testing.capture_logs():
            answer = await client.ask(get())

        assert answer.status == 500
        assert "x-c" not in answer.headers


@on_loop
async def test_answer_that_cannot_be_written_costs_its_connection_alone():
    async def answer(request: Request) -> Response:
        return Response(200, [], None if request.path == "/bad" else b"good")  # type: ignore[arg-type]

    async with edge(answer) as server:
        bad, good = await server.connect(), await server.connect()

        with structlog.testing.capture_logs() as logs:
            bad.send(get("/bad"))
            good.send(get("/good"))

            assert await bad.rest() == b""
            assert (await good.answer()).body == b"good"
        assert [log["event"] for log in logs] == ["connection failed"]


@pytest.mark.parametrize("wait", [wait_a_turn, wait_twice])
@on_loop
async def test_handler_may_wait_in_every_way(wait):
    async def answer(request: Request) -> Response:
        await wait()
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(done.set_result, b"one")
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            two = group.create_task(asyncio.sleep(0, b"two"))
        return Response(200, [], await done + two.result())

    async with edge(answer) as server:
        client = await server.connect()

        assert (await client.ask(get())).body == b"onetwo"


@on_loop
async def test_handler_keeps_its_own_context():
    name = contextvars.ContextVar("name", default=b"none")
    waits = {"/": wait_for_nothing, "/turn": wait_a_turn, "/once": wait_once, "/twice": wait_twice}

    async def remember(request: Request) -> Response:
        before = name.get()
        token = name.set(b"mine")
        await waits[request.path]()
        after = name.get()
        name.reset(token)
        name.set(b"left behind")
        return Response(200, [], before + b" " + after)

    async with edge(remember) as server:
        client = await server.connect()

        answers = [await client.ask(get(path)) for path in (*waits, *waits)]

        assert [answer.body for answer in answers] == [b"none mine"] * 8


@on_loop
async def test_handler_finishes_though_its_client_is_gone():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a"))
        await until(lambda: gates.begun)

        client.writer.transport.abort()
        other = await server.connect()
        await other.ask(get())
        gates.gate("/wait/a").set()

        await until(lambda: "/wait/a" in gates.ended)
