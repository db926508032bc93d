"""The file of credentials that requests may be signed with.

Two forms; the file's content says which. With a `[[credential]]` line it is TOML:

    [[credential]]
    access_key_id = "AKIDEXAMPLE"
    secret_access_key = "..."
    name = "orders-service"        # optional; else the access key's id
    policy = '''{"Statement": ...}'''   # optional: what the key may do; else everything

Otherwise it is an AWS shared credentials file, one profile to a section:

    [orders-service]
    aws_access_key_id = AKIDEXAMPLE
    aws_secret_access_key = ...

Of a profile only the two keys count: what else AWS's tools keep there (a region, a session token)
says how to call, not who may. A profile with neither key names no credential and is passed over.
"""

from __future__ import annotations

import configparser
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from headwater.auth.policy import InvalidPolicy, Policy, parse

_log = structlog.get_logger(__name__)

_TOML_ENTRY: Final = re.compile(r"^\s*\[\[\s*credential\s*\]\]", re.MULTILINE)
# The id stands between `=` and `/` in the Authorization header; AWS's own are upper-case letters
# and digits, but emulators are often given names.
_ACCESS_KEY: Final = re.compile(r"[A-Za-z0-9_.+=@-]{1,128}")
_FIELDS: Final = frozenset({"access_key_id", "secret_access_key", "name", "policy"})
_READABLE_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


class CredentialsError(Exception):
    """A credentials file cannot be used; the text names the file and the place in it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One access key, its secret, what to call its owner, and what the owner may do.

    policy: None is everything.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    name: str
    policy: Policy | None = None


Credentials: TypeAlias = Mapping[str, Credential]
"""Credentials by access key id."""


def load_credentials(path: Path) -> Credentials:
    """Read a credentials file; logs a warning if others on the machine may read it too.

    Raises CredentialsError if it cannot be read, is malformed, holds none, or one twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except OSError as error:
        raise CredentialsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CredentialsError(f"{path}: is not UTF-8 text") from error
    if mode & _READABLE_BY_OTHERS:
        _log.warning("credentials file can be read by other users", path=str(path))
    return parse_credentials(text, str(path))


def parse_credentials(text: str, source: str) -> Credentials:
    """The credentials in a file's text. source: what errors call the file."""
    found = _toml_entries if _TOML_ENTRY.search(text) else _profiles
    credentials: dict[str, Credential] = {}
    names: set[str] = set()
    for place, credential in found(text, source):
        if not _ACCESS_KEY.fullmatch(credential.access_key_id):
            raise CredentialsError(f"{source}: {place}: access key id is empty or malformed")
        if credential.access_key_id in credentials:
            key = credential.access_key_id
            raise CredentialsError(f"{source}: {place}: access key id {key} is given twice")
        if credential.name in names:
            raise CredentialsError(f"{source}: {place}: name {credential.name} is given twice")
        names.add(credential.name)
        credentials[credential.access_key_id] = credential
    if not credentials:
        raise CredentialsError(f"{source}: holds no credentials")
    return credentials


def _toml_entries(text: str, source: str) -> Iterator[tuple[str, Credential]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CredentialsError(f"{source}: {error}") from error
    for name in document:
        if name != "credential":
            raise CredentialsError(f"{source}: unknown field {name}")
    for number, entry in enumerate(document["credential"], start=1):
        place = f"credential {number}"
        for name in entry:
            if name not in _FIELDS:
                raise CredentialsError(f"{source}: {place}: unknown field {name}")
        access_key = _text_field(entry, "access_key_id", f"{source}: {place}")
        secret = _text_field(entry, "secret_access_key", f"{source}: {place}")
        name = access_key
        if "name" in entry:
            name = _text_field(entry, "name", f"{source}: {place}")
        yield place, Credential(access_key, secret, name, _policy(entry, f"{source}: {place}"))


def _policy(entry: Mapping[str, object], place: str) -> Policy | None:
    if "policy" not in entry:
        return None
    try:
        return parse(_text_field(entry, "policy", place), has_principals=False)
    except InvalidPolicy as error:
        raise CredentialsError(f"{place}: {error}") from error


def _profiles(text: str, source: str) -> Iterator[tuple[str, Credential]]:
    # AWS's default profile is an ordinary one; configparser's inherited defaults are not wanted.
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # The parser's own text quotes the line, which may be a secret.
        raise CredentialsError(f"{source}: line {_line_of(error)}: {_fault_of(error)}") from None
    for section in parser.sections():
        profile = parser[section]
        place = f"profile {section}"
        if "aws_access_key_id" in profile or "aws_secret_access_key" in profile:
            access_key = _text_field(profile, "aws_access_key_id", f"{source}: {place}")
            secret = _text_field(profile, "aws_secret_access_key", f"{source}: {place}")
            yield place, Credential(access_key, secret, section)


def _text_field(entry: Mapping[str, object], name: str, place: str) -> str:
    if name not in entry:
        raise CredentialsError(f"{place}: {name} is missing")
    value = entry[name]
    if not isinstance(value, str) or not value:
        raise CredentialsError(f"{place}: {name} must be a text that is not empty")
    return value


def _line_of(error: configparser.Error) -> int:
    """The number of the line at fault; each kind of error keeps it in its own way."""
    faults: list[tuple[int, str]] = getattr(error, "errors", [])
    line: int = faults[0][0] if faults else getattr(error, "lineno", None) or 1
    return line


def _fault_of(error: configparser.Error) -> str:
    match error:
        case configparser.MissingSectionHeaderError():
            return "expected [[credential]] or a [profile] before the first setting"
        case configparser.DuplicateSectionError():
            return "profile is given twice"
        case configparser.DuplicateOptionError():
            return "setting is given twice"
        case _:
            return "expected a setting, name = value"
