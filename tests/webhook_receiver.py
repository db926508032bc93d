"""What webhooks post to: an HTTP server that takes notes, and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes or more").decode()


@dataclass(frozen=True)
class Posted:
    """A request: its headers, their names in lower case, and its body."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["webhook-id"]

    @property
    def changes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["changes"]
        return found

    def is_signed_with(self, secret: str) -> bool:
        """As a receiver checks it."""
        told = f"{self.key}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
        return expected in self.headers.get("webhook-signature", "").split(" ")


class Receiver(ThreadingHTTPServer):
    """See the module. posted: all requests. answers: a status and headers for each, in turn.

    poison: the text that makes it refuse whatever holds it. is_holding: requests get no answer;
    held: there is one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.posted: list[Posted] = []
        self.answers: list[tuple[int, Mapping[str, str]]] = []
        self.poison = b"poison"
        self.is_holding = False
        self.held = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def taken(self) -> dict[str, Posted]:
        """What a receiver that heeds keys has done something with."""
        found: dict[str, Posted] = {}
        for each in self.posted:
            if self.poison not in each.body:
                found.setdefault(each.key, each)
        return found


class _Post(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posted.append(Posted(headers, body))
        if self.server.is_holding:
            self.server.held.set()
            with suppress(ConnectionError):
                self.rfile.read(1)  # until the client goes
            self.close_connection = True
            return
        status, more = self.server.answers.pop(0) if self.server.answers else (200, {})
        if self.server.poison in body:
            status = 422
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the inherited name
        """Say nothing."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
