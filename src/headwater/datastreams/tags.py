"""Tags of a data stream: how many there may be, and what their keys are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headwater.errors import InvalidArgumentException, LimitExceededException
from headwater.limits import tags_max


def merged(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The tags after those given were set.

    Raises InvalidArgumentException, LimitExceededException.
    """
    for key in given:
        if key.lower().startswith("aws:"):
            raise InvalidArgumentException(f"Tag keys cannot begin with aws:: {key}")
    tags = {**present, **given}
    if len(tags) > tags_max:
        raise LimitExceededException(f"A resource has at most {tags_max} tags: {len(tags)}")
    return tags


def without(present: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """The tags after those of some keys were removed."""
    gone = set(keys)
    return {key: value for key, value in present.items() if key not in gone}
