"""What a table is: keys, indexes, billing, stream, time to live, partitions; and its stored form.

A `Table` is a value. Writes read the stored table in the same commit as the items they change, so
what a table is and what its items are never disagree. `version` grows with every change of the
stored table, `TableId` is its identity: a table created again under its name has another.

The stored form is JSON of the fields (`encode`, `decode`); it is pinned by a golden file.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

import orjson

from headwater.storage import keyspace
from headwater.storage.keyspace import BackupId, IndexId, ShardId, TableId
from headwater.streams.log import OpenShard, open_shard
from headwater.streams.window import ViewType
from headwater.tables.override import Override
from headwater.tables.override import decode as decode_override
from headwater.tables.streaming_destination import StreamingDestination, StreamingStatus


class TableStatus(StrEnum):
    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"


class IndexStatus(StrEnum):
    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"


class TimeToLiveStatus(StrEnum):
    """How far a table's time to live is switched on or off; a table without one is disabled."""

    ENABLING = "ENABLING"
    ENABLED = "ENABLED"
    DISABLING = "DISABLING"


class ReplicaStatus(StrEnum):
    """How far another region's replica of a table is; the last two are troubles alone."""

    CREATING = "CREATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"
    REGION_DISABLED = "REGION_DISABLED"
    REPLICATION_NOT_AUTHORIZED = "REPLICATION_NOT_AUTHORIZED"


class TableClass(StrEnum):
    """What a table's storage costs on AWS; here a label."""

    STANDARD = "STANDARD"
    STANDARD_INFREQUENT_ACCESS = "STANDARD_INFREQUENT_ACCESS"


class ProjectionType(StrEnum):
    """Which attributes of an item an index entry holds beside the keys."""

    ALL = "ALL"
    KEYS_ONLY = "KEYS_ONLY"
    INCLUDE = "INCLUDE"


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """A key attribute; type is S, N or B."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KeySchema:
    """The attributes of which a key consists, in order; a global index may have several of each."""

    partition_attributes: tuple[KeyAttribute, ...]
    sort_attributes: tuple[KeyAttribute, ...] = ()

    @property
    def partition(self) -> KeyAttribute:
        """The first attribute of the partition key: the only one, but in a global index."""
        return self.partition_attributes[0]

    @property
    def sort(self) -> KeyAttribute | None:
        """The first attribute of the sort key, if there is one."""
        return self.sort_attributes[0] if self.sort_attributes else None

    def attributes(self) -> tuple[KeyAttribute, ...]:
        return self.partition_attributes + self.sort_attributes

    def names(self) -> tuple[str, ...]:
        return tuple([attribute.name for attribute in self.attributes()])

    def partition_names(self) -> tuple[str, ...]:
        return tuple([attribute.name for attribute in self.partition_attributes])

    def sort_names(self) -> tuple[str, ...]:
        return tuple([attribute.name for attribute in self.sort_attributes])


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned capacity units a second, and when it was last raised and lowered (epoch s).

    decreases: how often it was lowered on the UTC day of `decreased_at`.
    """

    read_units: int
    write_units: int
    increased_at: float | None = None
    decreased_at: float | None = None
    decreases: int = 0


@dataclass(frozen=True, slots=True)
class Units:
    """Read and write units a second of a setting that may name only one of them."""

    reads: int | None = None
    writes: int | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index.

    is_global: else local, sharing the table's partition key and created with it.
    attributes: what is projected beside the keys when the projection is INCLUDE.
    is_backfilling: items from before the index are still being added.
    on_demand_limit: at most so much while the table is on demand; -1 is no limit. warm: what can be
    used at once, where it is more than what the throughput gives.
    """

    name: str
    index_id: IndexId
    is_global: bool
    keys: KeySchema
    projection: ProjectionType
    attributes: tuple[str, ...] = ()
    status: IndexStatus = IndexStatus.ACTIVE
    is_backfilling: bool = False
    throughput: Throughput | None = None
    on_demand_limit: Units | None = None
    warm: Units | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """A range of the hash space from `start` to the next partition's, and its open shard, if any.

    lane: what tells the shard's sequence numbers from those of the table's other shards.
    """

    start: int
    shard_id: ShardId | None = None
    lane: int = 0


@dataclass(frozen=True, slots=True)
class StreamWindow:
    """The enabled stream of a table."""

    label: str
    view: ViewType


@dataclass(frozen=True, slots=True)
class TimeToLive:
    """Items expire at the time, in epoch seconds, that an attribute of theirs holds."""

    attribute: str
    status: TimeToLiveStatus


@dataclass(frozen=True, slots=True)
class Recovery:
    """The table's log is kept so that the table can be restored to a moment.

    since: epoch seconds of the earliest moment. period_days: how far back a moment may be.
    """

    since: float
    period_days: int


@dataclass(frozen=True, slots=True)
class Restoration:
    """Where a restored table's items are from.

    moment: epoch seconds of which they are. backup_arn: None for a moment of the source's log.
    """

    source_arn: str
    source_id: TableId
    moment: float
    backup_arn: str | None = None
    is_in_progress: bool = True


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    """Who may do what, as a client wrote it, and what tells it from other versions."""

    document: str
    revision: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a region's server from hearing of changes; since: epoch seconds."""

    status: ReplicaStatus
    description: str
    since: float


