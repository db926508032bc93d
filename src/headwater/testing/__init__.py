"""For tests of what reads streams: a server to test against, and its lab.

    with Server.start() as server:
        lab = Lab(server.endpoint, "us-east-1")
        lab.roll("orders")
        lab.faults.set(Fault("Throttled", operations=WRITES, count=3))

With pytest nothing needs to be imported: the plugin gives a server for the session and fixtures
that hold it. It is found by its entry point and imports nothing heavy, as every run of pytest loads
it. All calls are blocking; in asynchronous tests `asyncio.to_thread` keeps the loop free.

plugin.py  the pytest plugin
__main__.py  the server's process
server.py  a server in a process of its own, which ends with the process that started it
lab.py     the lab of a server, as a name space sees it
fault.py   faults, and what they struck
tables.py  tables made for tests, and their streams read from end to end
recordings.py  recordings of streams, made again in a table
wire.py    one request to a server
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # in earnest they are imported when they are asked for
    from headwater.testing.fault import READS, WRITES, Encounter, Fault
    from headwater.testing.lab import Check, Clock, Faults, Lab, NotDrained
    from headwater.testing.server import DidNotStart, Server
    from headwater.testing.tables import Table
    from headwater.testing.wire import LabError, ServerGone

__all__ = [
    "READS",
    "WRITES",
    "Check",
    "Clock",
    "DidNotStart",
    "Encounter",
    "Fault",
    "Faults",
    "Lab",
    "LabError",
    "NotDrained",
    "Server",
    "ServerGone",
    "Table",
]

_MODULES = ("fault", "lab", "server", "tables", "wire")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _MODULES:
            found = vars(import_module(f"{__name__}.{module}")).get(name)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
