"""A request in the one form that is signed ("Create a signed AWS API request", step 1).

Pure functions of what came over the wire; header values are latin-1 texts, so that encoding them
gives back the very bytes that were sent. Nothing is said here about keys or time.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import Final
from urllib.parse import quote, unquote_to_bytes

_UNRESERVED: Final = "-_.~"


@lru_cache(maxsize=1024)
def canonical_path(path: str) -> str:
    """A path as every service but S3 signs it.

    Dot segments and empty segments go; the rest, already percent-encoded once on the wire, is
    encoded again: `%3A` becomes `%253A`.
    """
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{last}", safe="/" + _UNRESERVED)


def canonical_query(query: str) -> str:
    """A query as it is signed: each name and value encoded in one way only, then sorted."""
    pairs: list[tuple[str, str]] = []
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            pairs.append((_recoded(name), _recoded(value)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])


def _recoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


class SignedHeaders:
    """The headers a client signs, prepared so that each request needs one look-up and one format.

    names: as the Authorization header lists them, lower-case, in order.
    """

    __slots__ = ("_names", "_template", "_values", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._names = tuple(text.split(";"))
        self._values = itemgetter(*self._names)
        lines = "".join([f"{name.replace('%', '%%')}:%s\n" for name in self._names])
        self._template = f"{lines}\n{text.replace('%', '%%')}\n"

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def block(self, headers: dict[str, str]) -> str:
        """The part of the canonical request between query and body hash.

        headers: lower-case names, values without blanks around them, repeats joined by commas.
        Raises KeyError if one is absent.
        """
        block: str = self._template % self._values(headers)
        if "  " in block or "\t" in block:
            folded = {name: _folded(headers[name]) for name in self._names}
            block = self._template % self._values(folded)
        return block


def _folded(value: str) -> str:
    """A header's value with each run of blanks made one; blanks as ASCII knows them.

    By bytes, because a text would also be split at the second byte of letters such as `à`.
    """
    return b" ".join(value.encode("latin-1").split()).decode("latin-1")