@dataclass(frozen=True, slots=True)
class Replica:
    """Another region's table of the same name, whose items are the same.

    is_remote: its region is a peer's. trouble: why it cannot be reached, and since when.
    """

    region: str
    table_id: TableId
    status: ReplicaStatus
    is_remote: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which change of a shared setting: the how manieth, and the region that made it."""

    count: int
    region: str


@dataclass(frozen=True)
class Table:
    """A table; see the module.

    created_at, to_on_demand_at, class_changed_at: epoch seconds. partitions: by `start`, the first
    at 0; all have an open shard while the log is on, none otherwise. next_lane: for the next shard.
    collection_bytes_max: how large an item collection may be; None where none are counted.
    latest_label: of the latest stream, enabled or not, if there was one. copies: backups being
    made of the table. restores: tables being restored from its log. While there are any of these,
    a deleted table keeps its items. importing: the id of the import that fills the table, which is
    CREATING until it has ended. on_demand_limit, warm: as an index's.
    policies: the table's own under the empty text, those of its streams under their labels.
    replicas: the others of a global table; none of a table that is not one. source_at: epoch
    seconds when a replica was last added from here. departed: tables that were replicas once; who
    names one later has not heard yet. shared: which change each setting is of that all replicas
    have, by its name in `sharing.py`. streaming: the data streams that changes go to, or went to.
    overrides: what the replica of each region has otherwise, as all replicas know it.
    """

    region: str
    name: str
    table_id: TableId
    status: TableStatus
    created_at: float
    keys: KeySchema
    partitions: tuple[Partition, ...]
    indexes: tuple[Index, ...] = ()
    throughput: Throughput | None = None
    to_on_demand_at: float | None = None
    stream: StreamWindow | None = None
    latest_label: str | None = None
    next_lane: int = 0
    is_deletion_protected: bool = False
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)
    time_to_live: TimeToLive | None = None
    collection_bytes_max: int | None = None
    table_class: TableClass = TableClass.STANDARD
    class_changed_at: float | None = None
    recovery: Recovery | None = None
    restoration: Restoration | None = None
    copies: tuple[BackupId, ...] = ()
    restores: tuple[TableId, ...] = ()
    importing: str | None = None
    on_demand_limit: Units | None = None
    warm: Units | None = None
    policies: dict[str, ResourcePolicy] = field(default_factory=dict)
    replicas: tuple[Replica, ...] = ()
    source_at: float | None = None
    departed: tuple[TableId, ...] = ()
    shared: dict[str, Stamp] = field(default_factory=dict)
    streaming: tuple[StreamingDestination, ...] = ()
    overrides: dict[str, Override] = field(default_factory=dict)

    @cached_property
    def key(self) -> bytes:
        """Where the table is stored."""
        return keyspace.table(self.region, self.name)

    @cached_property
    def items_prefix(self) -> bytes:
        return keyspace.items_prefix(self.table_id)

    @cached_property
    def versions_prefix(self) -> bytes:
        return keyspace.versions_prefix(self.table_id)

    @cached_property
    def has_pending_replicas(self) -> bool:
        """Whether another replica is being added or removed."""
        return any(replica.status is not ReplicaStatus.ACTIVE for replica in self.replicas)

    @cached_property
    def is_regrouping(self) -> bool:
        """Whether it is for replication to bring the table into a state that lasts."""
        if self.status is TableStatus.CREATING:
            return bool(self.replicas)
        return self.status is TableStatus.UPDATING and self.has_pending_replicas

    @cached_property
    def collections_prefix(self) -> bytes:
        return keyspace.collections_prefix(self.table_id)

    @cached_property
    def expiries_prefix(self) -> bytes:
        return keyspace.expiries_prefix(self.table_id)

    @cached_property
    def expiry_attribute(self) -> str | None:
        """The attribute whose changes are followed by expiry entries, if there is one."""
        time_to_live = self.time_to_live
        if time_to_live is None or time_to_live.status is TimeToLiveStatus.DISABLING:
            return None
        return time_to_live.attribute

    @cached_property
    def copy_prefixes(self) -> tuple[bytes, ...]:
        """What the keys of the copies of items begin with that writes must take care of."""
        return tuple(keyspace.backup_prefix(self.table_id, backup) for backup in self.copies)

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of every attribute that is a key of the table or of an index."""
        schemas = [self.keys, *(index.keys for index in self.indexes)]
        return {key.name: key.type for schema in schemas for key in schema.attributes()}

    @cached_property
    def has_log(self) -> bool:
        """Whether changes are logged."""
        return self.partitions[0].shard_id is not None

    @cached_property
    def needs_log(self) -> bool:
        """Whether changes are to be logged without a stream, too."""
        return self.recovery is not None or any(not each.status.is_off for each in self.streaming)

    @cached_property
    def indexes_by_name(self) -> dict[str, Index]:
        return {index.name: index for index in self.indexes}

    @cached_property
    def _starts(self) -> list[int]:
        return [partition.start for partition in self.partitions]

    @cached_property
    def _open_shards(self) -> list[OpenShard | None]:
        view = None if self.stream is None else self.stream.view
        return [
            None
            if partition.shard_id is None
            else open_shard(self.table_id, partition.shard_id, partition.lane, view)
            for partition in self.partitions
        ]

    def shard_for(self, partition_hash: bytes) -> OpenShard | None:
        """The open shard for a partition key's hash, or None while the log is off."""
        at = bisect_right(self._starts, int.from_bytes(partition_hash, "big")) - 1
        return self._open_shards[at]

    def changed(self, **changes: Any) -> Table:
        """The table with other fields and the next version."""
        return replace(self, version=self.version + 1, **changes)


