"""Credentials files on a real file system."""

import pytest
import structlog

from headwater.auth.credentials import CredentialsError, load_credentials

PROFILE = "[a]\naws_access_key_id = A\naws_secret_access_key = s\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "credentials"
    path.write_text(PROFILE, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_file_is_read(file):
    with structlog.testing.capture_logs() as logs:
        credentials = load_credentials(file)

    assert list(credentials) == ["A"]
    assert logs == []


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_file_that_others_can_read_is_warned_about(file, mode):
    file.chmod(mode)

    with structlog.testing.capture_logs() as logs:
        load_credentials(file)

    assert [(log["log_level"], log["path"]) for log in logs] == [("warning", str(file))]


def test_absent_file_is_named(tmp_path):
    with pytest.raises(CredentialsError, match=r"absent: cannot be read: No such file"):
        load_credentials(tmp_path / "absent")


def test_file_that_is_no_text_is_named(file):
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(CredentialsError, match="is not UTF-8 text"):
        load_credentials(file)
