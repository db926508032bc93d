"""Who reads a shard at present, told apart by the chains of their iterators.

A request does not say which process it is from. But every reader goes on with the iterator that its
last page gave it, so whoever comes with another one, or with another access key, is another reader.
One that repeats its request comes with the iterator before. Who has not read for a while has left.

Iterators at the same place that were issued in the same millisecond are the same text: readers of
one access key that start together count as one until they part.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.limits import lab_reader_seconds

Token = tuple[str | None, str | None]
"""An access key and an iterator, as far as there are any."""


@dataclass(slots=True)
class _Reader:
    before: Token
    next: Token
    seen_at: float


class ShardReaders:
    """The present readers of shards; a shard is named by whatever is unlike any other's name."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], list[_Reader]] = {}

    def number(self, shard: tuple[str, str], token: Token, now: float) -> int:
        """Which of the shard's readers comes with a token, from 1; a new one is the last."""
        present = [
            reader
            for reader in self._readers.get(shard, ())
            if now - reader.seen_at < lab_reader_seconds
        ]
        self._readers[shard] = present
        for number, reader in enumerate(present, 1):
            if token in (reader.next, reader.before):
                return number
        return len(present) + 1

    def admit(self, shard: tuple[str, str], asked: Token, given: Token, now: float) -> None:
        """Note that a reader came with one token and was given another."""
        number = self.number(shard, asked, now)
        present = self._readers[shard]
        if number > len(present):
            present.append(_Reader(asked, given, now))
        else:
            present[number - 1] = _Reader(asked, given, now)
