r"""The one map of what is stored under which key.

Ids are fixed in length, so a prefix of them is exact; a part of variable length that is not the
last is a region, a name or an escaped key value, and ends in 0x00 (names hold no such byte,
`values.order` escapes it).

    c t <region> 0 <table name>                       table: definition, status, partitions
    c f <key of a table>                              a table whose changes go to a data stream
    c s <region> 0 <table name> 0 <label>             stream: one incarnation of a table's stream
    c b <region> 0 <table name> 0 <backup id>         backup: of what, in which state
    c d <region> 0 <stream name>                      data stream: definition, status, open shards
    c e <data stream 16> <consumer name>              consumer registered with a data stream
    b <table 16> <backup 12> <hash 8> <partition key> <sort key>   item of a backup
    s <table 16> <shard 12>                           shard: lineage and range
    h <table 16> <shard 12>                           head: last sequence number, state
    p <table 16> <shard 12>                           trim point: up to which it was trimmed by hand
    i <table 16> <hash 8> <partition key> <sort key>  item
    d <table 16> <hash 8> <partition key> <sort key>  version of an item of a global table
    r <table 16> <table 16>                           link from one replica to another
    x <table 16> <index 8> <hash 8> <index key> <base key>   index entry
    y <table 16> <hash 8> <partition key>             size of an item collection
    e <table 16>                                      key of a table whose items expire
    e <table 16> <seconds 8> <hash 8> <partition key> <sort key>   when an item expires
    l <table 16> <shard 12> <sequence number 8>       log entry
    t <account's token>                               transaction already made
    u <key of a table>                                a table in a state that passes
    f <region> 0 <function name>                      function
    v v <region> 0 <function name> 0 <number 8>       published version of a function
    v l <region> 0 <layer name> 0 <number 8>          version of a layer
    v c <region> 0 <layer name>                       number last given to a layer's version
    v d <due, microseconds 8> <id 16>                 asynchronous invocation: who, what, when
    v p <id 16>                                       its payload
    v r <region>                                      concurrency that functions have reserved
    v z <sha-256 32>                                  that this code is kept; nothing else
    z <sha-256 32>                                    code of functions and layers
    m <region> 0 <mapping uuid>                       event source mapping
    n <region> 0 <sha-256 32>                         the mapping that joins a stream and a function
    j e <region> 0 <table name> 0 <export id>         export
    j i <region> 0 <table name> 0 <import id>         import
    j t <kind 1> <region> 0 <client token>            the export or import that a token asked for
    k <consumer> 0 <table 16> <shard 12>              lease and checkpoint of a consumer on a shard
    w <region> 0 <consumer name>                      consumer outside the server, registered
    S s <region> 0 <sink name>                        sink
    S p <sink 16>                                     how far its items have been written
    S n <sink 16> <name>                              what its writer keeps
    q q <region> 0 <queue name>                       queue
    q m <queue id 16> <visible 8> <message id 16>     message of a queue; visible: microseconds
    o <due 8> <random 8>                              message in the outbox; due: microseconds
    a                                                 lease of the process that leads
    g <name>                                          the store's own: see Setting

Hash order is scan order; within one partition key, sort keys are in order. A data stream's log is
stored as a table's is, under the data stream's id. The keys of functions are made in
`function_keys`, those of consumers, links, sinks, queues and the outbox in `delivery_keys`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from headwater.values.order import after_prefix

TableId = NewType("TableId", str)
"""A table's UUID, or a data stream's; what is created again under its name has another."""

IndexId = NewType("IndexId", str)
"""16 hexadecimal digits; an index that is created again under its name has another."""

ShardId = NewType("ShardId", str)
"""As AWS forms it: `shardId-<20 digits, epoch milliseconds>-<8 hexadecimal digits>` for shards of
tables, `shardId-<12 digits>`, counted from zero, for those of data streams."""

BackupId = NewType("BackupId", str)
"""`<14 digits, epoch milliseconds>-<8 hexadecimal digits>`, as AWS forms it."""

SequenceNumber = NewType("SequenceNumber", int)
"""A place in a shard's log, as stored: 64 bits, growing along every lineage."""

SEPARATOR: Final = b"\x00"
_COUNTED: Final = 2**63  # added to the number of a shard that is told by it alone


class Setting(StrEnum):
    """What a store keeps one of: counts, secrets, its clock."""

    MESSAGE_COUNT = "messages"
    CODE_NAMED_COUNT = "code-named"
    ITERATOR_SECRET = "shard-iterator-secret"  # noqa: S105 - a name
    LAB_CLOCK = "lab-clock"


def table(region: str, name: str) -> bytes:
    return b"ct%b\x00%b" % (region.encode(), name.encode())


