"""Peers: other servers, which have regions that this one has not, as the configuration names them.

    [peers.eu-west-1]
    endpoint = "https://eu.example.com:8000"
    access_key_id = "..."        # the same two on both servers
    secret_access_key = "..."
    ca = "/etc/headwater/ca.pem" # optional: who vouches for the endpoint's certificate

A key belongs to two servers and is good for nothing but what they tell each other: each signs with
it what it sends to the region, and takes from whoever signs with it what is said for that region.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")
_ACCESS_KEY: Final = re.compile(r"[A-Za-z0-9_.+=@-]{1,128}")
_SECRET_CHARS_MIN: Final = 16
_NEEDED: Final = ("endpoint", "access_key_id", "secret_access_key")


class InvalidPeer(Exception):
    """A peer cannot be as it is configured; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that has a region. ca: a file of certificates, None is the machine's own."""

    region: str
    endpoint: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    ca: Path | None = None


Peers: TypeAlias = Mapping[str, Peer]
"""By region."""


def of_tables(tables: Any) -> Peers:
    """The peers of the configuration's table `peers`. Raises InvalidPeer."""
    if not isinstance(tables, dict):
        raise InvalidPeer("peers are tables, one for each region: [peers.eu-west-1]")
    found = {region: _of_table(region, table) for region, table in tables.items()}
    _check_keys(found)
    return found


def to_tables(peers: Peers) -> dict[str, Any]:
    """What `of_tables` makes these peers of."""
    return {
        region: {
            name: str(value)
            for name, value in asdict(peer).items()
            if name != "region" and value is not None
        }
        for region, peer in peers.items()
    }


def _of_table(region: str, table: Any) -> Peer:
    if not REGION.fullmatch(region):
        raise InvalidPeer(f"peers.{region}: {region!r} is no region")
    if not isinstance(table, dict):
        raise InvalidPeer(f"peers.{region} is no table: it needs {', '.join(_NEEDED)}")
    for name, value in table.items():
        if name not in (*_NEEDED, "ca"):
            raise InvalidPeer(f"peers.{region}: there is no setting {name!r}")
        if not isinstance(value, str) or not value:
            raise InvalidPeer(f"peers.{region}: {name} must be a text that is not empty")
    for name in _NEEDED:
        if name not in table:
            raise InvalidPeer(f"peers.{region}: {name} is missing")
    endpoint, access_key_id, secret_access_key = (table[name] for name in _NEEDED)
    peer = Peer(region, endpoint, access_key_id, secret_access_key, _path(table.get("ca")))
    _check(peer)
    return peer


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _check(peer: Peer) -> None:
    place = f"peers.{peer.region}"
    try:
        url = urlsplit(peer.endpoint)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if (
        not is_address
        or url.path not in ("", "/")
        or url.query
        or url.fragment
        or "@" in url.netloc
    ):
        raise InvalidPeer(
            f"{place}: endpoint {peer.endpoint!r} is not http:// or https://, a host and a port"
        )
    if not _ACCESS_KEY.fullmatch(peer.access_key_id):
        raise InvalidPeer(f"{place}: access_key_id is malformed")
    if len(peer.secret_access_key) < _SECRET_CHARS_MIN:
        raise InvalidPeer(
            f"{place}: secret_access_key has fewer than {_SECRET_CHARS_MIN} characters"
        )
    if peer.ca is not None:
        if url.scheme != "https":
            raise InvalidPeer(f"{place}: ca is for an https endpoint")
        if not peer.ca.is_file():
            raise InvalidPeer(f"{place}: the file {peer.ca} of ca is not there")


def _check_keys(peers: Peers) -> None:
    """One key has one secret, whichever regions it is for."""
    secrets: dict[str, str] = {}
    for peer in peers.values():
        if secrets.setdefault(peer.access_key_id, peer.secret_access_key) != peer.secret_access_key:
            raise InvalidPeer(
                f"peers: the access key {peer.access_key_id} is given with two secrets"
            )
