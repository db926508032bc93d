"""Credentials files in both forms, and what is said about broken ones."""

import pytest

from headwater.auth.credentials import Credential, CredentialsError, parse_credentials

TOML = """
# who may call
[[credential]]
access_key_id = "AKID1"
secret_access_key = "hush1"
name = "orders"

[[credential]]
access_key_id = "AKID2"
secret_access_key = "hush2"
"""

PROFILES = """
[default]
aws_access_key_id = AKID1
aws_secret_access_key = hush%1=
region = eu-west-1

[orders]
aws_access_key_id: AKID2
aws_secret_access_key: hush2

[elsewhere]
role_arn = arn:aws:iam::1:role/x
"""


def test_toml_entries_are_found_by_access_key():
    credentials = parse_credentials(TOML, "f")

    assert dict(credentials) == {
        "AKID1": Credential("AKID1", "hush1", "orders"),
        "AKID2": Credential("AKID2", "hush2", "AKID2"),
    }


def test_profiles_with_keys_are_found_by_access_key():
    credentials = parse_credentials(PROFILES, "f")

    assert dict(credentials) == {
        "AKID1": Credential("AKID1", "hush%1=", "default"),
        "AKID2": Credential("AKID2", "hush2", "orders"),
    }


ENTRY = '[[credential]]\naccess_key_id = "A"\nsecret_access_key = "s"\n'
PROFILE = "[a]\naws_access_key_id = A\naws_secret_access_key = s\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: holds no credentials"),
        ("[a]\nregion = x\n", "f: holds no credentials"),
        ("access_key_id = A\n", "f: line 1: expected [[credential]] or a [profile] before"),
        (PROFILE + "hush\n", "f: line 4: expected a setting"),
        (PROFILE + PROFILE, "f: line 4: profile is given twice"),
        (PROFILE + "aws_access_key_id = B\n", "f: line 4: setting is given twice"),
        (PROFILE + PROFILE.replace("[a]", "[b]"), "f: profile b: access key id A is given twice"),
        ("[a]\naws_access_key_id = A\n", "f: profile a: aws_secret_access_key is missing"),
        ("[a]\naws_secret_access_key = s\n", "f: profile a: aws_access_key_id is missing"),
        (PROFILE.replace("= A", "="), "f: profile a: aws_access_key_id must be a text that is not"),
        (PROFILE.replace("= A", "= A/B"), "f: profile a: access key id is empty or malformed"),
        ("[[credential]]\naccess_key_id = A\n", "f: Invalid value (at line 2, column 17)"),
        (ENTRY + ENTRY, "f: credential 2: access key id A is given twice"),
        (
            ENTRY + 'name = "n"\n' + ENTRY.replace('"A"', '"B"') + 'name = "n"\n',
            "f: credential 2: name n is given twice",
        ),
        (ENTRY + 'secret = "s"\n', "f: credential 1: unknown field secret"),
        ('title = "x"\n' + ENTRY, "f: unknown field title"),
        (ENTRY.replace('"s"', "7"), "f: credential 1: secret_access_key must be a text"),
        (ENTRY.replace('"s"', '""'), "f: credential 1: secret_access_key must be a text"),
        ('[[credential]]\naccess_key_id = "A"\n', "f: credential 1: secret_access_key is missing"),
    ],
)
def test_broken_file_is_refused_naming_the_place(text, message):
    with pytest.raises(CredentialsError) as refused:
        parse_credentials(text, "f")

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("text", [PROFILE + "hush\n", "hush\n", PROFILE + "hush", "[a\nhush"])
def test_error_does_not_quote_the_file(text):
    with pytest.raises(CredentialsError) as refused:
        parse_credentials(text, "f")

    assert "hush" not in str(refused.value)


def test_secret_is_not_shown():
    assert "hush" not in repr(Credential("A", "hush", "n"))
