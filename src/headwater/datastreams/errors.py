"""What a client of data streams is told.

Texts: observed on AWS, API Reference of each operation; where AWS's is not known ours is in its
manner.
"""

from __future__ import annotations

from headwater.errors import (
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.limits import data_stream_shards_max


def stream_missing(name: str, account: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Stream {name} under account {account} not found.")


def stream_exists(name: str, account: str) -> ResourceInUseException:
    return ResourceInUseException(f"Stream {name} under account {account} already exists.")


def not_active(name: str, account: str, status: str) -> ResourceInUseException:
    return ResourceInUseException(
        f"Stream {name} under account {account} not ACTIVE, instead in state {status}"
    )


def shard_missing(shard_id: str, name: str, account: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        f"Shard {shard_id} in stream {name} under account {account} does not exist"
    )


def shard_not_found(shard_id: str, name: str, account: str) -> ResourceNotFoundException:
    """What is said where a shard is to be changed."""
    return ResourceNotFoundException(
        f"Could not find shard {shard_id} in stream {name} under account {account}."
    )


def shard_closed(shard_id: str, name: str, account: str) -> ResourceInUseException:
    return ResourceInUseException(
        f"Shard {shard_id} in stream {name} under account {account} has already been merged or "
        "split, and thus is not eligible for merging or splitting."
    )


def on_demand(name: str, account: str) -> ValidationException:
    return ValidationException(
        f"Request is invalid. Stream {name} under AccountId {account} is in On-Demand mode."
    )


def shard_limit(account: str, region: str, count: int, more: int) -> LimitExceededException:
    return LimitExceededException(
        f"This request would exceed the shard limit for the account {account} in {region}. "
        f"Current shard count for the account: {count}. Limit: {data_stream_shards_max}. "
        f"Number of additional shards that would have resulted from this request: {more}."
    )


def outside_hash_space(name: str, given: str) -> InvalidArgumentException:
    return InvalidArgumentException(
        f"Invalid {name}. {name} must be in the range: [0, 2^128-1]. Specified value was {given}"
    )