_FIELDS = tuple(table_field.name for table_field in fields(Table))


def encode(table: Table) -> bytes:
    """The stored bytes of a table."""
    return orjson.dumps({name: getattr(table, name) for name in _FIELDS})


@lru_cache(maxsize=4096)
def decode(stored: bytes) -> Table:
    """The table of stored bytes; equal bytes give the same object, so `is` tells a change."""
    values: dict[str, Any] = orjson.loads(stored)
    values["status"] = TableStatus(values["status"])
    values["table_class"] = TableClass(values.get("table_class", TableClass.STANDARD))
    values["keys"] = _key_schema(values["keys"])
    values["partitions"] = tuple(Partition(**partition) for partition in values["partitions"])
    values["indexes"] = tuple(_index(index) for index in values["indexes"])
    values["throughput"] = _throughput(values["throughput"])
    values["on_demand_limit"] = _units(values.get("on_demand_limit"))
    values["warm"] = _units(values.get("warm"))
    if (stream := values["stream"]) is not None:
        values["stream"] = StreamWindow(stream["label"], ViewType(stream["view"]))
    if (time_to_live := values.get("time_to_live")) is not None:
        status = TimeToLiveStatus(time_to_live["status"])
        values["time_to_live"] = TimeToLive(time_to_live["attribute"], status)
    if (recovery := values.get("recovery")) is not None:
        values["recovery"] = Recovery(**recovery)
    if (restoration := values.get("restoration")) is not None:
        values["restoration"] = Restoration(**restoration)
    policies = values.get("policies", {})
    values["policies"] = {label: ResourcePolicy(**each) for label, each in policies.items()}
    replicas = values.get("replicas", ())
    values["replicas"] = tuple(_replica(each) for each in replicas)
    values["departed"] = tuple(values.get("departed", ()))
    shared = values.get("shared", {})
    values["shared"] = {name: Stamp(**stamp) for name, stamp in shared.items()}
    values["streaming"] = tuple(
        StreamingDestination(**{**each, "status": StreamingStatus(each["status"])})
        for each in values.get("streaming", ())
    )
    overrides = values.get("overrides", {})
    values["overrides"] = {region: decode_override(each) for region, each in overrides.items()}
    values["copies"] = tuple(values.get("copies", ()))
    values["restores"] = tuple(values.get("restores", ()))
    return Table(**values)


def _replica(values: dict[str, Any]) -> Replica:
    if (trouble := values.get("trouble")) is not None:
        trouble = Trouble(**{**trouble, "status": ReplicaStatus(trouble["status"])})
    status = ReplicaStatus(values["status"])
    is_remote = values.get("is_remote", False)
    return Replica(values["region"], values["table_id"], status, is_remote, trouble)


def _key_schema(values: dict[str, Any]) -> KeySchema:
    if "partition" in values:  # from before keys of several attributes
        sort = values["sort"]
        return KeySchema(_key([values["partition"]]), _key([] if sort is None else [sort]))
    return KeySchema(_key(values["partition_attributes"]), _key(values["sort_attributes"]))


def _key(attributes: list[dict[str, str]]) -> tuple[KeyAttribute, ...]:
    return tuple(KeyAttribute(**attribute) for attribute in attributes)


def _throughput(values: dict[str, Any] | None) -> Throughput | None:
    return None if values is None else Throughput(**values)


def _units(values: dict[str, Any] | None) -> Units | None:
    return None if values is None else Units(**values)


def _index(values: dict[str, Any]) -> Index:
    return Index(
        **{
            **values,
            "keys": _key_schema(values["keys"]),
            "projection": ProjectionType(values["projection"]),
            "attributes": tuple(values["attributes"]),
            "status": IndexStatus(values["status"]),
            "throughput": _throughput(values["throughput"]),
            "on_demand_limit": _units(values.get("on_demand_limit")),
            "warm": _units(values.get("warm")),
        }
    )
