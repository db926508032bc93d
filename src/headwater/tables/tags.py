"""Tags of a table: the rules for their keys, and how many there may be.

Pure. Texts: observed on AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headwater.errors import ValidationException
from headwater.limits import tags_max


def of_list(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The tags of a request's list, checked."""
    tags: dict[str, str] = {}
    for tag in given:
        key = tag["Key"]
        if key in tags:
            raise ValidationException(
                f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}"
            )
        if key.startswith("aws:"):
            raise ValidationException(f"Tag Key cannot be prefixed with aws:, Key: {key}")
        tags[key] = tag["Value"]
    _check_count(tags)
    return tags


def merged(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """A table's tags after those given were set."""
    tags = {**present, **given}
    _check_count(tags)
    return tags


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > tags_max:
        raise ValidationException(
            "Number of Tags exceed the current limit for the provided ResourceArn"
        )
