"""What is asked of the interpreter's and the C library's memory before the first request.

Both are told once that a server is ready: what stays for good is kept from the collector of
reference cycles, and what is freed is kept for the next request.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

from headwater.limits import MB

_GARBAGE_OBJECTS: Final = 50_000
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, from malloc.h
_KEPT_BYTES: Final = 32 * MB
_MAPPED_BYTES: Final = 8 * MB  # blocks from here on go back at once; an answer's are smaller


def settle() -> None:
    """Have memory managed as suits a server under load."""
    _quieten_collector()
    _keep_freed()


def _quieten_collector() -> None:
    """Keep the collector of reference cycles from what cannot be garbage.

    Modules and everything built until now stay for good, yet a full collection looks at each of
    them: 30 ms in which nobody is answered, once a second under load. Requests leave no cycles
    behind, so collecting seldom costs nothing either.
    """
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS, 10, 10)


def _keep_freed() -> None:
    """Have glibc keep what is freed, up to a bound, instead of giving it back to the system.

    It gives memory back as soon as 128 KB are free at the end of its heap. A page of 1 MB then
    takes a fault for each 4 KB of its pieces and of its body, every time: 40 % of what rendering
    it costs. Other C libraries have no such call, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
