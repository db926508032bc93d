"""Which of two writes of an item stays, when each was made without knowing of the other. Pure.

    present            incoming               stays
    -----------------  ---------------------  ---------------------------------------------
    nothing, ever      any                    incoming
    an earlier write   a later one            incoming: the last writer wins the whole item
    the same write     the same, sent again   present: nothing to do
    a later write      an earlier one         present, and nobody is told
    at the same time   from another region    the one of the region whose name is greater

Deletes take part as other writes do: what is present may be a tombstone.
"""

from __future__ import annotations

from headwater.tables.version import Version


def wins(incoming: Version, present: Version | None) -> bool:
    """Whether a write that arrives replaces what is present."""
    return present is None or incoming > present
