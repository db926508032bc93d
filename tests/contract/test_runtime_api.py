"""The Lambda Runtime API on the wire, as any client may speak it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from headwater import limits
from headwater.functions.runtime_api import Event, EventTaker, listen

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
EVENT = Event("id-1", 1_700_000_003_000, "arn:aws:lambda:r:0:function:f", b'{"a":1}', TRACE)


class Desk:
    """A runtime that gives one event at once and notes what is posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes]] = []
        self.is_open = True
        self.abandoned = asyncio.Event()

    def next_asked(self, taker: EventTaker) -> bool:
        if self.is_open:
            taker.send(EVENT)
        return self.is_open

    def next_abandoned(self, taker: EventTaker) -> None:
        self.abandoned.set()

    def is_running(self, request_id: str) -> bool:
        return request_id == EVENT.request_id

    def response_posted(self, body: bytes) -> None:
        self.posted.append(("response", body))

    def response_refused(self) -> None:
        self.posted.append(("refused", b""))

    def error_posted(self, body: bytes) -> None:
        self.posted.append(("error", body))

    def start_failed(self, body: bytes) -> bool:
        self.posted.append(("start", body))
        return self.is_open


class Caller:
    """A client that sees every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[str, str, bytes]:
        """The status line, the headers and the body of the answer."""
        head = f"{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\n"
        await self.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self.read()

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read(self) -> tuple[str, str, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, _, headers = head.partition("\r\n")
        if "Content-Length: " not in headers:
            return status, headers, b""
        size = int(headers.split("Content-Length: ")[1].split("\r\n")[0])
        return status, headers, await self._reader.readexactly(size)

    async def is_cut_off(self) -> bool:
        try:
            return await self._reader.read() == b""
        except ConnectionResetError:
            return True


def on_the_wire(test: Callable[[Desk, Caller], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def main() -> None:
            desk = Desk()
            listener = await listen(desk)
            host, port = listener.host_and_port.split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                await test(desk, Caller(reader, writer))
            finally:
                writer.close()
                listener.close()
                await desk.abandoned.wait()

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@on_the_wire
async def test_next_gives_the_event_with_its_headers(desk: Desk, caller: Caller) -> None:
    status, headers, body = await caller.ask("GET", "invocation/next")

    assert status == "HTTP/1.1 200 OK"
    assert headers.splitlines()[:4] == [
        "Content-Type: application/json",
        "Lambda-Runtime-Aws-Request-Id: id-1",
        "Lambda-Runtime-Deadline-Ms: 1700000003000",
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:r:0:function:f",
    ]
    assert body == b'{"a":1}'


@on_the_wire
async def test_next_out_of_turn_is_forbidden(desk: Desk, caller: Caller) -> None:
    desk.is_open = False

    status, _, _ = await caller.ask("GET", "invocation/next")

    assert status == "HTTP/1.1 403 Forbidden"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("invocation/id-1/response", "response"),
        ("invocation/id-1/error", "error"),
        ("init/error", "start"),
    ],
)
def test_posts_are_accepted(path: str, kind: str) -> None:
    @on_the_wire
    async def test(desk: Desk, caller: Caller) -> None:
        status, _, body = await caller.ask("POST", path, b"42")

        assert status == "HTTP/1.1 202 Accepted"
        assert body == b'{"status":"OK"}\n'
        assert desk.posted == [(kind, b"42")]

    test()


@on_the_wire
async def test_one_connection_serves_many_requests(desk: Desk, caller: Caller) -> None:
    statuses = [
        (await caller.ask("GET", "invocation/next"))[0],
        (await caller.ask("POST", "invocation/id-1/response", b"1"))[0],
        (await caller.ask("GET", "invocation/next"))[0],
    ]

    assert [status.split()[1] for status in statuses] == ["200", "202", "200"]


@pytest.mark.parametrize("what", ["response", "error"])
def test_unknown_request_is_told_so(what: str) -> None:
    @on_the_wire
    async def test(desk: Desk, caller: Caller) -> None:
        status, _, body = await caller.ask("POST", f"invocation/other/{what}", b"42")

        assert status == "HTTP/1.1 400 Bad Request"
        assert b'"errorType":"InvalidRequestID"' in body

    test()


@on_the_wire
async def test_response_over_the_limit_is_refused(desk: Desk, caller: Caller) -> None:
    body = bytes(limits.function_result_bytes_max + 1)

    status, _, answer = await caller.ask("POST", "invocation/id-1/response", body)

    assert status == "HTTP/1.1 413 Request Entity Too Large"
    assert b'"Exceeded maximum allowed payload size (6291556 bytes)."' in answer
    assert b'"errorType":"RequestEntityTooLarge"' in answer
    assert desk.posted == [("refused", b"")]


@on_the_wire
async def test_response_in_chunks_is_put_together(desk: Desk, caller: Caller) -> None:
    head = b"POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\n"
    await caller.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
    await caller.write(b"2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n")

    status, _, _ = await caller.read()

    assert status == "HTTP/1.1 202 Accepted"
    assert desk.posted == [("response", b"[1,2]")]


@on_the_wire
async def test_client_that_waits_to_continue_is_told_to(desk: Desk, caller: Caller) -> None:
    head = b"POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\n"
    await caller.write(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    first, _, _ = await caller.read()
    await caller.write(b"42")

    second, _, _ = await caller.read()

    assert (first, second) == ("HTTP/1.1 100 Continue", "HTTP/1.1 202 Accepted")


@on_the_wire
async def test_unknown_path_is_not_found(desk: Desk, caller: Caller) -> None:
    status, _, _ = await caller.ask("GET", "restore/next")

    assert status == "HTTP/1.1 404 Not Found"


@on_the_wire
async def test_what_is_not_http_is_cut_off(desk: Desk, caller: Caller) -> None:
    await caller.write(b"\x00\x01 nonsense\r\n\r\n")

    assert await caller.is_cut_off()
