"""What to do after an error, and how long to wait. Pure.

code of the error                        when           what next
---------------------------------------  -------------  --------------------------------------
ExpiredIteratorException                 always         RENEW: ask for an iterator again
TrimmedDataAccessException               always         SKIP: go on at the oldest record kept
ResourceNotFoundException                always         LOOK: is the shard gone, or the stream?
ValidationException                      AT_TIMESTAMP   LATEST: the moment is not there yet
a throttle, a fault, no answer           always         WAIT: the same again, later
any other                                always         FAIL: nobody but the user can help
"""

from __future__ import annotations

from enum import Enum, auto

from headwater.clock import Chance
from headwater.consumer.api import EXPIRED, INVALID, NOT_FOUND, TRIMMED, CallFailed
from headwater.consumer.position import AtTimestamp, Position
from headwater.consumer.settings import ReadSettings

_DOUBLINGS_MAX = 30


class Reaction(Enum):
    """What next; see the module."""

    RENEW = auto()
    SKIP = auto()
    LOOK = auto()
    LATEST = auto()
    WAIT = auto()
    FAIL = auto()


def after_error(error: CallFailed, position: Position) -> Reaction:
    """What a reader of a shard does after a call failed; see the module's table."""
    if error.code == EXPIRED:
        return Reaction.RENEW
    if error.code == TRIMMED:
        return Reaction.SKIP
    if error.code == NOT_FOUND:
        return Reaction.LOOK
    if error.code in INVALID and isinstance(position, AtTimestamp):
        return Reaction.LATEST
    return Reaction.WAIT if error.is_transient else Reaction.FAIL


def back_off(settings: ReadSettings, failures: int, chance: Chance) -> float:
    """Seconds to wait after so many failures in a row: doubling up to a limit, half by chance."""
    doubled = settings.back_off_seconds_first * (1 << min(failures - 1, _DOUBLINGS_MAX))
    seconds = min(doubled, settings.back_off_seconds_max)
    return chance.uniform(seconds / 2, seconds)
