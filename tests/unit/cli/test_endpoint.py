"""Where commands find the server."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from headwater.cli.endpoint import endpoint_options


@click.command()
@endpoint_options
def show(endpoint: str, region: str) -> None:
    click.echo(f"{endpoint} {region}")


def shown(*options: str, **environment: str | None) -> str:
    unset = {"AWS_ENDPOINT_URL": None, "AWS_REGION": None}
    return CliRunner(env=unset | environment).invoke(show, options).output.strip()


def test_server_is_here_unless_told_otherwise() -> None:
    assert shown() == "http://127.0.0.1:8000 us-east-1"


def test_environment_tells_as_it_tells_sdks() -> None:
    told = shown(AWS_ENDPOINT_URL="http://a:1", AWS_REGION="eu-west-1")

    assert told == "http://a:1 eu-west-1"


def test_option_wins_over_the_environment() -> None:
    told = shown("--endpoint", "https://b", "--region", "r", AWS_ENDPOINT_URL="http://a:1")

    assert told == "https://b r"


@pytest.mark.parametrize(
    "url", ["nonsense", "127.0.0.1:8000", "ftp://a", "http://", "http://a:b", "http://a:70000", ""]
)
def test_what_is_no_servers_url_is_told(url: str) -> None:
    assert f"{url!r} is not a server's URL" in shown("--endpoint", url)


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://[::1]:8000", "http://a/b"])
def test_servers_url_is_taken(url: str) -> None:
    assert shown("--endpoint", url) == f"{url} us-east-1"
