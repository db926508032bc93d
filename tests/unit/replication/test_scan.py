from __future__ import annotations

import pytest

from headwater.replication.scan import percent
from headwater.storage.keyspace import TableId
from headwater.tables import partitions
from headwater.tables.schema import KeyAttribute, KeySchema, Table, TableStatus, Units

TABLE = Table(
    "us-east-1",
    "music",
    TableId("00000000-0000-0000-0000-000000000001"),
    TableStatus.ACTIVE,
    1.0,
    KeySchema((KeyAttribute("k", "S"),)),
    partitions.initial(Units(), 1),
)


@pytest.mark.parametrize(
    ("after", "hundredths"),
    [
        (b"", 0),
        (TABLE.items_prefix + bytes(8) + b"key", 0),
        (TABLE.items_prefix + b"\x40" + bytes(7) + b"key", 25),
        (TABLE.items_prefix + b"\xff" * 8 + b"key", 99),
        (TABLE.versions_prefix + bytes(8) + b"key", 99),
    ],
)
def test_what_is_sent_is_told_by_the_hashes_that_are_passed(after: bytes, hundredths: int) -> None:
    assert percent(TABLE, after) == hundredths
