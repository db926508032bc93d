"""The HTTP edge on real sockets: what a client may send, and what it gets in which order."""

import asyncio
import gzip
import socket
import ssl

import pytest

from headwater.api.http import Request, Response, TlsFilesError, tls_context
from tests.certificate import make_certificate
from tests.contract.http_edge import Gates, edge, get, on_loop, post, until


async def echo(request: Request) -> Response:
    return await Gates()(request)


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /c HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + body + b"0\r\n" + trailer + b"\r\n"


@on_loop
async def test_request_is_given_whole_and_answered():
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(post(b"body", path="/a%2Fb?c=%20d"))

        assert answer.status == 200
        assert answer.headers == {"x-got": "yes", "content-length": "23"}
        assert answer.body == b"POST /a%2Fb c=%20d body"


@on_loop
async def test_headers_are_lower_case_and_repeats_are_joined():
    seen: list[dict[str, str]] = []

    async def keep(request: Request) -> Response:
        seen.append(request.headers)
        return Response(200, [], b"")

    async with edge(keep) as server:
        client = await server.connect()

        await client.ask(get("/", "X-A:  b c  ", "x-a:d", "X-Empty:"))

        assert seen == [{"host": "h", "x-a": "b c,d", "x-empty": ""}]


@on_loop
async def test_connection_is_kept_from_request_to_request():
    async with edge(echo) as server:
        client = await server.connect()

        answers = [await client.ask(get(f"/{number}")) for number in range(3)]

        assert [answer.body for answer in answers] == [b"GET /0  ", b"GET /1  ", b"GET /2  "]


@on_loop
async def test_request_may_arrive_byte_by_byte():
    async with edge(echo) as server:
        client = await server.connect()

        for byte in post(b"body", path="/a?b"):
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        answer = await client.answer()

        assert answer.body == b"POST /a b body"


@on_loop
async def test_chunks_are_put_together():
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(chunked(b"one ", b"two"))

        assert answer.body == b"POST /c  one two"


@on_loop
async def test_trailer_is_not_taken_for_a_header():
    seen: list[dict[str, str]] = []

    async def keep(request: Request) -> Response:
        seen.append(request.headers)
        return Response(200, [], b"")

    async with edge(keep) as server:
        client = await server.connect()

        await client.ask(chunked(b"x", trailer=b"authorization: me\r\n"))

        assert "authorization" not in seen[0]


@on_loop
async def test_gzip_body_is_unpacked_and_kept_as_sent():
    seen: list[Request] = []
    packed = gzip.compress(b"one ") + gzip.compress(b"two")

    async def keep(request: Request) -> Response:
        seen.append(request)
        return Response(200, [], b"")

    async with edge(keep) as server:
        client = await server.connect()

        await client.ask(post(packed, "content-encoding: gzip"))

        assert seen[0].body == b"one two"
        assert seen[0].signed_body == packed


@on_loop
async def test_client_that_asks_is_told_to_send_its_body():
    async with edge(echo) as server:
        client = await server.connect()
        request = post(b"body", "expect: 100-continue")

        client.send(request[:-4])
        told, _ = await client.head()
        answer = await client.ask(request[-4:])

        assert told == 100
        assert answer.body == b"POST /  body"


@on_loop
async def test_client_that_sends_its_body_unasked_is_not_told_to():
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(post(b"body", "expect: 100-continue"))

        assert answer.status == 200


@on_loop
async def test_call_for_a_body_waits_for_the_answers_before_it():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a") + post(b"body", "expect: 100-continue")[:-4])
        await until(lambda: gates.begun)

        gates.gate("/wait/a").set()

        assert (await client.answer()).body == b"GET /wait/a  "
        assert (await client.head())[0] == 100


@on_loop
async def test_pipelined_requests_are_answered_in_their_order():
    gates = Gates()
    paths = ["/wait/a", "/b", "/wait/c", "/d"]
    async with edge(gates) as server:
        client = await server.connect()
        client.send(b"".join(get(path) for path in paths))
        await until(lambda: gates.begun == paths)

        gates.gate("/wait/c").set()
        await until(lambda: "/wait/c" in gates.ended)
        gates.gate("/wait/a").set()

        answers = [await client.answer() for _ in paths]
        assert [answer.body.split()[1].decode() for answer in answers] == paths
        assert gates.ended == ["/b", "/d", "/wait/c", "/wait/a"]


