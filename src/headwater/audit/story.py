"""What a stream's records tell, one after the other: each must begin where the last one ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Protocol

from headwater.audit.report import FAULTS_MAX
from headwater.storage.keyspace import SequenceNumber
from headwater.streams.entry import Entry, Kind
from headwater.streams.shard import Shard, sequence_text

_KINDS: Final = {(False, True): Kind.INSERT, (True, True): Kind.MODIFY, (True, False): Kind.REMOVE}
_DIGEST_BYTES: Final = 16
GONE: Final = b""


def digest(image: bytes) -> bytes:
    """What stands for an image; empty for none."""
    return blake2b(image, digest_size=_DIGEST_BYTES).digest() if image else GONE


class Images(Protocol):
    """The digest of the latest image of every item, by its key's JSON; `GONE` of one that is gone.

    `storage.scratch.Scratch` keeps them on disk, `MemoryImages` in memory.
    """

    def get(self, key: bytes) -> bytes | None: ...

    def put(self, key: bytes, value: bytes) -> None: ...

    def clear(self) -> None: ...

    def items(self) -> Iterable[tuple[bytes, bytes]]: ...


class MemoryImages(dict[bytes, bytes]):
    """`Images` in memory."""

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value


@dataclass(slots=True)
class Story:
    """What a stream's records have told so far. faults: the first of them, in words.

    touched: keys changed since it was last cleared, if somebody asks. is_whole: nothing is missing
    from the table's beginning on. of_data: the records are those of a data stream, and no changes.
    """

    is_whole: bool
    images: Images = field(default_factory=MemoryImages)
    records: int = 0
    shards: int = 0
    faults: list[str] = field(default_factory=list)
    touched: set[bytes] | None = None
    of_data: bool = False

    def fault(self, text: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(text)

    def forget(self) -> None:
        """Judge no record by those before: some are lost."""
        self.is_whole = False
        self.images.clear()

    def tell(self, shard: Shard, number: SequenceNumber, entry: Entry) -> None:
        """Take in the next record of a shard."""
        self.records += 1
        where = f"{shard.shard_id} {sequence_text(number, shard.shard_id)}"
        if self.of_data:
            if entry.kind is not Kind.RECORD or not entry.keys.body or entry.old.body:
                self.fault(f"{where}: it is no record of a data stream")
            return
        key, old, new = entry.keys.body, entry.old.body, entry.new.body
        if _KINDS.get((bool(old), bool(new))) is not entry.kind:
            self.fault(f"{where}: {entry.kind.name} does not go with its images")
        if old == new:
            self.fault(f"{where}: it changes nothing")
        before = self.images.get(key)
        if before is None and self.is_whole:
            before = GONE
        if before is not None and before != digest(old):
            self.fault(f"{where}: the old image is not the item's image before")
        self.images.put(key, digest(new))
        if self.touched is not None:
            self.touched.add(key)
