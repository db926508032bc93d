"""Options that cannot be: each is told in a line, with exit status 2, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import main
from headwater.config import SETTINGS


def serve(*options: str, **environment: str) -> Result:
    return CliRunner(env={"HEADWATER_CONFIG": None, **environment}).invoke(
        main, ["serve", *options]
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "70000"], "headwater: port 70000 is not between 0 and 65535"),
        (["--port", "-1"], "headwater: port -1 is not between 0 and 65535"),
        (["--account", "12"], "headwater: account '12' is not 12 digits"),
        (
            ["--initial-partitions", "0"],
            "headwater: initial partitions 0 is not between 1 and 1000",
        ),
        (["--transition-seconds", "-1"], "headwater: transition seconds cannot be negative"),
        (["--tls-cert", "a.pem"], "headwater: a TLS certificate and its key are given together"),
        (
            ["--host", "0.0.0.0"],
            "headwater: without credentials the server listens on this machine alone",
        ),
        (["--credentials", "absent.toml"], "headwater: absent.toml: cannot be read: "),
    ],
)
def test_impossible_setting_is_told(options: list[str], told: str) -> None:
    result = serve("--memory", "--port", "0", *options)

    assert result.exit_code == 2
    assert result.stderr.startswith(told)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--port", "eighty"], "'eighty' is not a valid integer"),
        (["--durability", "lax"], "'lax' is not one of 'strict', 'relaxed'"),
        (["--log-format", "xml"], "'xml' is not one of 'console', 'json'"),
        (["--verbose"], "--verbose"),
        (["--config", "absent.toml"], "File 'absent.toml' does not exist"),
        (["surplus"], "Got unexpected extra argument (surplus)"),
    ],
)
def test_option_that_is_none_is_told(options: list[str], told: str) -> None:
    result = serve(*options)

    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HEADWATER_PORT", "eighty", "HEADWATER_PORT: 'eighty' is not a whole number"),
        ("HEADWATER_PROT", "80", "no setting for the environment variable HEADWATER_PROT"),
        ("HEADWATER_MEMORY", "maybe", "HEADWATER_MEMORY: 'maybe' is not true or false"),
    ],
)
def test_variable_that_cannot_be_is_told(variable: str, value: str, told: str) -> None:
    result = serve(**{variable: value})

    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("prot = 1", "there is no setting 'prot'"),
        ("port = 'x'", "port: 'x' is not a whole number"),
        ("port = ", "cannot be read"),
        ("[server]\nport = 1", "there is no setting 'server'"),
    ],
)
def test_file_that_cannot_be_is_told(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(content)

    result = serve("--config", str(file))

    assert result.exit_code == 2
    assert told in result.stderr
    assert str(file) in result.stderr


def test_every_setting_is_an_option_that_is_explained() -> None:
    text = " ".join(serve("--help").stdout.split())

    for name, setting in SETTINGS.items():
        assert f"--{name.replace('_', '-')} " in text
        assert setting.metadata["meaning"] in text


def test_commands_are_listed() -> None:
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    for command in ("demo", "function", "serve", "tail"):
        assert f"\n  {command} " in result.stdout


def test_unknown_command_is_told() -> None:
    result = CliRunner().invoke(main, ["sevre"])

    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.stderr
