from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.config import (
    ConfigError,
    Durability,
    LogFormat,
    Settings,
    from_json,
    load,
    to_json,
)
from headwater.peers import Peer


def test_defaults_are_a_loopback_server_with_strict_durability() -> None:
    settings = load({}, {})

    assert settings == Settings()
    assert (settings.host, settings.port, settings.durability) == (
        "127.0.0.1",
        8000,
        Durability.strict,
    )


def test_option_wins_over_environment_and_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text('port = 1\nregion = "eu-west-1"\naccount = "111111111111"\n')

    settings = load(
        {"port": 3, "region": None}, {"HEADWATER_PORT": "2", "HEADWATER_REGION": "r"}, file
    )

    assert (settings.port, settings.region, settings.account) == (3, "r", "111111111111")


def test_every_kind_of_setting_is_read_from_the_environment() -> None:
    settings = load(
        {},
        {
            "HEADWATER_MEMORY": "true",
            "HEADWATER_DATA": "/somewhere",
            "HEADWATER_DURABILITY": "relaxed",
            "HEADWATER_INITIAL_PARTITIONS": "7",
            "HEADWATER_TRANSITION_SECONDS": "0.5",
            "HEADWATER_LOG_FORMAT": "json",
            "UNRELATED": "x",
        },
    )

    assert settings == Settings(
        memory=True,
        data=Path("/somewhere"),
        durability=Durability.relaxed,
        initial_partitions=7,
        transition_seconds=0.5,
        log_format=LogFormat.json,
    )


def test_file_may_write_names_with_hyphens(tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text("initial-partitions = 2\nlab = true\n")

    settings = load({}, {}, file)

    assert (settings.initial_partitions, settings.lab) == (2, True)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"HEADWATER_PROT": "1"}, "no setting for the environment variable HEADWATER_PROT"),
        ({"HEADWATER_PORT": "many"}, "HEADWATER_PORT: 'many' is not a whole number"),
        ({"HEADWATER_MEMORY": "perhaps"}, "HEADWATER_MEMORY: 'perhaps' is not true or false"),
        (
            {"HEADWATER_DURABILITY": "some"},
            "HEADWATER_DURABILITY: 'some' is not one of strict, relaxed",
        ),
        ({"HEADWATER_TRANSITION_SECONDS": "x"}, "'x' is not a number"),
    ],
)
def test_malformed_environment_is_refused(environment: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load({}, environment)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("prot = 1", "there is no setting 'prot'"),
        ("port = true", "port: True is not a whole number"),
        ("port = 1.5", "port: 1.5 is not a whole number"),
        ("memory = 3", "memory: 3 is not true or false"),
        ("port = ", "cannot be read"),
    ],
)
def test_malformed_file_is_refused(tmp_path: Path, content: str, text: str) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(content)

    with pytest.raises(ConfigError, match=text):
        load({}, {}, file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load({}, {}, tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"port": 70_000}, "not between 0 and 65535"),
        ({"account": "12"}, "not 12 digits"),
        ({"initial_partitions": 0}, "not between 1 and 1000"),
        ({"function_workers": 0}, "not between 1 and 1000"),
        ({"transition_seconds": -1.0}, "cannot be negative"),
        ({"shard_rollover_hours": -1.0}, "cannot be negative"),
        ({"split_write_units": -1}, "cannot be negative"),
        ({"split_seconds": 0.0}, "more than 0"),
        ({"retention_hours": float("nan")}, "more than 0"),
        ({"tls_cert": Path("c")}, "given together"),
    ],
)
def test_impossible_setting_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load(options, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_listening_beyond_this_machine_needs_credentials_or_insecure(host: str) -> None:
    with pytest.raises(ConfigError, match="--credentials FILE, or --insecure"):
        load({"host": host}, {})

    assert load({"host": host, "insecure": True}, {}).host == host
    assert load({"host": host, "credentials": Path("c.toml")}, {}).host == host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_needs_neither(host: str) -> None:
    assert load({"host": host}, {}).is_loopback


def test_the_sdks_own_variable_gives_the_s3_endpoint_unless_a_setting_does() -> None:
    sdk = {"AWS_ENDPOINT_URL_S3": "http://sdk"}

    by_sdk = load({}, sdk)
    by_setting = load({}, {**sdk, "HEADWATER_S3_ENDPOINT": "http://own"})
    by_directory = load({"objects": Path("objects")}, sdk)

    assert by_sdk.s3_endpoint == "http://sdk"
    assert by_setting.s3_endpoint == "http://own"
    assert (by_directory.s3_endpoint, by_directory.objects) == (None, Path("objects"))


def test_a_directory_and_an_s3_endpoint_cannot_both_stand_for_s3() -> None:
    with pytest.raises(ConfigError, match="a directory of objects or an S3 endpoint"):
        load({"objects": Path("objects"), "s3_endpoint": "http://s3"}, {})


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("AWS_ENDPOINT_URL_SQS", "sqs_endpoint"), ("AWS_ENDPOINT_URL_SNS", "sns_endpoint")],
)
def test_the_sdks_own_variables_give_endpoints_unless_a_setting_does(
    variable: str, setting: str
) -> None:
    by_sdk = load({}, {variable: "http://sdk"})
    by_setting = load({setting: "http://own"}, {variable: "http://sdk"})

    assert getattr(by_sdk, setting) == "http://sdk"
    assert getattr(by_setting, setting) == "http://own"


