"""Functions that tests make, and waiting for what they do.

Against AWS the role that functions take is named by the variable LAMBDA_ROLE.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.waiter import WaiterModel, create_waiter_with_client

from tests.conftest import LOOKS_MAX

CODE = Path(__file__).with_name("function_code")
RUNTIME = f"python3.{sys.version_info.minor}"
ROLE = os.environ.get("LAMBDA_ROLE", "arn:aws:iam::000000000000:role/any")
ECHO = "def handler(event, context):\n    return event\n"
WAIT_SECONDS = 0.03


def zipped(**sources: str) -> bytes:
    """Code as CreateFunction takes it: the text of each module by its name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for module, text in sources.items():
            # A fixed date, so that equal sources have equal digests.
            archive.writestr(zipfile.ZipInfo(f"{module}.py"), text)
    return content.getvalue()


def shipped(module: str) -> bytes:
    """The code of a function that lies in `function_code`."""
    return zipped(**{module: (CODE / f"{module}.py").read_text()})


@dataclass(frozen=True, slots=True)
class Result:
    """How an invocation ended. error: `Unhandled` or None."""

    payload: Any
    error: str | None
    log: str
    answer: dict[str, Any]


class Functions:
    """Makes functions that are active, and deletes them in the end."""

    def __init__(self, client: Any, unique_name: Callable[[str], str]) -> None:
        self.client = client
        self.unique_name = unique_name
        self._names: list[str] = []

    def make(self, code: bytes, handler: str = "app.handler", **parameters: Any) -> dict[str, Any]:
        """Create a function with what else CreateFunction takes; returns its configuration."""
        wanted = {
            "FunctionName": self.unique_name("function"),
            "Runtime": RUNTIME,
            "Role": ROLE,
            "Handler": handler,
            "Code": {"ZipFile": code},
        } | parameters
        created = self.client.create_function(**wanted)
        self._names.append(created["FunctionName"])
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=created["FunctionName"],
            WaiterConfig={"Delay": WAIT_SECONDS, "MaxAttempts": LOOKS_MAX},
        )
        return dict(created)

    def invoke(self, name: str, event: object = None, **parameters: Any) -> Result:
        """Invoke a function and wait for how it ends, with the tail of its log."""
        answer = self.client.invoke(
            FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **parameters
        )
        payload = answer["Payload"].read()
        log = base64.b64decode(answer["LogResult"]).decode()
        return Result(json.loads(payload), answer.get("FunctionError"), log, answer)

    def delete_all(self) -> None:
        for name in self._names:
            with contextlib.suppress(self.client.exceptions.ResourceNotFoundException):
                self.client.delete_function(FunctionName=name)


def wait_until(client: Any, operation: str, expression: str, **parameters: Any) -> None:
    """Ask an operation again and again until its answer makes a JMESPath expression true."""
    acceptor = {"matcher": "path", "argument": expression, "expected": True, "state": "success"}
    _wait(client, operation, acceptor, parameters)


def wait_for_error(client: Any, operation: str, code: str, **parameters: Any) -> None:
    """Ask an operation again and again until it answers with an error."""
    acceptor = {"matcher": "error", "expected": code, "state": "success"}
    _wait(client, operation, acceptor, parameters)


def _wait(
    client: Any, operation: str, acceptor: dict[str, Any], parameters: dict[str, Any]
) -> None:
    waiting = {"operation": operation, "delay": 1, "maxAttempts": 1, "acceptors": [acceptor]}
    model = WaiterModel({"version": 2, "waiters": {"It": waiting}})
    create_waiter_with_client("It", model, client).wait(
        **parameters, WaiterConfig={"Delay": WAIT_SECONDS, "MaxAttempts": LOOKS_MAX}
    )
