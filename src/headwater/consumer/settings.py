"""How a consumer behaves: every figure by name, with what AWS's limits suggest."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.consumer.position import TRIM_HORIZON, Start

_RECORDS_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """How shards are read, with or without leases.

    batch_records_max: records of one page, and so of one batch; the service's limit is 1,000.
    deserializes: whether images are Python values (boto3's TypeDeserializer) or DynamoDB's form.
    idle_seconds: between looks at a shard that had nothing; AWS answers about five a second.
    discovery_seconds: between listings of all shards. Children of a shard that was read to its end
    are looked for at once; the listing finds what that missed.
    back_off_seconds_first, back_off_seconds_max: waits after refused calls and failed deliveries.
    """

    batch_records_max: int = _RECORDS_MAX
    deserializes: bool = False
    idle_seconds: float = 1.0
    discovery_seconds: float = 60.0
    back_off_seconds_first: float = 0.2
    back_off_seconds_max: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.batch_records_max <= _RECORDS_MAX:
            raise ValueError(f"batch_records_max must be 1 to {_RECORDS_MAX}")
        seconds = (self.idle_seconds, self.discovery_seconds, self.back_off_seconds_first)
        if min(seconds) <= 0 or self.back_off_seconds_max < self.back_off_seconds_first:
            raise ValueError("seconds must be more than nought, the greatest not below the first")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings(ReadSettings):
    """How a consumer with leases behaves.

    stream: a stream's ARN, or a table's name for the stream that it has at the start.
    application: name of the lease table; consumers with the same share the stream's shards.
    start: where to begin if the application has never read the stream. Later it does not count.
    owner: this consumer's name in the lease table; unlike any other's, so made up if not given.
    lease_seconds: how long a consumer may be silent before others take its shards.
    checkpoint_seconds: the least between two checkpoints of a shard; at its end, and when it is
    handed over, the position is stored whatever this says.
    has_manual_checkpoints: positions move only by `Batch.confirm` and `Batch.checkpoint`.
    attempts_max: deliveries of a batch before the consumer stops with its handler's error; None is
    no limit. A batch is never left out.
    """

    stream: str
    application: str
    start: Start = TRIM_HORIZON
    owner: str | None = None
    lease_seconds: float = 10.0
    checkpoint_seconds: float = 0.0
    has_manual_checkpoints: bool = False
    attempts_max: int | None = None

    def __post_init__(self) -> None:
        ReadSettings.__post_init__(self)
        if not self.lease_seconds > 0 or self.checkpoint_seconds < 0:
            raise ValueError("lease_seconds must be more than nought, checkpoint_seconds not less")
        if self.attempts_max is not None and self.attempts_max < 1:
            raise ValueError("attempts_max must be at least 1")
