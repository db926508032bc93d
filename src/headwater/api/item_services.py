"""What the handlers of operations on items work with."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.clock import Clock
from headwater.storage.engine import Engine
from headwater.tables.metering import Meters
from headwater.tables.read import Lookup
from headwater.tables.write import Writer


@dataclass(frozen=True, slots=True)
class ItemServices:
    """meters: None enforces no capacity."""

    tables: Lookup
    engine: Engine
    writer: Writer
    clock: Clock
    meters: Meters | None = None
