"""Invocations of an empty function that is warm, one after the other over one connection."""

from __future__ import annotations

import io
import sys
import time
import zipfile
from http.client import HTTPConnection
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.benchmarks.servers import CREDENTIALS, Server

INVOCATIONS = 2000
WARM_UP = 200
FUNCTION = "bench-invoke"
CODE = "def handler(event, context):\n    pass\n"


class InvokeFailed(Exception):
    """The function did not answer as it should; the text is what it answered."""


def measure_invocations(server: Server) -> list[float]:
    """Milliseconds from sending an Invoke to its whole answer, for each of the invocations."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", CODE)
    aws_lambda = server.client("lambda")
    aws_lambda.create_function(
        FunctionName=FUNCTION,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/bench",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    # boto3 takes as long as the invocation itself, so it is left out of what is measured.
    request = _signed(server)
    connection = HTTPConnection(urlsplit(server.endpoint).netloc)
    try:
        return [_invoked_ms(connection, request) for _ in range(WARM_UP + INVOCATIONS)][WARM_UP:]
    finally:
        connection.close()
        aws_lambda.delete_function(FunctionName=FUNCTION)
        aws_lambda.close()


def _signed(server: Server) -> AWSRequest:
    """The one request that is sent again and again: its signature holds for fifteen minutes."""
    url = f"{server.endpoint}/2015-03-31/functions/{FUNCTION}/invocations"
    request = AWSRequest("POST", url, {"Host": urlsplit(url).netloc}, b"{}")
    credentials = Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key)
    SigV4Auth(credentials, "lambda", CREDENTIALS.region).add_auth(request)
    return request


def _invoked_ms(connection: HTTPConnection, request: AWSRequest) -> float:
    began = time.perf_counter()
    connection.request("POST", urlsplit(request.url).path, b"{}", dict(request.headers))
    answer = connection.getresponse()
    body = answer.read()
    ended = time.perf_counter()
    if body != b"null":
        raise InvokeFailed(body.decode(errors="replace"))
    return (ended - began) * 1000
