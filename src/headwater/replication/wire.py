"""The way to peers: one operation of another server called, and its answer or why there is none.

`Wire` is what replication needs of it; `HttpWire` is the real one. urllib3 keeps connections and
their time-outs; it blocks, so calls run in threads, of which each peer has its own few: one that
hangs holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import orjson

from headwater.auth.signing import Key, signed_headers
from headwater.clock import Clock
from headwater.limits import (
    peer_answer_bytes_max,
    peer_calls_at_once_max,
    peer_connect_seconds_max,
    peer_read_seconds_max,
)
from headwater.peers import Peer, Peers

if TYPE_CHECKING:
    import urllib3

_TARGET: Final = "Headwater_20261123."
_OK: Final = 200
_UNAVAILABLE: Final = 500


class PeerUnreachable(Exception):
    """There is no answer, or none that can be used: try again."""


class PeerRefused(Exception):
    """The peer has answered that it will not. code: of the error, as AWS names such."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Wire(Protocol):
    """Calls operations of the servers that have other regions."""

    @property
    def regions(self) -> Collection[str]:
        """Those that peers have."""

    def server_of(self, region: str) -> str | None:
        """Which server has a region: two with the same have the same; None is this one."""

    async def call(self, region: str, operation: str, body: bytes) -> Any:
        """The answer's JSON. Raises PeerUnreachable or PeerRefused."""


class NoWire:
    """`Wire` of a server without peers."""

    regions: Collection[str] = ()

    def server_of(self, region: str) -> str | None:
        del region
        return None

    async def call(self, region: str, operation: str, body: bytes) -> Any:
        del operation, body
        raise no_peer(region)

    def close(self) -> None:
        pass


def no_peer(region: str) -> PeerUnreachable:
    return PeerUnreachable(f"no peer is configured for the region {region}")


class HttpWire:
    """`Wire` over HTTP. clock: the machine's, which signatures tell the time by."""

    def __init__(self, peers: Peers, clock: Clock) -> None:
        self._ways = {region: _Way(peer, clock) for region, peer in peers.items()}
        self._servers = {region: peer.endpoint.rstrip("/") for region, peer in peers.items()}
        self.regions: Collection[str] = self._ways.keys()

    def server_of(self, region: str) -> str | None:
        return self._servers.get(region)

    async def call(self, region: str, operation: str, body: bytes) -> Any:
        way = self._ways.get(region)
        if way is None:
            raise no_peer(region)
        return await way.call(operation, body)

    def close(self) -> None:
        """Call nobody any more; what is under way ends by itself."""
        for way in self._ways.values():
            way.close()


class _Way:
    """To one region's peer."""

    def __init__(self, peer: Peer, clock: Clock) -> None:
        url = urlsplit(peer.endpoint)
        self._url = f"{url.scheme}://{url.netloc}/"
        self._host = url.netloc
        self._peer = peer
        self._key = Key(peer.access_key_id, peer.secret_access_key, peer.region)
        self._clock = clock
        self._threads = ThreadPoolExecutor(peer_calls_at_once_max, f"peer-{peer.region}")
        self._pool: urllib3.PoolManager | None = None

    async def call(self, operation: str, body: bytes) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._post, operation, body)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _post(self, operation: str, body: bytes) -> Any:
        # Not paid for by a server without peers.
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see above

        headers = signed_headers(
            self._key, self._host, _TARGET + operation, body, self._clock.now()
        )
        try:
            response = self._connections().request(
                "POST", self._url, body=body, headers=headers, preload_content=False
            )
            with response:
                content = response.read(peer_answer_bytes_max + 1)
                response.drain_conn()
        except HTTPError as error:
            raise PeerUnreachable(_said(error)) from error
        return _answer(response.status, content)

    def _connections(self) -> urllib3.PoolManager:
        if self._pool is None:
            self._pool = _pool(self._peer)
        return self._pool


def _pool(peer: Peer) -> urllib3.PoolManager:
    import urllib3  # noqa: PLC0415 - as above

    return urllib3.PoolManager(
        maxsize=peer_calls_at_once_max,
        timeout=urllib3.Timeout(connect=peer_connect_seconds_max, read=peer_read_seconds_max),
        retries=False,
        ca_certs=None if peer.ca is None else str(peer.ca),
    )


def _answer(status: int, content: bytes) -> Any:
    if len(content) > peer_answer_bytes_max:
        raise PeerUnreachable("the answer is too long")
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PeerUnreachable(f"the answer, of status {status}, is not a peer's") from None
    if status == _OK:
        return answer
    if not isinstance(answer, dict):
        raise PeerUnreachable(f"the answer, of status {status}, is not a peer's")
    message = str(answer.get("message") or answer.get("Message") or f"status {status}")
    if status >= _UNAVAILABLE:
        raise PeerUnreachable(message)
    raise PeerRefused(str(answer.get("__type", "")).rpartition("#")[2], message)


def _said(error: Exception) -> str:
    """A failure of urllib3's in its own words, without the names of its objects."""
    reason = getattr(error, "reason", None) or error
    return str(reason).rpartition(": ")[2] or type(error).__name__
