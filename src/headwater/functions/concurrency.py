"""How many invocations may run at once; pure.

An account may have a thousand under way in a region. A function can have some of them reserved: it
then has these and never more, and all that have none share what is left, a hundred at least. What
a region's functions have reserved is stored as one sum, moved in the commits that change a share.
What is under way is counted over all processes of the server (`storage/tally.py`).
Source: AWS Lambda Developer Guide, "Understanding Lambda function scaling", "Configuring reserved
concurrency for a function"; text as observed.
"""

from __future__ import annotations

from dataclasses import dataclass

from headwater.errors import InvalidParameterValueException
from headwater.limits import (
    function_concurrency_max,
    function_concurrency_unreserved_min,
)


@dataclass(frozen=True, slots=True)
class Concurrency:
    """What may be under way. reserved: of the function. unreserved: of all that have none."""

    reserved: int | None = None
    unreserved: int = function_concurrency_max


def concurrency_of(reserved: int | None, total: bytes | None) -> Concurrency:
    """That of a function. total: the stored sum of what its region has reserved."""
    return Concurrency(reserved, function_concurrency_max - total_of(total))


def total_of(stored: bytes | None) -> int:
    return 0 if stored is None else int(stored)


def after(total: bytes | None, before: int | None, reserved: int | None) -> bytes | None:
    """The sum once a function has so many instead of those before; to be stored.

    Raises InvalidParameterValueException if it has more, and too few are left to others.
    """
    left = total_of(total) - (before or 0) + (reserved or 0)
    if reserved and left > function_concurrency_max - function_concurrency_unreserved_min:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{function_concurrency_unreserved_min}]."
        )
    return b"%d" % left if left else None
