"""What is made of a change before a sink writes it: by a JMESPath expression, or by a function.

Both see a change as `shape` shows it and give an object, the document to be held for the item, or
null: then nothing is to be held for it. Removals are not asked about: they have no document.

A function is invoked with {"sink": name, "changes": [change, ...]} and answers {"documents":
[object or null, ...]}, one for each change in their order. Its failures are tried again without
end, as a destination's are; what it gives beside objects and null is rejected, change by change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import orjson

from headwater.errors import ServiceError
from headwater.limits import function_payload_bytes_max
from headwater.sinks.change import Change, Document, dumps, plain
from headwater.sinks.kind import InvalidSettings, Rejected, SinkUnavailable
from headwater.streams.shard import sequence_text


@dataclass(frozen=True, slots=True)
class Transformed:
    """Changes with their documents, in their order; those that have none of the right form are
    rejected, by their places among those given."""

    changes: Sequence[Change]
    rejected: Sequence[Rejected] = ()


class Transform(Protocol):
    """Makes the documents of changes."""

    async def apply(self, changes: Sequence[Change]) -> Transformed:
        """The same changes with their documents. Raises SinkUnavailable if that cannot be done
        now."""


class Whole:
    """`Transform` of a sink that has none: the document is the new image."""

    async def apply(self, changes: Sequence[Change]) -> Transformed:
        return Transformed(changes)


class Expression:
    """`Transform` by a JMESPath expression."""

    def __init__(self, text: str) -> None:
        """Raises InvalidSettings."""
        # Loaded where it is used: few servers have a sink with an expression.
        import jmespath  # noqa: PLC0415 - see above
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - see above

        self._error: type[Exception] = JMESPathError
        try:
            self._expression = jmespath.compile(text)
        except JMESPathError as error:
            raise InvalidSettings(f"the transform is no JMESPath expression: {error}") from error

    async def apply(self, changes: Sequence[Change]) -> Transformed:
        made: list[Change] = []
        rejected: list[Rejected] = []
        for index, change in enumerate(changes):
            document: Any = None
            if change.new is not None:
                try:
                    document = self._expression.search(shape(change))
                except self._error as error:
                    rejected.append(Rejected(index, f"The transform fails: {error}"))
                    continue
            _take(made, rejected, (index, change), document)
        return Transformed(made, rejected)


Invoke: TypeAlias = Callable[[str, str, bytes], Awaitable[bytes]]
"""Runs a function of a region, by its name with its qualifier, with a payload; gives its result.

Raises ServiceError, or FunctionFailed.
"""


class FunctionFailed(Exception):
    """A function ended with an error; the text is its kind."""


class ByFunction:
    """`Transform` by a function."""

    def __init__(self, sink: tuple[str, str], function: str, invoke: Invoke) -> None:
        """sink: its region and name."""
        self._region, self._name = sink
        self._function = function
        self._invoke = invoke

    async def apply(self, changes: Sequence[Change]) -> Transformed:
        asked = [(index, change) for index, change in enumerate(changes) if change.new is not None]
        documents: dict[int, Any] = {}
        for part in _parts([(index, dumps(shape(change))) for index, change in asked]):
            documents.update(await self._ask(part))
        made: list[Change] = []
        rejected: list[Rejected] = []
        for index, change in enumerate(changes):
            _take(made, rejected, (index, change), documents.get(index))
        return Transformed(made, rejected)

    async def _ask(self, part: Sequence[tuple[int, bytes]]) -> dict[int, Any]:
        shapes = b",".join(each for _, each in part)
        payload = b'{"sink":%b,"changes":[%b]}' % (orjson.dumps(self._name), shapes)
        try:
            result = await self._invoke(self._region, self._function, payload)
            documents = orjson.loads(result)["documents"]
        except ServiceError as error:
            raise SinkUnavailable(f"The function {self._function}: {error}") from error
        except FunctionFailed as error:
            raise SinkUnavailable(f"The function {self._function} failed: {error}") from error
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SinkUnavailable(f"{self._function} does not answer with documents") from error
        if not isinstance(documents, list) or len(documents) != len(part):
            raise SinkUnavailable(f"{self._function} does not answer with {len(part)} documents")
        return {index: document for (index, _), document in zip(part, documents, strict=True)}


def shape(change: Change) -> Document:
    """A change as transforms see it."""
    return {
        "event": change.event.value,
        "id": change.id,
        "sequence_number": sequence_text(change.version),
        "time": moment(change.time_us),
        "by_service": change.is_by_service,
        "keys": plain(change.keys),
        "new": None if change.new is None else plain(change.new),
        "old": None if change.old is None else plain(change.old),
    }


def outcome(change: Change) -> Document:
    """A whole change as it is written: its document stands for the new image."""
    return {**shape(change), "new": change.document}


def moment(time_us: int) -> str:
    """Microseconds since the epoch as ISO 8601 in UTC, always with all six digits."""
    seconds, microseconds = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{microseconds:06d}Z"


def _take(
    made: list[Change], rejected: list[Rejected], asked: tuple[int, Change], document: Any
) -> None:
    index, change = asked
    if document is None or isinstance(document, dict):
        made.append(replace(change, document=document))
    else:
        made_of = type(document).__name__
        rejected.append(Rejected(index, f"The transform makes a {made_of} of it, not an object"))


def _parts(shapes: Sequence[tuple[int, bytes]]) -> list[list[tuple[int, bytes]]]:
    """Shapes in parts that a function takes at once."""
    parts: list[list[tuple[int, bytes]]] = []
    room = 0
    for index, each in shapes:
        if not parts or len(each) + 1 > room:
            parts.append([])
            room = function_payload_bytes_max - 1024
        parts[-1].append((index, each))
        room -= len(each) + 1
    return parts
