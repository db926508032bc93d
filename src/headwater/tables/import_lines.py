"""From an object's text to lines, and from a line to the item it holds. Pure, and bounded.

DynamoDB's JSON and Ion have an object with the member `Item` on each line, as a full export writes
it. In CSV the values of key attributes, of the table and its indexes, have their types; all others
are texts. A double quote within a quoted value is doubled; a value ends with its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import orjson

from headwater.errors import ValidationException
from headwater.limits import import_line_bytes_max, item_bytes_max
from headwater.tables import import_packing, ion, keys
from headwater.tables.import_packing import ObjectFault
from headwater.tables.imports import Csv, ImportSource
from headwater.tables.schema import Table
from headwater.tables.write import Put, Write
from headwater.values import codec
from headwater.values import item as items
from headwater.values.item import Item

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LineFault(Exception):
    """A line that is no item; the text says why, without what is in it."""


class Splitter:
    """Cuts bytes into lines, whose ends are left out."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_too_long = False
        self._is_first = True

    def lines(self, piece: bytes) -> Iterator[bytes | None]:
        """The lines that end in a piece; None for one that is longer than a line can be."""
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._append(part)
            yield self._taken()
        self._append(rest)

    def end(self) -> Iterator[bytes | None]:
        """The last line, if the object does not end with a line's end."""
        if self._rest or self._is_too_long:
            yield self._taken()

    def _append(self, part: bytes) -> None:
        if self._is_too_long or len(self._rest) + len(part) > import_line_bytes_max:
            self._rest.clear()
            self._is_too_long = True
        else:
            self._rest += part

    def _taken(self) -> bytes | None:
        line = None if self._is_too_long else bytes(self._rest).removesuffix(b"\r")
        if self._is_first and line is not None:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        self._rest.clear()
        self._is_too_long = self._is_first = False
        return line


def check_readable(source: ImportSource) -> None:
    """Raises ValidationException where a library is missing that the objects would need."""
    if source.is_ion:
        ion.check_installed()
    if source.is_zstd:
        import_packing.check_installed()


class Form(Protocol):
    """How the lines of one object hold items."""

    def item(self, line: bytes) -> Item | None:
        """A line's item, unchecked; None for a line that holds none, such as a header.

        Raises LineFault, or ObjectFault where no further line can be understood either.
        """


def form_of(source: ImportSource, table: Table) -> Form:
    """The form of an object's lines, from its first on."""
    if source.csv is not None:
        return CsvForm(source.csv, table.types)
    return IonForm() if source.is_ion else JsonForm()


class JsonForm:
    """Lines of DynamoDB's JSON."""

    def item(self, line: bytes) -> Item | None:
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise LineFault("not JSON") from error
        if type(content) is not dict or type(content.get("Item")) is not dict:
            raise LineFault("no object with a member Item")
        item: Item = content["Item"]
        return item


class IonForm:
    """Lines of Ion."""

    def item(self, line: bytes) -> Item | None:
        try:
            return ion.item(line)
        except ion.NoIon as error:
            raise LineFault(str(error)) from error


class CsvForm:
    """Lines of values. types: of the attributes that are not texts."""

    def __init__(self, options: Csv, types: Mapping[str, str]) -> None:
        self._delimiter = options.delimiter
        self._header = options.header
        self._types = types

    def item(self, line: bytes) -> Item | None:
        if self._header is None:
            self._header = self._named(line)
            return None
        values = self._values(line)
        if len(values) != len(self._header):
            raise LineFault(f"{len(values)} values for {len(self._header)} columns")
        columns = zip(self._header, values, strict=True)
        return {name: {self._types.get(name, "S"): value} for name, value in columns}

    def _named(self, line: bytes) -> tuple[str, ...]:
        try:
            names = tuple(self._values(line))
        except LineFault as error:
            raise ObjectFault(f"the header: {error}") from error
        if len(set(names)) != len(names):
            raise ObjectFault("the header names a column twice")
        return names

    def _values(self, line: bytes) -> list[str]:
        try:
            text = line.decode()
            reader = csv.reader([text], delimiter=self._delimiter, strict=True)
            (values,) = reader
        except (UnicodeDecodeError, ValueError, csv.Error) as error:
            raise LineFault("not a line of CSV in UTF-8") from error
        return values


def write_of(table: Table, item: Item) -> Write:
    """The write that puts an item of a line into the table.

    Raises ServiceError for what a put of it would be told.
    """
    canonical, size = items.normalise(item)
    if size > item_bytes_max:
        raise ValidationException("Item size has exceeded the maximum allowed size")
    key = keys.of_item(table, canonical)
    keys.check_index_keys(table, canonical)
    return Write(table, key, Put(canonical, codec.encode(canonical, size)))
