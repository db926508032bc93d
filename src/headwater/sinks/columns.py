"""The schema of a sink, kept with it: all its writers have the same columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from headwater.sinks import schema as schemas
from headwater.sinks.change import Document
from headwater.sinks.notes import Notes
from headwater.sinks.schema import Schema

_NAME: Final = "schema"


class Columns:
    """See the module. warn: is told of every new column. columns_max: that the sink can have."""

    def __init__(
        self, notes: Notes, warn: Callable[[str], None], columns_max: int = schemas.columns_max
    ) -> None:
        self._notes = notes
        self._warn = warn
        self._columns_max = columns_max
        self._stored: bytes | None = None
        self._schema = Schema()

    async def load(self) -> Schema:
        """The schema as it is stored now."""
        self._stored = await self._notes.get(_NAME)
        self._schema = Schema() if self._stored is None else schemas.decode(self._stored)
        return self._schema

    async def fit(self, documents: Iterable[Document]) -> Schema:
        """A schema with columns for all values of documents, once it is stored."""
        given = list(documents)
        while True:
            before = self._stored
            evolved = schemas.evolved(self._schema, given, self._columns_max)
            if evolved.schema == self._schema:
                return self._schema
            encoded = schemas.encode(evolved.schema)
            if await self._notes.swap({_NAME: before}, {_NAME: encoded}):
                self._stored, self._schema = encoded, evolved.schema
                for warning in evolved.warnings:
                    self._warn(warning)
                return self._schema
            await self.load()  # another has added to it
