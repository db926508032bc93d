"""One request of a command of the lab, whose answer is printed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from headwater.testing.wire import LabError, ServerGone, Wire


def ask(
    request: tuple[str, Mapping[str, Any]], server: tuple[str, str], service: str = "headwater"
) -> dict[str, Any]:
    """The answer of a request, an operation and its body, to an endpoint in a region."""
    operation, body = request
    wire = Wire(*server)
    try:
        return wire.call(service, operation, **body)
    except (LabError, ServerGone) as error:
        fail(str(error))
    finally:
        wire.close()


def fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(1)
