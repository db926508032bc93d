"""What all versions of a function share: aliases, permissions, concurrency, asynchronous settings.

It is stored within the function itself, so that every change of a function, whatever it is, is one
compare-and-set of one value, and whoever has the function's bytes knows all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version. weights: the share of another version's invocations, by version."""

    name: str
    version: str
    description: str
    weights: Mapping[str, float]
    revision_id: str


@dataclass(frozen=True, slots=True)
class AsyncSettings:
    """How asynchronous invocations of one qualifier are treated; None is the default.

    on_success, on_failure: ARNs that are told of the outcome. last_modified: epoch seconds.
    """

    retries_max: int | None
    age_seconds_max: int | None
    on_success: str | None
    on_failure: str | None
    last_modified: float


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may invoke, as stored for one qualifier; statements are IAM's, by their Sid."""

    statements: Mapping[str, Mapping[str, Any]]
    revision_id: str


@dataclass(frozen=True, slots=True)
class Shared:
    """All of it. versions_count: the number last given to a version, never given again.

    reserved: reserved concurrency. async_settings, policies: by qualifier, `$LATEST` for none.
    changes: counts changes that are stored elsewhere, so that these bytes differ after them.
    """

    versions_count: int = 0
    changes: int = 0
    reserved: int | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    async_settings: Mapping[str, AsyncSettings] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)


def decode(members: dict[str, Any]) -> Shared:
    """From what `dataclasses.asdict` made of it."""
    return Shared(
        **{
            **members,
            "aliases": {name: Alias(**each) for name, each in members["aliases"].items()},
            "async_settings": {
                name: AsyncSettings(**each) for name, each in members["async_settings"].items()
            },
            "policies": {name: Policy(**each) for name, each in members["policies"].items()},
        }
    )
