"""Whether a sink holds what its table holds: the items as its writer would be given them, and what
is at the destination.

What is written meanwhile is told as a fault, so the sink is to have caught up, and the table to
rest. It holds a digest of every item in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson

from headwater.sinks.change import Document, dumps

_TOLD_MAX: Final = 100
_DIGEST_BYTES: Final = 16


@dataclass(slots=True)
class Verdict:
    """How a comparison ended. count: of faults; the first of them are told."""

    items: int = 0
    count: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        self.count += 1
        if len(self.faults) < _TOLD_MAX:
            self.faults.append(text)


class Comparison:
    """Two sets of documents by key, of which the first is as it should be."""

    def __init__(self) -> None:
        self._expected: dict[bytes, bytes] = {}

    def expect(self, key: Any, document: Any) -> None:
        """Note what should be held under a key of plain JSON."""
        self._expected[_canonical(key)] = _digest(document)

    async def verdict(self, held: AsyncIterator[tuple[Any, Any]]) -> Verdict:
        """Compare with what is held, each key once."""
        verdict = Verdict(items=len(self._expected))
        left = dict(self._expected)
        async for key, document in held:
            name = _canonical(key)
            expected = left.pop(name, None)
            if expected is None:
                verdict.fault(f"{name.decode()} is held and should not be")
            elif expected != _digest(document):
                verdict.fault(f"{name.decode()} is held otherwise than it should be")
        for name in left:
            verdict.fault(f"{name.decode()} is not held")
        return verdict


def without_null(document: Document) -> Document:
    """A document as places keep it that do not tell null from absent."""
    return {name: value for name, value in document.items() if value is not None}


async def each(pairs: Iterable[tuple[Any, Any]]) -> AsyncIterator[tuple[Any, Any]]:
    """Pairs that are there already, as `verdict` takes them."""
    for pair in pairs:
        yield pair


def _digest(document: Any) -> bytes:
    return blake2b(_canonical(document), digest_size=_DIGEST_BYTES).digest()


def _canonical(value: Any) -> bytes:
    """JSON that is the same for the same value, however its numbers were read."""
    loaded = orjson.loads(dumps(value))
    return orjson.dumps(loaded, option=orjson.OPT_SORT_KEYS)
