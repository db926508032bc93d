"""Three servers with a region each and one global table: killed under load, and lied to."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headwater.auth.signing import Key, signed_headers
from headwater.clock import SystemClock
from tests.conftest import CLIENT
from tests.scenarios.test_regions import REGIONS, items, make_global, until, write
from tests.server_process import HEADWATER, ServerProcess

WRITES_BEFORE_KILL = 25
SECRET = "a-secret-of-two-servers"


class Servers:
    """One for each region, on ports that are theirs while this lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held = {region: _held_port() for region in REGIONS}
        self.running: dict[str, ServerProcess] = {}
        self.tables: dict[str, Any] = {}
        for region in REGIONS:
            (folder / f"{region}.toml").write_text(self.configuration(region))
            self.start(region)

    def configuration(self, region: str) -> str:
        own = (
            f'port = {_port(self.held[region])}\nregion = "{region}"\n'
            f'data = "{self.folder / region}"\nfunction_isolation = "none"\n'
        )
        others = (
            f'[peers.{other}]\nendpoint = "http://127.0.0.1:{_port(self.held[other])}"\n'
            f'access_key_id = "{pair(region, other)}"\nsecret_access_key = "{SECRET}"\n'
            for other in REGIONS
            if other != region
        )
        return own + "".join(others)

    def start(self, region: str) -> None:
        command: list[str | Path] = [HEADWATER, "serve", "--config", self.folder / f"{region}.toml"]
        server = ServerProcess.start(command)
        self.running[region] = server
        self.tables[region] = boto3.Session("any", "any").client(
            "dynamodb", region_name=region, endpoint_url=server.endpoint, config=CLIENT
        )

    def stop(self) -> None:
        with ExitStack() as stack:
            for held in self.held.values():
                stack.callback(held.close)
            for server in self.running.values():
                stack.enter_context(server)


def pair(region: str, other: str) -> str:
    """The access key that two servers have."""
    return ".".join(sorted((region, other)))


def _held_port() -> socket.socket:
    """A port that nobody else is given, and that a server may listen on all the same."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _port(held: socket.socket) -> int:
    port: int = held.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("servers"))
    try:
        make_global(servers.tables, "music")
        yield servers
    finally:
        servers.stop()


def test_servers_converge_after_one_is_killed_under_load(servers: Servers) -> None:
    acknowledged: dict[str, dict[str, int]] = {region: {} for region in REGIONS}
    stop = threading.Event()
    writers = [
        threading.Thread(
            target=write, args=(Stoppable(table, stop), "music", region, acknowledged[region])
        )
        for region, table in servers.tables.items()
    ]
    for writer in writers:
        writer.start()
    killed = REGIONS[1]
    first = servers.tables[REGIONS[0]]
    while any(own.get("shared", 0) < WRITES_BEFORE_KILL for own in acknowledged.values()):
        items(first, "music")
    servers.running[killed].kill()
    left = [acknowledged[region] for region in REGIONS if region != killed]
    while any(own["shared"] < 3 * WRITES_BEFORE_KILL for own in left):
        items(first, "music")
    stop.set()
    for writer in writers:
        writer.join()

    servers.start(killed)

    def agree() -> bool:
        found = [items(table, "music") for table in servers.tables.values()]
        return found[0] == found[1] == found[2]

    until(agree)
    found = items(servers.tables[killed], "music")
    for own in acknowledged.values():
        for key, number in own.items():
            if key != "shared":
                # The last write may have been stored without being acknowledged.
                assert int(found[key]["n"]["N"]) >= number, key


class Stoppable:
    """A client whose writes fail once it is to stop."""

    def __init__(self, client: Any, stop: threading.Event) -> None:
        self._client = client
        self._stop = stop

    def put_item(self, **members: Any) -> None:
        if self._stop.is_set():
            raise ClientError({}, "PutItem")
        self._client.put_item(**members)


def test_a_peers_region_is_refused_to_clients_by_name(servers: Servers) -> None:
    first, second = REGIONS[:2]
    lost = boto3.Session("any", "any").client(
        "dynamodb",
        region_name=second,
        endpoint_url=servers.running[first].endpoint,
        config=CLIENT,
    )

    with pytest.raises(ClientError, match=servers.running[second].endpoint) as raised:
        lost.list_tables()

    assert raised.value.response["Error"]["Code"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("access_key", "secret", "code"),
    [
        (pair(*REGIONS[:2]), "another-secret-of-them", "InvalidSignatureException"),
        ("any", "any", "UnrecognizedClientException"),
        (pair(REGIONS[0], REGIONS[2]), SECRET, "AccessDeniedException"),
    ],
)
def test_only_a_peer_may_send_items(
    servers: Servers, access_key: str, secret: str, code: str
) -> None:
    """To the first server, as if from the second; the last key is the third's."""
    first, second = REGIONS[:2]
    source, target = (
        servers.tables[region].describe_table(TableName="music")["Table"]["TableId"]
        for region in (second, first)
    )
    message = {
        "Version": 1,
        "Name": "music",
        "From": {"Region": second, "TableId": source},
        "To": {"Region": first, "TableId": target},
        "Items": [{"Time": 1, "Region": second, "Item": {"pk": {"S": "forged"}}}],
    }

    answer = send(servers.running[first].endpoint, Key(access_key, secret, first), message)

    assert answer["__type"].endswith(code)
    assert "forged" not in items(servers.tables[first], "music")


def send(endpoint: str, key: Key, message: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(message).encode()
    host = endpoint.partition("://")[2]
    target = "Headwater_20261123.TakeReplicaItems"
    headers = signed_headers(key, host, target, body, SystemClock().now())
    request = urllib.request.Request(endpoint, body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            answer = json.load(error)
    return answer
