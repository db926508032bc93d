"""Code as a zip: checked, hashed, and unpacked once into a folder that workers share.

A package is known by its SHA-256. Unpacked code appears under its name all at once, so a crash
while unpacking leaves nothing that looks whole; workers only read it. No entry can reach outside:
names that climb are refused, and so are links that end elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from headwater import limits
from headwater.errors import InvalidParameterValueException, RequestTooLargeException

# What reading a damaged, encrypted or self-contradicting zip raises.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
# What the file system says to names that contradict each other or cannot be.
_IMPOSSIBLE = frozenset(
    {
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
    }
)


@dataclass(frozen=True, slots=True)
class Package:
    """A checked zip."""

    content: bytes
    digest: bytes
    unpacked_bytes: int

    @property
    def name(self) -> str:
        """What it is stored and unpacked under."""
        return self.digest.hex()

    @property
    def code_sha256(self) -> str:
        """The digest as clients see it."""
        return base64.b64encode(self.digest).decode()


def digest_of(code_sha256: str) -> bytes:
    """A package's digest, as clients see it."""
    return base64.b64decode(code_sha256)


def check(content: bytes) -> Package:
    """A package from what a client sent.

    Raises RequestTooLargeException, or InvalidParameterValueException with AWS's text.
    """
    if len(content) > limits.function_zip_bytes_max:
        size = (limits.function_zip_bytes_max * 4 + 2) // 3
        raise RequestTooLargeException(
            f"Request must be smaller than {size} bytes for the CreateFunction operation"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except _UNREADABLE as error:
        raise _unreadable() from error
    if not entries:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    unpacked_bytes = sum(entry.file_size for entry in entries)
    if unpacked_bytes > limits.function_code_bytes_max:
        raise InvalidParameterValueException(
            f"Unzipped size must be smaller than {limits.function_code_bytes_max} bytes"
        )
    for entry in entries:
        _check_name(entry.filename)
    return Package(content, hashlib.sha256(content).digest(), unpacked_bytes)


def overlay_name(names: Sequence[str]) -> str:
    """What packages of these names are put together under."""
    return f"layers-{hashlib.sha256(' '.join(names).encode()).hexdigest()}"


class CodeFolder:
    """Unpacked packages, each in a folder of its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Path | None:
        """Where a package is unpacked, if it is."""
        path = self._folder / name
        return path if path.is_dir() else None

    def names(self) -> list[str]:
        """Everything that is there, and what a crash has left behind."""
        return [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []

    def remove(self, name: str) -> None:
        """Remove what is unpacked under a name; it can be unpacked again."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    async def unpack(self, package: Package) -> Path:
        """Unpack a package unless it is there; returns where.

        Raises InvalidParameterValueException if its content is damaged.
        """
        found = self.find(package.name)
        return found if found is not None else await asyncio.to_thread(self._unpack, package)

    async def overlay(self, layers: Sequence[Path]) -> Path:
        """One folder of several, of which later ones win; none is an empty name, not there.

        Files are linked, not copied: it costs names, no room.
        """
        name = overlay_name([folder.name for folder in layers])
        found = self.find(name)
        if found is not None or not layers:
            return found or self._folder / "layers-none"
        return await asyncio.to_thread(self._overlay, layers, name)

    def _overlay(self, layers: Sequence[Path], name: str) -> Path:
        staging = Path(tempfile.mkdtemp(prefix="unpacking-", dir=self._folder))
        try:
            for layer in layers:
                _link_tree(layer, staging)
            return self._publish(staging, name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _unpack(self, package: Package) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix="unpacking-", dir=self._folder))
        try:
            _extract_checked(package.content, staging)
            return self._publish(staging, package.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _publish(self, staging: Path, name: str) -> Path:
        target = self._folder / name
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():  # nobody else was faster: it is the disk's fault
                raise
        return target


def _link_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        is_folder = path.is_dir() and not path.is_symlink()
        if is_folder and place.is_dir() and not place.is_symlink():
            continue
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        if is_folder:
            place.mkdir(parents=True)
        elif path.is_symlink():
            place.symlink_to(path.readlink())
        else:
            place.hardlink_to(path)


def _extract_checked(content: bytes, folder: Path) -> None:
    try:
        _extract(content, folder)
    except _UNREADABLE as error:
        raise _unreadable() from error
    except OSError as error:
        if error.errno in _IMPOSSIBLE:
            raise _unreadable() from error
        raise


def _extract(content: bytes, folder: Path) -> None:
    links: list[tuple[Path, str]] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path = folder / entry.filename
            if stat.S_ISLNK(entry.external_attr >> 16):
                links.append((path, archive.read(entry).decode()))
            elif entry.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                _extract_file(archive, entry, path)
    # Links come last: nothing is ever written through one.
    for path, where in links:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(where)
    for path, where in links:
        if PurePosixPath(where).is_absolute() or not path.resolve().is_relative_to(
            folder.resolve()
        ):
            raise _unreadable()


def _extract_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, path.open("xb") as copy:
        shutil.copyfileobj(source, copy)
    is_program = (entry.external_attr >> 16) & stat.S_IXUSR
    path.chmod(0o555 if is_program else 0o444)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise _unreadable()


def _unreadable() -> InvalidParameterValueException:
    return InvalidParameterValueException(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )
