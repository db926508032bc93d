"""How the objects of an import are packed: unpacked as they are read, in pieces of bounded size.

gzip is the standard library's; Zstandard is read by zstandard, which the extra `headwater[zstd]`
brings. Either may have any number of members, one after the other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final, Protocol

from headwater.errors import ValidationException
from headwater.limits import KB
from headwater.tables.imports import ImportSource

_GZIP_WINDOW: Final = 31
_PIECE_BYTES: Final = 64 * KB
# Four bytes can stand for a block of 128 KB: so few of them at once that a piece stays small.
_ZSTD_BYTES_AT_ONCE: Final = 128


class ObjectFault(Exception):
    """An object whose rest cannot be read; the text says why."""


class Unpacker(Protocol):
    """Unpacks one object."""

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What follows from more bytes of the object. Raises ObjectFault."""

    def end(self) -> None:
        """Raises ObjectFault if the object stops within a member."""


def unpacker_of(source: ImportSource) -> Unpacker:
    if source.is_zstd:
        return Zstd()
    return Gzip() if source.is_gzip else Plain()


def check_installed() -> None:
    """Raises ValidationException where Zstandard cannot be read for want of its library."""
    if find_spec("zstandard") is None:
        raise ValidationException(
            "InputCompressionType ZSTD needs the package zstandard, which is not installed: "
            "pip install 'headwater[zstd]'"
        )


class Plain:
    """An object that is not packed."""

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        yield packed

    def end(self) -> None:
        """It may stop anywhere."""


class Gzip:
    """A gzip file of any number of members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._is_begun = False

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            try:
                piece = self._member.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise ObjectFault(f"not gzip: {error}") from error
            self._is_begun = True
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            yield piece

    def end(self) -> None:
        if self._is_begun and not self._member.eof:
            raise ObjectFault("the gzip file is cut off")


class Zstd:
    """A Zstandard file of any number of frames."""

    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415 - an extra's

        self._error = zstandard.ZstdError
        self._frames = zstandard.ZstdDecompressor()
        self._frame = self._frames.decompressobj()
        self._is_begun = False

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        for at in range(0, len(packed), _ZSTD_BYTES_AT_ONCE):
            part = packed[at : at + _ZSTD_BYTES_AT_ONCE]
            while part:
                if self._frame.eof:
                    self._frame = self._frames.decompressobj()
                try:
                    piece = self._frame.decompress(part)
                except self._error as error:
                    raise ObjectFault(f"not Zstandard: {error}") from error
                self._is_begun = True
                part = self._frame.unused_data if self._frame.eof else b""
                if piece:
                    yield piece

    def end(self) -> None:
        if self._is_begun and not self._frame.eof:
            raise ObjectFault("the Zstandard file is cut off")
