"""Where the objects of a lake lie.

location = "file:" bucket [ "/" prefix ]      a folder below the server's directory for files
         | "s3://" bucket [ "/" prefix ]      a bucket, at the sink's endpoint, else the server's,
                                              else AWS's own
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from headwater.sinks.kind import InvalidSettings, Surroundings
from headwater.storage.objects import DirectoryObjects, ObjectStore, Place, UnusableName
from headwater.storage.s3 import S3Objects

_FORM: Final = re.compile(r"(?P<scheme>file:|s3://)(?P<bucket>[^/]+)(?:/(?P<prefix>.*))?")


@dataclass(frozen=True, slots=True)
class Location:
    """See the module. prefix: empty, or ends with a slash."""

    is_file: bool
    bucket: str
    prefix: str

    def place(self, name: str) -> Place:
        return Place(self.bucket, f"{self.prefix}{name}")


def parse_location(text: str) -> Location:
    """Raises InvalidSettings."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidSettings(f"location: {text!r} is not file:FOLDER/PREFIX or s3://BUCKET/PREFIX")
    prefix = (match["prefix"] or "").strip("/")
    return Location(match["scheme"] == "file:", match["bucket"], f"{prefix}/" if prefix else "")


def store_of(
    location: Location, endpoint: str | None, region: str, around: Surroundings
) -> ObjectStore:
    """What keeps the objects there. Raises InvalidSettings for a name it cannot have."""
    store: ObjectStore
    if location.is_file:
        store = DirectoryObjects(around.files, around.chance)
    else:
        usual = around.s3_endpoint or f"https://s3.{region}.amazonaws.com"
        store = S3Objects(endpoint or usual, region)
    try:
        store.check(location.bucket, location.prefix)
    except UnusableName as error:
        raise InvalidSettings(f"location: {error}") from error
    return store
