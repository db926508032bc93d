"""Where commands find the server, and boto3 clients for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import boto3
import click

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:8000"
DEFAULT_REGION: Final = "us-east-1"

Command = TypeVar("Command", bound=Callable[..., Any])


def endpoint_options(command: Command) -> Command:
    """Add the options that say where the server is."""
    endpoint = click.option(
        "--endpoint",
        envvar="AWS_ENDPOINT_URL",
        default=DEFAULT_ENDPOINT,
        show_default=True,
        show_envvar=True,
        callback=_checked,
        help="URL of the server.",
    )
    region = click.option(
        "--region",
        envvar="AWS_REGION",
        default=DEFAULT_REGION,
        show_default=True,
        show_envvar=True,
        help="Region, a name space of the server's.",
    )
    return endpoint(region(command))


def _checked(context: click.Context, option: click.Parameter, url: str) -> str:
    """The URL, if it can be one of a server; boto3 would say so in a traceback."""
    del context, option
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_server = False
    if not is_server:
        raise click.BadParameter(f"{url!r} is not a server's URL, such as {DEFAULT_ENDPOINT}")
    return url


def session(region: str) -> boto3.Session:
    """A boto3 session with the user's credentials, or made-up ones where there are none.

    A server without configured credentials takes any; one with them refuses the made-up ones.
    """
    found = boto3.Session(region_name=region)
    if found.get_credentials() is not None or "AWS_PROFILE" in os.environ:
        return found
    return boto3.Session("headwater", "headwater", region_name=region)
