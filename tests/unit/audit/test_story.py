from __future__ import annotations

from headwater.audit.story import Story
from headwater.clock import SeededChance
from headwater.storage.keyspace import SequenceNumber
from headwater.streams.entry import NO_IMAGE, Entry, Image, Kind
from headwater.streams.shard import HASH_MAX, HashRange, Opening, open_root


def test_kind_that_does_not_go_with_the_images_is_a_fault() -> None:
    story = Story(is_whole=True)
    shard, _ = open_root(Opening("label", 0, SeededChance(1)), HashRange(0, HASH_MAX), 0)
    entry = Entry(Kind.MODIFY, 0, Image(b"{}", 1), Image(b'{"a":1}', 1), NO_IMAGE)

    story.tell(shard, SequenceNumber(1), entry)

    assert len(story.faults) == 1
    assert "MODIFY does not go with its images" in story.faults[0]
