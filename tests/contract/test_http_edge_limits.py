"""The HTTP edge against clients that send too much, too slowly or read too little; and its end."""

import asyncio
import gzip

import pytest

from headwater.api.http import HttpSettings, Request, Response
from headwater.limits import MB
from tests.contract.http_edge import Client, Gates, edge, get, on_loop, post, until

SMALL = HttpSettings(body_bytes_max=1000, header_bytes_max=500, header_count_max=10)


async def echo(request: Request) -> Response:
    return await Gates()(request)


def chunks(size: int, count: int) -> bytes:
    head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (size, b"x" * size) * count + b"0\r\n\r\n"


ENDLESS_CHUNK_HEAD = chunks(1, 1)[:-5] + b"1;" + b"x" * 1200
ENDLESS_TRAILER = chunks(1, 1)[:-2] + b"x-a: " + b"x" * 1200


@pytest.mark.parametrize(
    "data",
    [
        post(b"x" * 1000),
        chunks(500, 2),
        post(gzip.compress(b"x" * 1000, mtime=0), "content-encoding: gzip"),
        get("/", "x-a: " + "b" * 480),
        get("/", *["x-a: b"] * 9),
    ],
)
@on_loop
async def test_request_at_the_limit_is_answered(data):
    async with edge(echo, SMALL) as server:
        client = await server.connect()

        assert (await client.ask(data)).status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b"x" * 1001), 413),
        (post(b"", "expect: 100-continue").replace(b"length: 0", b"length: 1001"), 413),
        (post(b"x", "content-length: 1").replace(b"length: 1", b"length: " + b"9" * 18, 1), 400),
        (post(b"").replace(b"length: 0", b"length: " + b"9" * 18), 413),
        (chunks(501, 2), 413),
        (post(gzip.compress(b"x" * 1001, mtime=0), "content-encoding: gzip"), 413),
        (post(gzip.compress(bytes(900_000), mtime=0), "content-encoding: gzip"), 413),
        (post(gzip.compress(b"x" * 501, mtime=0) * 2, "content-encoding: gzip"), 413),
        (get("/", "x-a: " + "b" * 500), 431),
        (get("/" + "a" * 500), 431),
        (get("/", *["x-a: b"] * 10), 431),
        (chunks(1, 1)[:-2] + b"x-a: b\r\n" * 11 + b"\r\n", 431),
    ],
)
@pytest.mark.parametrize("size", [100, 1_000_000])
@on_loop
async def test_request_over_the_limit_is_refused_and_the_connection_closed(data, status, size):
    async with edge(echo, SMALL) as server:
        client = await server.connect()

        await send_in_parts(client, data, size)
        answer = await client.answer()

        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert await client.rest() == b""


async def send_in_parts(client: Client, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        client.send(data[start : start + size])
        # Often enough for the server to have read a part before the next one is sent.
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "data", [get("/", "x-a: " + "b" * 2000)[:-4], ENDLESS_CHUNK_HEAD, ENDLESS_TRAILER]
)
@on_loop
async def test_framing_that_never_ends_is_refused(data):
    async with edge(echo, SMALL) as server:
        client = await server.connect()

        await send_in_parts(client, data, 100)

        assert (await client.answer()).status == 431


@on_loop
async def test_client_still_sending_its_body_reads_the_refusal():
    async with edge(echo) as server:
        client = await server.connect()

        client.send(post(bytes(20 * MB)))
        answer = await client.answer()
        await client.writer.drain()
        client.writer.close()

        assert answer.status == 413


@on_loop
async def test_refused_client_that_does_not_close_is_cut_off():
    async with edge(echo) as server:
        client = await server.connect()
        await client.ask(b"nonsense\r\n\r\n")

        server.clock.advance(7)

        while not client.writer.transport.is_closing():
            client.send(b"more")
            await asyncio.sleep(0)


@on_loop
async def test_idle_connection_is_closed():
    async with edge(echo) as server:
        client = await server.connect()
        await client.ask(get())

        server.clock.advance(59)
        answer = await client.ask(get())
        server.clock.advance(62)

        assert answer.status == 200
        assert await client.rest() == b""


@on_loop
async def test_client_that_never_asks_is_closed():
    async with edge(echo) as server:
        client = await server.connect()
        other = await server.connect()
        await other.ask(get())

        server.clock.advance(62)

        assert await client.rest() == b""


@on_loop
async def test_waiting_for_a_handler_is_not_idling():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a"))
        await until(lambda: gates.begun)

        server.clock.advance(3600)
        gates.gate("/wait/a").set()

        assert (await client.answer()).status == 200


@pytest.mark.parametrize("part", [b"G", get()[:-4], post(b"body")[:-4]])
@on_loop
async def test_request_that_stays_incomplete_is_refused(part):
    async with edge(echo) as server:
        client = await server.connect()
        await client.ask(get() + part)

        server.clock.advance(32)

        assert (await client.answer()).status == 408
        assert await client.rest() == b""


@on_loop
async def test_client_that_sends_a_byte_a_second_is_refused():
    async with edge(echo) as server:
        client = await server.connect()
        start = server.clock.now()

        async with asyncio.TaskGroup() as group:
            refusal = group.create_task(client.answer())
            for byte in post(b"x" * 200):
                if refusal.done():
                    break
                client.send(bytes([byte]))
                server.clock.advance(1)
                for _ in range(10):
                    await asyncio.sleep(0)

        assert refusal.result().status == 408
        assert 30 <= server.clock.now() - start <= 35


