"""CBOR as Kinesis' clients in Java speak it, to and from values as JSON has them.

A byte string becomes base64 and back, a time (tag 1, of milliseconds) an epoch second: whoever gets
the values need not know which of the two protocols they came by. Which members of an answer are
bytes and times is told by their names. Maps, arrays and strings of unknown length are read, not
written; what is nested too deep, or is no CBOR that JSON could say, is refused.

Sources: RFC 8949; AWS SDK for Java 2, its form of times.
"""

from __future__ import annotations

import struct
from binascii import a2b_base64, b2a_base64
from typing import Any, Final

_DEPTH_MAX: Final = 16
_UNKNOWN_LENGTH: Final = 31
_TIME: Final = 1
_BREAK: Final = object()
_SIMPLE: Final[dict[int, Any]] = {20: False, 21: True, 22: None, 23: None, 31: _BREAK}
_FLOATS: Final = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_BYTES_MEMBERS: Final = frozenset({"Data"})
_TIME_MEMBERS: Final = frozenset(
    {"ApproximateArrivalTimestamp", "ConsumerCreationTimestamp", "StreamCreationTimestamp"}
)


class NotCbor(Exception):
    """The bytes are no CBOR, or none that can be said in JSON."""


def loads(content: bytes) -> Any:
    """The value of one item of CBOR. Raises NotCbor."""
    reader = _Reader(content)
    try:
        value = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise NotCbor from error
    if value is _BREAK or not reader.is_at_end:
        raise NotCbor
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._content)

    def item(self, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise NotCbor
        first = self._content[self._at]
        self._at += 1
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        length = self._length(info)
        match major:
            case 0 | 1 if length is not None:
                return length if major == 0 else -1 - length
            case 2:
                return b2a_base64(self._string(length, 2), newline=False).decode()
            case 3:
                return self._string(length, 3).decode()
            case 4:
                return self._array(length, depth)
            case 5:
                return self._map(length, depth)
            case 6 if length is not None:
                return self._tagged(length, depth)
        raise NotCbor

    def _length(self, info: int) -> int | None:
        """The argument of an item's head; None is an unknown length."""
        if info < 24:
            return info
        if info == _UNKNOWN_LENGTH:
            return None
        if info not in _LENGTHS:
            raise NotCbor
        return int.from_bytes(self._take(_LENGTHS[info]), "big")

    def _take(self, size: int) -> bytes:
        taken = self._content[self._at : self._at + size]
        if len(taken) < size:
            raise NotCbor
        self._at += size
        return taken

    def _simple(self, info: int) -> Any:
        if info in _FLOATS:
            form = _FLOATS[info]
            (number,) = form.unpack(self._take(form.size))
            return number
        if info not in _SIMPLE:
            raise NotCbor
        return _SIMPLE[info]

    def _string(self, length: int | None, major: int) -> bytes:
        if length is not None:
            return self._take(length)
        parts = []
        while (first := self._take(1)[0]) != 0xFF:
            part = self._length(first & 31)
            if first >> 5 != major or part is None:
                raise NotCbor
            parts.append(self._take(part))
        return b"".join(parts)

    def _array(self, length: int | None, depth: int) -> list[Any]:
        items: list[Any] = []
        while length is None or len(items) < length:
            item = self.item(depth + 1)
            if item is _BREAK:
                if length is not None:
                    raise NotCbor
                break
            items.append(item)
        return items

    def _map(self, length: int | None, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        left = length
        while left is None or left > 0:
            key = self.item(depth + 1)
            if key is _BREAK and left is None:
                break
            value = self.item(depth + 1)
            if not isinstance(key, str) or value is _BREAK:
                raise NotCbor
            members[key] = value
            left = None if left is None else left - 1
        return members

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self.item(depth + 1)
        if tag != _TIME:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotCbor
        return value / 1000


def dumps(value: Any) -> bytes:
    """The CBOR of a value of JSON's."""
    parts: list[bytes] = []
    _write(parts, value, "")
    return b"".join(parts)


def _write(parts: list[bytes], value: Any, name: str) -> None:
    """Append a value's CBOR; name: of the member it is."""
    match value:
        case None | bool():
            parts.append({None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value])
        case int() | float() if name in _TIME_MEMBERS:
            parts.append(_head(6, _TIME))
            _write(parts, round(value * 1000), "")
        case int():
            parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
        case float():
            parts.append(b"\xfb" + struct.pack(">d", value))
        case str() if name in _BYTES_MEMBERS:
            content = a2b_base64(value)
            parts += (_head(2, len(content)), content)
        case str():
            text = value.encode()
            parts += (_head(3, len(text)), text)
        case list():
            parts.append(_head(4, len(value)))
            for each in value:
                _write(parts, each, "")
        case dict():
            parts.append(_head(5, len(value)))
            for key, each in value.items():
                _write(parts, key, "")
                _write(parts, each, key)
        case _:
            raise AssertionError(f"an answer holds what JSON cannot: {type(value)}")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major << 5 | argument,))
    for info, size in _LENGTHS.items():
        if argument < 1 << (8 * size):
            return bytes((major << 5 | info,)) + argument.to_bytes(size, "big")
    raise AssertionError("a number has at most 64 bits")
