"""As much of S3 as stores and lists objects, for clients that are told its address.

Objects are put and read by path, with ranges, and listed two at a time; nothing is checked but what
the answers depend on. `failures` are answered to the next requests instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 2
MISSING = "missing"


class S3Server(ThreadingHTTPServer):
    """bodies: by path. failures: statuses to answer next, first one first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.failures: list[int] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._fails():
            return
        path = unquote(urlsplit(self.path).path)
        self.server.bodies[path] = body
        self.server.headers[path] = {name.lower(): value for name, value in self.headers.items()}
        tag = md5(body, usedforsecurity=False).hexdigest()
        self._answer(200, b"", {"ETag": f'"{tag}"'})

    def do_DELETE(self) -> None:
        if self._fails():
            return
        self.server.bodies.pop(unquote(urlsplit(self.path).path), None)
        self._answer(204, b"", {})

    def do_GET(self) -> None:
        if self._fails():
            return
        address = urlsplit(self.path)
        path, query = unquote(address.path), parse_qs(address.query)
        if "list-type" in query:
            self._list(path.strip("/"), query)
        elif path not in self.server.bodies:
            self._refuse(404, "NoSuchKey")
        else:
            self._read(self.server.bodies[path])

    def _read(self, body: bytes) -> None:
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        part = body[int(first) : int(last) + 1]
        if not part:
            self._refuse(416, "InvalidRange")
        else:
            self._answer(206, part, {"Content-Range": f"bytes {first}-{last}/{len(body)}"})

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        if bucket == MISSING:
            self._refuse(404, "NoSuchBucket")
            return
        prefix = f"/{bucket}/{query.get('prefix', [''])[0]}"
        after = query.get("continuation-token", [""])[0]
        keys = [
            path.removeprefix(f"/{bucket}/")
            for path in self.server.bodies
            if path.startswith(prefix)
        ]
        left = [key for key in sorted(keys, key=str.encode) if key > after]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key>"
            f"<Size>{len(self.server.bodies[f'/{bucket}/{key}'])}</Size></Contents>"
            for key in left[:PAGE]
        )
        more = ""
        if len(left) > PAGE:
            token = escape(left[PAGE - 1])
            more = "<IsTruncated>true</IsTruncated>"
            more += f"<NextContinuationToken>{token}</NextContinuationToken>"
        self._answer(200, f"<ListBucketResult>{contents}{more}</ListBucketResult>".encode(), {})

    def _fails(self) -> bool:
        if not self.server.failures:
            return False
        self._refuse(self.server.failures.pop(0), "InternalError")
        return True

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self._answer(status, body.encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the inherited name
        """Say nothing."""


@contextmanager
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
