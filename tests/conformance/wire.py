"""Requests as bytes, signed as AWS asks but without an SDK between test and server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JSON = "application/x-amz-json-1.0"
TABLES = "DynamoDB_20120810."
STREAMS = "DynamoDBStreams_20120810."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str | None]:
        """Status, code without its name space, and text."""
        content = self.content
        text = content.get("message", content.get("Message"))
        return self.status, content["__type"].rpartition("#")[2], text


class Wire:
    """Sends requests, each on a connection of its own.

    url: of the service; region and credentials: what requests are signed with.
    """

    def __init__(self, url: str, region: str, credentials: Credentials) -> None:
        self.url = url
        self.region = region
        self.credentials = credentials

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """A request as given, unsigned."""
        address = urlsplit(self.url)
        is_secure = address.scheme == "https"
        connect = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        connection = connect(address.netloc, timeout=300)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    def call(self, target: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """A signed POST to an operation; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked = {"Content-Type": JSON, "X-Amz-Target": target, **(headers or {})}
        return self.send("POST", "/", self.signed(asked, data), data)

    def signed(self, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers of a POST to the root with those of its signature."""
        request = AWSRequest("POST", f"{self.url}/", dict(headers), body)
        SigV4Auth(self.credentials, "dynamodb", self.region).add_auth(request)
        return dict(request.headers.items())
