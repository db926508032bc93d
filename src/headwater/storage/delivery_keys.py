"""Keys of whoever reads changes and of what is on its way to its destination; see `keyspace`.

Mappings, links between replicas, sinks, consumers outside and where all of them stand; queues and
the outbox.
"""

from __future__ import annotations

from uuid import UUID

from headwater.storage.keyspace import (
    SEPARATOR,
    Setting,
    ShardId,
    TableId,
    setting,
    shard_bytes,
    shard_id_of,
    table_bytes,
)
from headwater.values.order import after_prefix


def link(source: TableId, target: TableId) -> bytes:
    """Where it is stored how far a replica's changes have come to another."""
    return b"r" + table_bytes(source) + table_bytes(target)


def every_link_span() -> tuple[bytes, bytes]:
    return b"r", b"s"


def mapping(region: str, uuid: str) -> bytes:
    return b"m%b\x00%b" % (region.encode(), uuid.encode())


def mappings_span(region: str, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the mappings of a region whose ids come after one."""
    prefix = b"m%b\x00" % region.encode()
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def mapping_pair(region: str, digest: bytes) -> bytes:
    """Where the mapping of a stream and a function is named; digest: of the two."""
    return b"n%b\x00%b" % (region.encode(), digest)


def every_mapping_span() -> tuple[bytes, bytes]:
    return b"m", b"n"


def checkpoint(consumer: str, table_id: TableId, shard_id: ShardId) -> bytes:
    return b"k%b\x00" % consumer.encode() + table_bytes(table_id) + shard_bytes(shard_id)


def checkpoints_span(consumer: str) -> tuple[bytes, bytes]:
    prefix = b"k%b\x00" % consumer.encode()
    return prefix, after_prefix(prefix)


def checkpoints_of(key: bytes) -> bytes:
    """What the keys of all checkpoints of a checkpoint's consumer begin with."""
    return key[:-28]


def shard_of_checkpoint(key: bytes) -> tuple[TableId, ShardId]:
    """The table and the shard of a checkpoint's key."""
    return TableId(str(UUID(bytes=key[-28:-12]))), shard_id_of(key[-12:])


def registration(region: str, name: str) -> bytes:
    return b"w%b\x00%b" % (region.encode(), name.encode())


def registrations_span(region: str) -> tuple[bytes, bytes]:
    """Start and stop of the consumers outside the server that are registered in a region."""
    prefix = b"w%b\x00" % region.encode()
    return prefix, after_prefix(prefix)


def every_registration_span() -> tuple[bytes, bytes]:
    return b"w", b"x"


def sink(region: str, name: str) -> bytes:
    return b"Ss%b\x00%b" % (region.encode(), name.encode())


def sinks_span(region: str) -> tuple[bytes, bytes]:
    """Start and stop of the sinks of a region."""
    prefix = b"Ss%b\x00" % region.encode()
    return prefix, after_prefix(prefix)


def every_sink_span() -> tuple[bytes, bytes]:
    return b"Ss", b"St"


def sink_progress(sink_id: str) -> bytes:
    """Where it is stored how far a sink's items have been written."""
    return b"Sp" + UUID(sink_id).bytes


def every_sink_progress_span() -> tuple[bytes, bytes]:
    return b"Sp", b"Sq"


def sink_of_progress(key: bytes) -> str:
    return str(UUID(bytes=key[2:18]))


def every_sink_note_span() -> tuple[bytes, bytes]:
    return b"Sn", b"So"


def sink_of_note(key: bytes) -> str:
    return str(UUID(bytes=key[2:18]))


def sink_note(sink_id: str, name: str) -> bytes:
    """Where a sink's writer keeps something."""
    return b"Sn" + UUID(sink_id).bytes + name.encode()


def sink_notes_span(sink_id: str) -> tuple[bytes, bytes]:
    prefix = b"Sn" + UUID(sink_id).bytes
    return prefix, after_prefix(prefix)


def queue(region: str, name: str) -> bytes:
    return b"qq%b\x00%b" % (region.encode(), name.encode())


def every_queue_span() -> tuple[bytes, bytes]:
    return b"qq", b"qr"


def queued_prefix(queue_id: str) -> bytes:
    """What the keys of a queue's messages begin with; visible moment and message id follow."""
    return b"qm" + bytes.fromhex(queue_id)


def queued(queue_id: str, visible_us: int, message_id: str) -> bytes:
    """Where a queue's message is stored that can be received from a moment on (microseconds)."""
    return queued_prefix(queue_id) + visible_us.to_bytes(8, "big") + UUID(message_id).bytes


def visible_us_of_queued(key: bytes) -> int:
    return int.from_bytes(key[-24:-16], "big")


def message_id_of_queued(key: bytes) -> str:
    return str(UUID(bytes=key[-16:]))


def message(due_us: int, token: bytes) -> bytes:
    """Where a message waits in the outbox; token: eight random bytes."""
    return b"o" + due_us.to_bytes(8, "big") + token


def outbox_span() -> tuple[bytes, bytes]:
    return b"o", b"p"


def due_us_of_message(key: bytes) -> int:
    """When a message in the outbox is due, in microseconds since the epoch."""
    return int.from_bytes(key[1:9], "big")


def message_count() -> bytes:
    """Where it is stored how many messages wait in the outbox."""
    return setting(Setting.MESSAGE_COUNT)
