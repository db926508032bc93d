"""Invocations of an empty function that is warm, one after the other over one connection."""

from __future__ import annotations

import io
import sys
import time
import zipfile
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.benchmarks.servers import Server

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
    connection = HTTPConnection(urlsplit(server.endpoint).netloc)
    try:
        return [_invoked_ms(connection) for _ in range(WARM_UP + INVOCATIONS)][WARM_UP:]
    finally:
        connection.close()
        aws_lambda.delete_function(FunctionName=FUNCTION)
        aws_lambda.close()


def _invoked_ms(connection: HTTPConnection) -> float:
    scope = "bench/20000101/us-east-1/lambda/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
        f"Signature={'0' * 64}",
        "X-Amz-Date": "20000101T000000Z",
    }
    began = time.perf_counter()
    connection.request(
        "POST", f"/2015-03-31/functions/{FUNCTION}/invocations", b"{}", headers=headers
    )
    answer = connection.getresponse()
    body = answer.read()
    ended = time.perf_counter()
    if body != b"null":
        raise InvokeFailed(body.decode(errors="replace"))
    return (ended - began) * 1000
