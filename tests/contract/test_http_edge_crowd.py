"""The HTTP edge with many clients: each is served, whatever the others do."""

from headwater.api.http import HttpSettings, Request, Response
from headwater.limits import MB
from tests.contract.http_edge import Gates, edge, get, on_loop, until

CLIENTS = 1_000
BUSY = 64
STALLED = 12


@on_loop
async def test_thousand_connections_are_all_answered_again_and_again():
    gates = Gates()
    async with edge(gates) as server:
        clients = [await server.connect() for _ in range(CLIENTS)]

        for _ in range(2):
            for number, client in enumerate(clients):
                client.send(get(f"/{number}"))
            answers = [await client.answer() for client in clients]

            assert [answer.body.split()[1] for answer in answers] == [
                b"/%d" % number for number in range(CLIENTS)
            ]


@on_loop
async def test_clients_that_ask_for_much_at_once_are_served_in_turn():
    gates = Gates()
    async with edge(gates) as server:
        clients = [await server.connect() for _ in range(BUSY)]
        modest = await server.connect()
        for client in (*clients, modest):  # accepted, so that all are read from
            await client.ask(get("/first"))
        gates.begun.clear()

        for number, client in enumerate(clients):
            client.send(b"".join(get(f"/{number}") for _ in range(20)))
        await until(lambda: gates.begun)
        await modest.ask(get("/modest"))
        for client in clients:
            for _ in range(20):
                await client.answer()

        # A few turns pass until it has been heard, and each begins one request of each client.
        assert gates.begun.index("/modest") <= 10 * BUSY
        assert len(gates.begun) == 20 * BUSY + 1


@on_loop
async def test_clients_that_stall_keep_nobody_from_an_answer():
    begun: list[str] = []

    async def handler(request: Request) -> Response:
        begun.append(request.path)
        return Response(200, [], bytes(8 * MB) if request.path == "/large" else b"small")

    async with edge(handler, HttpSettings(write_high_bytes=MB)) as server:
        for _ in range(STALLED):  # ask again and again and read nothing
            client = await server.connect()
            client.send(get("/large") * 10)
        for _ in range(STALLED):  # never finish their request
            (await server.connect()).send(get("/never")[:-1])
        await until(lambda: begun.count("/large") == STALLED)
        busy = [await server.connect() for _ in range(BUSY)]

        for _ in range(10):
            for client in busy:
                client.send(get("/small"))
            assert [(await client.answer()).body for client in busy] == [b"small"] * BUSY

        assert begun.count("/small") == 10 * BUSY
        assert begun.count("/large") == STALLED
        assert "/never" not in begun
