"""The kinds of sink there are. Each is imported only when it is asked for.

A new kind is a line here and its module, which holds a constant `KIND`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from headwater.sinks.kind import InvalidSettings, Kind

_MODULES: Final = {
    "email": "headwater.sinks.email",
    "lake": "headwater.sinks.lake",
    "nats": "headwater.sinks.nats",
    "search": "headwater.sinks.search",
    "sns": "headwater.sinks.sns",
    "sqs": "headwater.sinks.sqs",
    "table": "headwater.sinks.table",
    "webhook": "headwater.sinks.webhook",
    "warehouse": "headwater.sinks.warehouse",
}
NAMES: Final = tuple(sorted(_MODULES))


def kind(name: str) -> Kind:
    """The kind of that name. Raises InvalidSettings."""
    module = _MODULES.get(name)
    if module is None:
        raise InvalidSettings(f"there is no kind of sink {name!r}; there are {', '.join(NAMES)}")
    found: Kind = import_module(module).KIND
    return found
