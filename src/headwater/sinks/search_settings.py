"""The settings of a search sink."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from headwater.sinks.http import check_address
from headwater.sinks.kind import InvalidSettings
from headwater.sinks.settings import means

_INDEX: Final = re.compile(r"(?![-_+.])[^A-Z\\/*?\"<>| ,#:]{1,255}")
_INDEX_BYTES_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of an index."""

    endpoint: str = field(
        metadata=means(
            "Addresses of the servers, with commas: `https://one:9200, https://two:9200`."
        )
    )
    index: str = field(
        metadata=means("The index, or an alias of one; it is created if it is not there.")
    )
    mappings: str | None = field(
        default=None, metadata=means("Its mappings if it is created, an object of JSON.")
    )
    index_settings: str | None = field(
        default=None, metadata=means("Its settings if it is created, an object of JSON.")
    )
    gc_deletes_seconds: int = field(
        default=600,
        metadata=means(
            "How long an index that is created knows the versions of documents that were deleted."
        ),
    )
    user: str | None = field(default=None, metadata=means("Who writes, with a password."))
    password: str | None = field(
        default=None, metadata=means("The password of the user.", is_secret=True)
    )
    api_key: str | None = field(
        default=None,
        metadata=means("A key of Elasticsearch's, encoded, in place of a user.", is_secret=True),
    )
    sigv4: bool = field(
        default=False,
        metadata=means("true: sign requests for Amazon OpenSearch Service, in place of a user."),
    )
    region: str | None = field(
        default=None, metadata=means("What is signed for; if not given, the sink's region.")
    )
    ca: str | None = field(
        default=None,
        metadata=means("File of certificates that vouch for the servers; else the machine's own."),
    )

    def __post_init__(self) -> None:
        for address in self.addresses:
            check_address("endpoint", address)
        if "?" in self.endpoint:
            raise InvalidSettings("endpoint: addresses of servers have no query")
        if not _INDEX.fullmatch(self.index) or len(self.index.encode()) > _INDEX_BYTES_MAX:
            raise InvalidSettings(f"index: {self.index!r} cannot be the name of an index")
        as_object("mappings", self.mappings)
        as_object("index_settings", self.index_settings)
        if self.gc_deletes_seconds < 0:
            raise InvalidSettings("gc_deletes_seconds is less than 0")
        if (self.user is None) != (self.password is None):
            raise InvalidSettings("user and password are given together")
        if sum((self.user is not None, self.api_key is not None, self.sigv4)) > 1:
            raise InvalidSettings("user, api_key and sigv4 are given one in place of another")
        if self.region is not None and not self.sigv4:
            raise InvalidSettings("region is given with sigv4, and only then")
        if self.ca is not None and not self.is_secure:
            raise InvalidSettings("ca is for https addresses")

    @property
    def is_secure(self) -> bool:
        """Whether any server is called over TLS."""
        return any(address.startswith("https:") for address in self.addresses)

    @property
    def addresses(self) -> list[str]:
        return [text.strip() for text in self.endpoint.split(",")]


def as_object(setting: str, text: str | None) -> dict[str, Any]:
    """An object of JSON; empty if there is none. Raises InvalidSettings."""
    try:
        value = {} if text is None else orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidSettings(f"{setting}: {error}") from error
    if not isinstance(value, dict):
        raise InvalidSettings(f"{setting}: not an object of JSON")
    return value