@on_loop
async def test_long_body_that_keeps_coming_may_take_longer():
    async with edge(echo) as server:
        client = await server.connect()
        data = post(bytes(2 * MB))
        received = await client.ask(get() + data[:100])

        for start in range(100, len(data), MB // 2):
            client.send(data[start : start + MB // 2])
            # Another client's answer proves that the server has read meanwhile.
            other = await server.connect()
            for _ in range(20):
                await other.ask(get())
            server.clock.advance(20)
        answer = await client.answer()

        assert (received.status, answer.status) == (200, 200)


@on_loop
async def test_only_so_many_pipelined_requests_are_begun():
    gates = Gates()
    paths = [f"/wait/{number}" for number in range(20)]
    async with edge(gates, HttpSettings(pipelined_max=4)) as server:
        client = await server.connect()
        client.send(b"".join(get(path) for path in paths))
        await until(lambda: len(gates.begun) == 4)
        other = await server.connect()
        await other.ask(get("/other"))

        begun_at_once = gates.begun[:-1]
        for path in paths:
            gates.gate(path).set()

        answers = [await client.answer() for _ in paths]
        assert begun_at_once == paths[:4]
        assert [answer.body.split()[1].decode() for answer in answers] == paths


@on_loop
async def test_reading_stops_while_too_many_requests_wait():
    gates = Gates()
    async with edge(gates, HttpSettings(pipelined_max=2)) as server:
        client = await server.connect()
        request = get("/wait/a") * 10_000

        for _ in range(200):
            client.send(request)
        await until(lambda: len(gates.begun) == 2)
        other = await server.connect()
        for _ in range(200):
            await other.ask(get("/other"))

        assert client.writer.transport.get_write_buffer_size() > len(request)


@on_loop
async def test_reading_stops_while_the_requests_that_wait_are_large():
    gates = Gates()
    async with edge(gates, HttpSettings(body_bytes_max=MB)) as server:
        client = await server.connect()

        for _ in range(30):
            client.send(post(bytes(MB), path="/wait/a"))
        await until(lambda: len(gates.begun) == 2)
        other = await server.connect()
        for _ in range(200):
            await other.ask(get("/other"))
        begun_at_once = gates.begun.count("/wait/a")
        gates.gate("/wait/a").set()
        answers = [await client.answer() for _ in range(30)]

        assert begun_at_once == 2
        assert [answer.status for answer in answers] == [200] * 30


class Large:
    """A handler of answers too large for any socket's buffer; counts how many it gave."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: Request) -> Response:
        self.count += 1
        return Response(200, [], request.path[-1:].encode() * (24 * MB))


@on_loop
async def test_nothing_is_begun_for_a_client_that_does_not_read():
    large = Large()
    async with edge(large) as server:
        client = await server.connect()
        client.send(b"".join(get(f"/{number}") for number in range(4)))
        await until(lambda: large.count)
        other = await server.connect()
        other.send(get("/"))
        await other.answer()

        count_before_reading = large.count - 1
        answers = [await client.answer() for _ in range(4)]

        assert count_before_reading == 1
        assert [answer.body[:1] for answer in answers] == [b"0", b"1", b"2", b"3"]


@on_loop
async def test_client_that_does_not_read_is_cut_off():
    large = Large()
    async with edge(large) as server:
        client = await server.connect()
        client.send(get())
        await until(lambda: large.count)

        # While the sockets' buffers fill, what is unsent still shrinks: that counts as reading.
        for _ in range(50):
            await asyncio.sleep(0)
        server.clock.advance(40)

        assert len(await client.rest()) < 24 * MB


@on_loop
async def test_closing_ends_idle_connections_at_once():
    async with edge(echo) as server:
        client = await server.connect()
        await client.ask(get())

        await server.listener.close(10)

        assert await client.rest() == b""


@on_loop
async def test_closing_refuses_new_connections():
    async with edge(echo) as server:
        port = server.listener.port
        await server.listener.close(10)

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


@on_loop
async def test_closing_lets_requests_in_flight_finish():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a") + get("/wait/b"))
        await until(lambda: len(gates.begun) == 2)

        closing = asyncio.ensure_future(server.listener.close(10))
        await asyncio.sleep(0)
        is_closed_before = closing.done()
        gates.gate("/wait/b").set()
        gates.gate("/wait/a").set()
        answers = [await client.answer(), await client.answer()]
        await closing

        assert not is_closed_before
        assert [answer.headers.get("connection") for answer in answers] == [None, "close"]
        assert await client.rest() == b""


@on_loop
async def test_closing_lets_a_request_that_is_arriving_finish():
    async with edge(echo) as server:
        client = await server.connect()
        data = post(b"body")
        await client.ask(get() + data[:20])

        closing = asyncio.ensure_future(server.listener.close(10))
        await asyncio.sleep(0)
        answer = await client.ask(data[20:])
        await closing

        assert answer.headers["connection"] == "close"


@on_loop
async def test_closing_ends_by_force_what_outlasts_its_grace():
    gates = Gates()
    cancelled: list[str] = []

    async def note_cancelling(request: Request) -> Response:
        try:
            return await gates(request)
        except asyncio.CancelledError:
            cancelled.append(request.path)
            raise

    async with edge(note_cancelling) as server:
        client = await server.connect()
        incomplete = await server.connect()
        client.send(get("/wait/a"))
        await incomplete.ask(get("/b") + get("/c")[:-4])
        await until(lambda: "/wait/a" in gates.begun)

        closing = asyncio.ensure_future(server.listener.close(10))
        await asyncio.sleep(0)
        server.clock.advance(10)
        await closing

        assert cancelled == ["/wait/a"]
        assert await client.rest() == b""
        assert await incomplete.rest() == b""
