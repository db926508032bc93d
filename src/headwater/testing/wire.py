"""One request of the JSON protocols to a server, over a connection that is kept.

It is signed as any server without configured credentials accepts it, by the key of the lab's tools,
which faults spare. What is tested uses an SDK.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from headwater.lab.faults import TOOLS_KEY

_TARGETS: Final = {
    "dynamodb": "DynamoDB_20120810",
    "dynamodbstreams": "DynamoDBStreams_20120810",
    "headwater": "Headwater_20261123",
}
_OK: Final = 200
# Longer than any wait that a request of the lab can ask for.
_ANSWER_SECONDS_MAX: Final = 3700.0


class LabError(Exception):
    """The server answered with an error: its code, its text, and what else it said."""

    def __init__(self, code: str, message: str, members: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.members = members


class ServerGone(Exception):
    """No server answers, or it went away in the middle of an answer."""


class Wire:
    """Requests to one endpoint in one region. Threads may share it; they take turns."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self._turn = threading.Lock()
        self._connection: HTTPConnection | None = None
        scope = f"{TOOLS_KEY}/20000101/{region}/dynamodb/aws4_request"
        self._headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
            f"Signature={'0' * 64}",
        }

    def call(self, service: str, operation: str, **body: Any) -> dict[str, Any]:
        """Make a request of a service (`dynamodb`, `dynamodbstreams`, `headwater`).

        Raises LabError for an error's answer, ServerGone where there is none.
        """
        headers = {**self._headers, "X-Amz-Target": f"{_TARGETS[service]}.{operation}"}
        with self._turn:
            status, answer = self._exchange(json.dumps(body).encode(), headers)
        if status != _OK:
            code = str(answer.get("__type", status)).rpartition("#")[2]
            message = answer.get("message") or answer.get("Message") or ""
            raise LabError(code, message, answer)
        return answer

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        connection = self._connected()
        try:
            connection.request("POST", "/", body, dict(headers))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, ValueError, EOFError) as error:
            self._drop()
            raise ServerGone(f"no answer from {self.endpoint}: {error}") from error
        except BaseException:  # in mid-answer: what is left of it must not be taken for the next
            self._drop()
            raise

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            address = urlsplit(self.endpoint)
            connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
            self._connection = connect(address.netloc, timeout=_ANSWER_SECONDS_MAX)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
