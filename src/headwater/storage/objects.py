"""Objects by bucket and key: where exports go and imports come from.

`ObjectStore` is what the rest of the server knows of S3. `DirectoryObjects` keeps a folder for each
bucket; `s3.py` speaks to a service. Both promise: an object is there whole or not at all, what
`put` has returned for is durable, and keys are listed in the order of their bytes.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Final, Protocol

from headwater.clock import Chance

_BUCKET: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]", re.ASCII)
_PART: Final = ".headwater-part-"
_SEGMENT_BYTES_MAX: Final = 255


class ObjectsFailed(Exception):
    """An object cannot be put, read or listed, and trying at once again will not help.

    code: as AWS names it in the description of an export or import, with `S3` before it.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


class UnusableName(Exception):
    """A bucket or key that this store cannot have; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Found:
    """An object as listed; size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the service is to encrypt an object. algorithm: AES256 or KMS."""

    algorithm: str
    kms_key_id: str | None = None


class ObjectStore(Protocol):
    """See the module for what every store promises."""

    @property
    def encrypts(self) -> bool:
        """Whether `put` takes an encryption."""

    def check(self, bucket: str, prefix: str) -> None:
        """Raises UnusableName if no key with this prefix can be in this bucket."""

    async def put(self, place: Place, body: bytes, encryption: Encryption | None = None) -> str:
        """Store an object, in the place of one that is there; returns its entity tag.

        Raises ObjectsFailed.
        """

    async def read(self, place: Place, start: int, size: int) -> bytes:
        """So many bytes of an object from one on, fewer where it ends.

        Raises ObjectsFailed.
        """

    async def delete(self, place: Place) -> None:
        """Remove an object, whether or not it is there. Raises ObjectsFailed."""

    async def list(self, bucket: str, prefix: str, limit: int) -> list[Found]:
        """The first objects whose keys begin with a prefix.

        Raises ObjectsFailed, if there is no such bucket among others.
        """


class DirectoryObjects:
    """Objects as files: `bucket/key` below a directory. A bucket's folder is made by a put.

    Keys are paths, so none has an empty part, `.` or `..`.
    """

    encrypts: Final = False

    def __init__(self, root: Path, chance: Chance) -> None:
        self._root = root
        self._chance = chance

    def check(self, bucket: str, prefix: str) -> None:
        if not _BUCKET.fullmatch(bucket):
            raise UnusableName(f"{bucket!r} cannot be the name of a bucket")
        *folders, last = prefix.split("/")
        if not all(map(_is_name, folders)) or (last and not _is_name(last)):
            raise UnusableName(f"{prefix!r} cannot be a path below the folder of a bucket")

    async def put(self, place: Place, body: bytes, encryption: Encryption | None = None) -> str:
        assert encryption is None, "a directory does not encrypt"
        path = self._path(place)
        part = path.with_name(f"{_PART}{self._chance.token(8).hex()}")
        try:
            await asyncio.to_thread(_write, path, part, body)
        except OSError as error:
            raise _failed(error) from error
        return md5(body, usedforsecurity=False).hexdigest()

    async def read(self, place: Place, start: int, size: int) -> bytes:
        path = self._path(place)
        try:
            return await asyncio.to_thread(_read, path, start, size)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectsFailed("S3NoSuchKey", f"There is no object {place.key}.") from error
        except OSError as error:
            raise _failed(error) from error

    async def delete(self, place: Place) -> None:
        path = self._path(place)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise _failed(error) from error

    async def list(self, bucket: str, prefix: str, limit: int) -> list[Found]:
        self._check_usable(bucket, prefix)
        try:
            return await asyncio.to_thread(_listed, self._root / bucket, prefix, limit)
        except FileNotFoundError as error:
            raise ObjectsFailed("S3NoSuchBucket", f"There is no folder {bucket}.") from error
        except OSError as error:
            raise _failed(error) from error

    def _path(self, place: Place) -> Path:
        self._check_usable(place.bucket, place.key)
        if place.key.endswith("/") or not place.key:
            raise ObjectsFailed("S3InvalidKey", f"{place.key!r} cannot be a file's name.")
        return self._root / place.bucket / place.key

    def _check_usable(self, bucket: str, key: str) -> None:
        try:
            self.check(bucket, key)
        except UnusableName as error:
            raise ObjectsFailed("S3InvalidKey", str(error)) from error


def _is_name(segment: str) -> bool:
    """Whether a part of a key can be a file's name of its own, within its folder."""
    if segment in ("", ".", "..") or "\x00" in segment or "\\" in segment:
        return False
    try:
        return len(segment.encode()) <= _SEGMENT_BYTES_MAX
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return False


def is_part(name: str) -> bool:
    """Whether a file of this name is an object that is still being written."""
    return name.startswith(_PART)


def _failed(error: OSError) -> ObjectsFailed:
    code = "S3AccessDenied" if isinstance(error, PermissionError) else "S3InternalError"
    return ObjectsFailed(code, f"The directory of objects: {error.strerror}.")


def _write(path: Path, part: Path, body: bytes) -> None:
    """Write a file beside its place and move it there once it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _listed(bucket: Path, prefix: str, limit: int) -> list[Found]:
    if not bucket.is_dir():
        raise FileNotFoundError(bucket)
    paths = {
        path.relative_to(bucket).as_posix(): path
        for path in _files(bucket / prefix.rpartition("/")[0])
    }
    keys = sorted((key for key in paths if key.startswith(prefix)), key=str.encode)
    return [Found(key, paths[key].stat().st_size) for key in keys[:limit]]


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder that are objects: not those that are being written."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if not is_part(name) and path.is_file() and _is_name(name):
                yield path