@pytest.mark.parametrize(
    ("option", "reason"),
    [("memory", "in memory"), ("lab", "needs one worker"), ("enforce_throughput", "one worker")],
)
def test_what_one_process_keeps_is_refused_with_several(option: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load({option: True, "workers": 2}, {})


@pytest.mark.parametrize("workers", [0, 65])
def test_number_of_workers_is_bounded(workers: int) -> None:
    with pytest.raises(ConfigError, match="between 1 and 64"):
        load({"workers": workers}, {})


_PEER = """
[peers.eu-west-1]
endpoint = "https://eu.example.com:8000"
access_key_id = "PAIR"
secret_access_key = "a-secret-of-two-servers"
"""


def test_peers_are_a_table_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(_PEER)

    peer = load({}, {}, file).peers["eu-west-1"]

    assert peer == Peer(
        "eu-west-1", "https://eu.example.com:8000", "PAIR", "a-secret-of-two-servers"
    )
    assert "a-secret" not in repr(peer)


def test_settings_with_peers_reach_another_process(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.touch()
    file = tmp_path / "headwater.toml"
    file.write_text(f'{_PEER}ca = "{certificates}"\n')
    settings = load({}, {}, file)

    again = from_json(json.loads(json.dumps(to_json(settings))))

    assert again == settings


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("peers = 1", "peers are tables, one for each region"),
        ('[peers.mars]\nendpoint = "x"', "'mars' is no region"),
        ("[peers]\neu-west-1 = 1", "peers.eu-west-1 is no table"),
        (_PEER + 'port = "1"', "there is no setting 'port'"),
        (_PEER.replace('"PAIR"', "7"), "access_key_id must be a text"),
        (_PEER.replace('access_key_id = "PAIR"\n', ""), "access_key_id is missing"),
        (_PEER.replace("PAIR", "a b"), "access_key_id is malformed"),
        (_PEER.replace("https:", "ftp:"), "is not http:// or https://"),
        (_PEER.replace(":8000", ":8000/v1"), "is not http:// or https://"),
        (_PEER.replace(":8000", ":x"), "is not http:// or https://"),
        (_PEER.replace("a-secret-of-two-servers", "short"), "fewer than 16 characters"),
        (_PEER + 'ca = "/nowhere/ca.pem"', "the file /nowhere/ca.pem of ca is not there"),
        (_PEER.replace("https", "http") + 'ca = "ca.pem"', "ca is for an https endpoint"),
        (
            _PEER + _PEER.replace("eu-west-1", "eu-west-2").replace("a-secret", "b-secret"),
            "the access key PAIR is given with two secrets",
        ),
        (_PEER.replace("eu-west-1", "us-east-1"), "this server's own and a peer's"),
    ],
)
def test_a_peer_that_cannot_be_is_refused(text: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=fault):
        load({}, {}, file)