def tables_span(region: str, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the tables of a region whose names come after one."""
    prefix = b"ct%b\x00" % region.encode()
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def every_table_span() -> tuple[bytes, bytes]:
    return b"ct", b"cu"


def unsettled(table_key: bytes) -> bytes:
    """Where it is marked that a table is in a state that passes."""
    return b"u" + table_key


def unsettled_span() -> tuple[bytes, bytes]:
    return b"u", b"v"


def table_of_unsettled(key: bytes) -> bytes:
    """The key of the table that is marked."""
    return key[1:]


def stream(region: str, table_name: str, label: str) -> bytes:
    return b"cs%b\x00%b\x00%b" % (region.encode(), table_name.encode(), label.encode())


def streams_span(region: str, table_name: str | None = None) -> tuple[bytes, bytes]:
    """Start and stop of the streams of a region, or of one table's name in it."""
    prefix = b"cs%b\x00" % region.encode()
    if table_name is not None:
        prefix += table_name.encode() + SEPARATOR
    return prefix, after_prefix(prefix)


def every_stream_span() -> tuple[bytes, bytes]:
    return b"cs", b"ct"


def backup(region: str, table_name: str, backup_id: BackupId) -> bytes:
    return b"cb%b\x00%b\x00%b" % (region.encode(), table_name.encode(), backup_id.encode())


def backups_span(region: str, table_name: str | None = None) -> tuple[bytes, bytes]:
    """Start and stop of the backups of a region, or of one table's name in it."""
    prefix = b"cb%b\x00" % region.encode()
    if table_name is not None:
        prefix += table_name.encode() + SEPARATOR
    return prefix, after_prefix(prefix)


def every_backup_span() -> tuple[bytes, bytes]:
    return b"cb", b"cc"


def data_stream(region: str, name: str) -> bytes:
    return b"cd%b\x00%b" % (region.encode(), name.encode())


def data_streams_span(region: str, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the data streams of a region whose names come after one."""
    prefix = b"cd%b\x00" % region.encode()
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def every_data_stream_span() -> tuple[bytes, bytes]:
    return b"cd", b"ce"


def stream_consumer(stream_id: TableId, name: str) -> bytes:
    return b"ce" + table_bytes(stream_id) + name.encode()


def stream_consumers_span(stream_id: TableId, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the consumers of a data stream whose names come after one."""
    prefix = b"ce" + table_bytes(stream_id)
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def streaming(table_key: bytes) -> bytes:
    """Where it is marked that a table's changes go to a data stream, or went."""
    return b"cf" + table_key


def every_streaming_span() -> tuple[bytes, bytes]:
    return b"cf", b"cg"


def table_of_streaming(key: bytes) -> bytes:
    """The key of the table that is marked."""
    return key[2:]


def data_stream_spans(stream_id: TableId) -> list[tuple[bytes, bytes]]:
    """Start and stop of all there is of a data stream beside its definition, its log first."""
    prefixes = [kind + table_bytes(stream_id) for kind in (b"l", b"h", b"p", b"s", b"ce")]
    return [(prefix, after_prefix(prefix)) for prefix in prefixes]


def every_stream_consumer_span() -> tuple[bytes, bytes]:
    return b"ce", b"cf"


def backup_prefix(table_id: TableId, backup_id: BackupId) -> bytes:
    """What every key of a backup's items begins with; hash, partition key and sort key follow."""
    milliseconds, suffix = backup_id.split("-")
    return (
        b"b" + table_bytes(table_id) + int(milliseconds).to_bytes(8, "big") + bytes.fromhex(suffix)
    )


def table_bytes(table_id: TableId) -> bytes:
    """The 16 bytes that stand for a table within keys."""
    return UUID(table_id).bytes


def shard_bytes(shard_id: ShardId) -> bytes:
    """The 12 bytes that stand for a shard within keys; their order is the order of shard ids."""
    _, number, *suffix = shard_id.split("-")
    if not suffix:
        return (_COUNTED + int(number)).to_bytes(8, "big") + bytes(4)
    return int(number).to_bytes(8, "big") + bytes.fromhex(suffix[0])


def shard_id_of(stored: bytes) -> ShardId:
    """The shard that 12 bytes within keys stand for."""
    number = int.from_bytes(stored[:8], "big")
    if number >= _COUNTED:
        return counted_shard_id(number - _COUNTED)
    return ShardId(f"shardId-{number:020d}-{stored[8:].hex()}")


def counted_shard_id(number: int) -> ShardId:
    """The id of a shard of a data stream."""
    return ShardId(f"shardId-{number:012d}")


def is_counted(shard_id: ShardId) -> bool:
    """Whether a shard is one of a data stream."""
    return shard_id.count("-") == 1


def shard(table_id: TableId, shard_id: ShardId) -> bytes:
    return b"s" + table_bytes(table_id) + shard_bytes(shard_id)


def shards_span(table_id: TableId) -> tuple[bytes, bytes]:
    prefix = b"s" + table_bytes(table_id)
    return prefix, after_prefix(prefix)


def every_shard_span() -> tuple[bytes, bytes]:
    return b"s", b"t"


def table_of_shard(key: bytes) -> TableId:
    """The table of a shard's key."""
    return TableId(str(UUID(bytes=key[1:17])))


def head(table_id: TableId, shard_id: ShardId) -> bytes:
    return b"h" + table_bytes(table_id) + shard_bytes(shard_id)


def every_head_span() -> tuple[bytes, bytes]:
    return b"h", b"i"


def shard_of_head(key: bytes) -> tuple[TableId, ShardId]:
    """The table and the shard of a head's key."""
    return TableId(str(UUID(bytes=key[1:17]))), shard_id_of(key[17:])


def trim_point(table_id: TableId, shard_id: ShardId) -> bytes:
    return b"p" + table_bytes(table_id) + shard_bytes(shard_id)


def every_trim_point_span() -> tuple[bytes, bytes]:
    return b"p", b"q"


def log_prefix(table_id: TableId, shard_id: ShardId) -> bytes:
    """What every log key of a shard begins with; eight bytes of sequence number follow."""
    return b"l" + table_bytes(table_id) + shard_bytes(shard_id)


def items_prefix(table_id: TableId) -> bytes:
    """What every item key of a table begins with; hash, partition key and sort key follow."""
    return b"i" + table_bytes(table_id)


def versions_prefix(table_id: TableId) -> bytes:
    """What the keys of the versions of a table's items begin with; what follows is as in theirs."""
    return b"d" + table_bytes(table_id)


def index_prefix(table_id: TableId, index_id: IndexId) -> bytes:
    """What every entry key of an index begins with; hash, index key and base key follow."""
    return b"x" + table_bytes(table_id) + bytes.fromhex(index_id)


def indexes_span(table_id: TableId) -> tuple[bytes, bytes]:
    """Start and stop of the entries of all of a table's indexes."""
    prefix = b"x" + table_bytes(table_id)
    return prefix, after_prefix(prefix)


def collections_prefix(table_id: TableId) -> bytes:
    """What the keys of a table's sizes of item collections begin with; hash and partition key
    follow."""
    return b"y" + table_bytes(table_id)


def expiries_prefix(table_id: TableId) -> bytes:
    """Where a table whose items expire is named, and what its expiry entries' keys begin with."""
    return b"e" + table_bytes(table_id)


def expiries_prefix_of(key: bytes) -> bytes:
    """The prefix that a key in `every_expiry_span` begins with."""
    return key[:17]


def every_expiry_span() -> tuple[bytes, bytes]:
    return b"e", b"f"


def transaction(region: str, token: str) -> bytes:
    return b"t%b\x00%b" % (region.encode(), token.encode())


def transactions_span(region: str | None = None) -> tuple[bytes, bytes]:
    """The tokens of a region, or of all."""
    if region is None:
        return b"t", b"u"
    return b"t%b\x00" % region.encode(), b"t%b\x01" % region.encode()


def job(kind: bytes, region: str, table_name: str, job_id: str) -> bytes:
    """Where an export or an import is stored; kind: `e` or `i`."""
    return b"j%b%b\x00%b\x00%b" % (kind, region.encode(), table_name.encode(), job_id.encode())


def jobs_span(kind: bytes, region: str, table_name: str | None = None) -> tuple[bytes, bytes]:
    """Start and stop of a region's jobs of a kind, or of those of one table's name."""
    prefix = b"j%b%b\x00" % (kind, region.encode())
    if table_name is not None:
        prefix += table_name.encode() + SEPARATOR
    return prefix, after_prefix(prefix)


def every_job_span(kind: bytes) -> tuple[bytes, bytes]:
    prefix = b"j" + kind
    return prefix, after_prefix(prefix)


def kind_of_job(key: bytes) -> bytes:
    """What the keys of all jobs of a job's kind begin with."""
    return key[:2]


def job_token(kind: bytes, region: str, token: str) -> bytes:
    return b"jt%b%b\x00%b" % (kind, region.encode(), token.encode())


def leader() -> bytes:
    """The lease of the process that does what one alone may do."""
    return b"a"


def setting(name: Setting) -> bytes:
    return b"g" + name.encode()


def settings_span() -> tuple[bytes, bytes]:
    return b"g", b"h"
