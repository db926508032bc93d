"""As much of SNS as takes what is published to one topic, and to one that keeps an order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
_ENTRY = "PublishBatchRequestEntries.member."


class Topic(ThreadingHTTPServer):
    """published: texts. entries: members of each message that came in a batch, but for texts.

    troubles: codes that single messages of batches fail with, in turn; empty is none.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Publishing)
        self.published: list[str] = []
        self.entries: list[Mapping[str, str]] = []
        self.troubles: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Publishing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Topic

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        if asked["TopicArn"].removesuffix(".fifo") != TOPIC:
            error = "<Error><Type>Sender</Type><Code>NotFound</Code></Error>"
            self._answer(404, f"<ErrorResponse>{error}</ErrorResponse>")
        elif asked["Action"] == "Publish":
            self.server.published.append(asked["Message"])
            self._told("Publish", "<MessageId>1</MessageId>")
        else:
            self._told("PublishBatch", self._published(asked))

    def _published(self, asked: Mapping[str, str]) -> str:
        successful = failed = ""
        for number in range(1, 11):
            prefix = f"{_ENTRY}{number}."
            entry = {
                name.removeprefix(prefix): value
                for name, value in asked.items()
                if name.startswith(prefix)
            }
            if not entry:
                break
            named = f"<Id>{entry['Id']}</Id>"
            trouble = self.server.troubles.pop(0) if self.server.troubles else ""
            if trouble:
                fault = "<SenderFault>true</SenderFault>"
                failed += f"<member>{named}<Code>{trouble}</Code>{fault}</member>"
                continue
            self.server.published.append(entry.pop("Message"))
            self.server.entries.append(entry)
            successful += f"<member>{named}<MessageId>1</MessageId></member>"
        return f"<Successful>{successful}</Successful><Failed>{failed}</Failed>"

    def _told(self, action: str, result: str) -> None:
        answer = f"<{action}Result>{result}</{action}Result>"
        self._answer(200, f"<{action}Response>{answer}</{action}Response>")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the inherited name
        """Say nothing."""


@contextmanager
def topic_server() -> Iterator[Topic]:
    server = Topic()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