@pytest.mark.parametrize(
    ("version", "asked", "told", "stays"),
    [
        ("1.1", None, None, True),
        ("1.1", "close", "close", False),
        ("1.0", None, "close", False),
        ("1.0", "keep-alive", "keep-alive", True),
    ],
)
@on_loop
async def test_connection_is_kept_as_version_and_client_say(version, asked, told, stays):
    lines = f"GET / HTTP/{version}\r\nhost: h\r\n" + (f"connection: {asked}\r\n" if asked else "")
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(f"{lines}\r\n".encode())
        client.send(get("/again"))

        assert answer.headers.get("connection") == told
        if stays:
            assert (await client.answer()).body == b"GET /again  "
        else:
            assert await client.rest() == b""


@on_loop
async def test_head_is_answered_without_body():
    async with edge(echo) as server:
        client = await server.connect()
        client.send(get().replace(b"GET", b"HEAD") + get("/next"))

        _, headers = await client.head()

        assert headers["content-length"] == "8"
        assert (await client.answer()).body == b"GET /next  "


@on_loop
async def test_upgrade_to_another_protocol_is_ignored():
    async with edge(echo) as server:
        client = await server.connect()
        lines = ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c"]
        client.send(post(b"body", *lines) + get("/next", *lines) + get("/last"))

        answers = [await client.answer() for _ in range(3)]

        assert [answer.body for answer in answers] == [
            b"POST /  body",
            b"GET /next  ",
            b"GET /last  ",
        ]


@on_loop
async def test_target_with_scheme_and_host_is_taken_for_its_path():
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(get("http://h:1/a/b?c=://d"))

        assert answer.body == b"GET /a/b c=://d "


@on_loop
async def test_client_that_has_sent_all_is_still_answered():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a"))
        client.writer.write_eof()
        await until(lambda: gates.begun)

        gates.gate("/wait/a").set()

        assert (await client.answer()).body == b"GET /wait/a  "
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: h\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: h\r\na: b\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        post(b"not gzip", "content-encoding: gzip"),
        post(gzip.compress(b"cut off", mtime=0)[:-4], "content-encoding: gzip"),
    ],
)
@on_loop
async def test_malformed_request_is_refused_and_the_connection_closed(data):
    async with edge(echo) as server:
        client = await server.connect()

        answer = await client.ask(get("/before") + data)
        refusal = await client.answer()

        assert answer.body == b"GET /before  "
        assert refusal.status == 400
        assert refusal.headers["connection"] == "close"
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b"body", "content-encoding: br"), 415),
        (post(b"body", "expect: miracles"), 417),
        (b"CONNECT h:1 HTTP/1.1\r\nhost: h\r\n\r\n", 405),
    ],
)
@on_loop
async def test_what_is_not_supported_is_refused(data, status):
    async with edge(echo) as server:
        client = await server.connect()

        assert (await client.ask(data)).status == status


@on_loop
async def test_refusal_waits_for_the_answers_before_it():
    gates = Gates()
    async with edge(gates) as server:
        client = await server.connect()
        client.send(get("/wait/a") + b"nonsense\r\n\r\n")
        await until(lambda: gates.begun)

        gates.gate("/wait/a").set()

        assert (await client.answer()).body == b"GET /wait/a  "
        assert (await client.answer()).status == 400


@on_loop
async def test_refusal_reaches_a_client_that_has_ended_its_side():
    async with edge(echo) as server:
        client = await server.connect()
        client.send(b"nonsense\r\n\r\n")
        client.writer.write_eof()

        assert (await client.answer()).status == 400
        assert await client.rest() == b""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@on_loop
async def test_requests_are_answered_over_tls(certificate):
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with edge(echo, None, tls_context(*certificate), trusting) as server:
        client = await server.connect()

        answers = [await client.ask(post(b"x" * 100_000)), await client.ask(get("/b"))]
        client.send(b"nonsense\r\n\r\n")

        assert [answer.status for answer in answers] == [200, 200]
        assert (await client.answer()).status == 400


@on_loop
async def test_close_does_not_wait_for_silent_tls_clients(certificate):
    """A client that keeps a connection for later does not read the farewell until it is used."""
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with edge(echo, None, tls_context(*certificate)) as server:
        silent = await asyncio.to_thread(_asked_once, server.listener.port, trusting)
        unsaid = socket.create_connection(("127.0.0.1", server.listener.port))
        await asyncio.sleep(0)

        await asyncio.wait_for(server.listener.close(1000), 60)

        silent.close()
        unsaid.close()


def _asked_once(port, context):
    """A connection on which one request was answered, and on which nobody reads any more."""
    plain = socket.create_connection(("127.0.0.1", port))
    secured = context.wrap_socket(plain, server_hostname="127.0.0.1")
    secured.sendall(get())
    assert secured.recv(65_536)
    return secured


def test_certificate_without_its_key_is_named(certificate):
    with pytest.raises(TlsFilesError, match=r"certificate\.pem"):
        tls_context(certificate[0], certificate[0])
