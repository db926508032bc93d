"""A region of its own in which a function runs without touching what is real.

A function finds its tables by the region that its environment names, so its code runs there
unchanged and writes to the tables of that region, which are copies. What it reaches otherwise (a
region that is written in its code, queues, other services) is real.
"""

from __future__ import annotations

import string
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from headwater.cli.replay.server import Server
from headwater.clock import Chance, SystemChance

_LETTERS: Final = 8
_SETTINGS: Final = (
    "Runtime",
    "Role",
    "Handler",
    "Timeout",
    "MemorySize",
    "EphemeralStorage",
    "Architectures",
)


class Shadow:
    """A region on the same server whose name nobody else uses."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.server = Server(server.endpoint, f"us-shadow{_letters(SystemChance())}-1")
        self._undo: list[Callable[[], object]] = []

    def take_function(self, name: str, code: bytes | None, variables: Mapping[str, str]) -> None:
        """Have the function of that name there, with this code in place of its own if given.

        variables: of its environment, before those that it has.
        """
        real, here = self._server.client("lambda"), self.server.client("lambda")
        found = real.get_function(FunctionName=name)
        settings = found["Configuration"]
        short_name = settings["FunctionName"]
        own = settings.get("Environment", {}).get("Variables", {})
        here.create_function(
            FunctionName=short_name,
            Code={"ZipFile": code or _fetched(found["Code"]["Location"])},
            Environment={"Variables": {**own, **variables}},
            Layers=[self._layer(real, here, each["Arn"]) for each in settings.get("Layers", [])],
            **{member: settings[member] for member in _SETTINGS if member in settings},
        )
        self._undo.append(lambda: here.delete_function(FunctionName=short_name))
        here.get_waiter("function_active_v2").wait(FunctionName=short_name)

    def take_table(self, name: str) -> None:
        """Have the table of that name deleted in the end."""
        tables = self.server.client("dynamodb")
        self._undo.append(lambda: tables.delete_table(TableName=name))

    def clear(self) -> None:
        """Delete all that was made there; what is gone, or never came to be, is passed over."""
        while self._undo:
            try:
                self._undo.pop()()
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise

    def _layer(self, real: Any, here: Any, arn: str) -> str:
        """The ARN of a copy of a layer's version."""
        found = real.get_layer_version_by_arn(Arn=arn)
        name = arn.split(":")[-2]
        made = here.publish_layer_version(
            LayerName=name, Content={"ZipFile": _fetched(found["Content"]["Location"])}
        )
        version = made["Version"]
        self._undo.append(lambda: here.delete_layer_version(LayerName=name, VersionNumber=version))
        return str(made["LayerVersionArn"])


def _letters(chance: Chance) -> str:
    """Letters that nobody else has drawn; SDKs want no digits there."""
    digits = chance.uuid().replace("-", "")[:_LETTERS]
    return "".join(string.ascii_lowercase[int(digit, 16)] for digit in digits)


def _fetched(location: str) -> bytes:
    with urllib.request.urlopen(location) as answer:  # noqa: S310 - an address the server gave
        content: bytes = answer.read()
    return content
