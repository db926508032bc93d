"""What a replica of a global table has otherwise than the others: as stored, and as told to peers.

Every replica holds the overrides of all regions; `overriding.py` says what its own come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headwater.limits import throughput_units_max

NO_LIMIT: Final = -1
_NAME_LENGTH_MAX: Final = 255
_CLASSES: Final = (None, "STANDARD", "STANDARD_INFREQUENT_ACCESS")


@dataclass(frozen=True, slots=True)
class Reads:
    """Read units a second: provisioned, and the limit on demand; None where nothing is said."""

    provisioned: int | None = None
    on_demand: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Of one region. indexes: by name. class_changed_at: epoch seconds, if it was changed."""

    table: Reads = Reads()
    indexes: Mapping[str, Reads] = field(default_factory=dict)
    table_class: str | None = None
    class_changed_at: float | None = None


def decode(form: Any) -> Override:
    """An override from the JSON of its fields. Raises ValueError for what is none."""
    try:
        indexes = {_name(name): _reads(each) for name, each in form["indexes"].items()}
        table_class, changed_at = form["table_class"], form["class_changed_at"]
        override = Override(_reads(form["table"]), indexes, table_class, changed_at)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no override") from error
    if table_class not in _CLASSES or type(changed_at) not in (int, float, type(None)):
        raise ValueError("no class of a table")
    return override


def _reads(form: Any) -> Reads:
    reads = Reads(**form)
    for units, least in ((reads.provisioned, 1), (reads.on_demand, NO_LIMIT)):
        is_number = type(units) is int and least <= units <= throughput_units_max and units != 0
        if units is not None and not is_number:
            raise ValueError("no number of units")
    return reads


def _name(name: str) -> str:
    if not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise ValueError("no name of an index")
    return name
