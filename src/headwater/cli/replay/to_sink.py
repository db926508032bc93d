"""A sink as the target: it reads the table's stream itself, from a moment on and to the present.

So nothing is delivered from here; a dry run counts what it would read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.cli.lab_request import ask
from headwater.cli.moment import Moment, second_of
from headwater.cli.replay.batches import Bounds, Record
from headwater.cli.replay.server import Server
from headwater.cli.replay.target import Refused, wanted_by


def sink_of(server: Server, name: str, table: str) -> Mapping[str, Any]:
    """A sink of a table, as the server tells of it; raises Refused if it is another table's."""
    asked = ("DescribeSink", {"Name": name})
    sink: Mapping[str, Any] = ask(asked, (server.endpoint, server.region))["Sink"]
    if sink["Table"] != table:
        raise Refused(f"{name} is a sink of {sink['Table']}, not of {table}")
    return sink


def begin_anew(server: Server, name: str, start: Moment) -> None:
    """Have a sink begin anew with the first record that is not older than a moment."""
    second = second_of(start, server.now())
    begin = {"From": "TRIM_HORIZON"}
    asked = begin if second is None else {"From": "AT_TIMESTAMP", "Timestamp": second}
    ask(("ReplaySink", {"Name": name, **asked}), (server.endpoint, server.region))


class CountedForSink:
    """Bounds and filter of a sink, for counting alone. Filters that need images which the stream
    does not show let nothing through here."""

    def __init__(self, sink: Mapping[str, Any]) -> None:
        self._wants = wanted_by(sink["Filters"], sink["StreamArn"])
        self.bounds = Bounds(sink["BatchSize"], sink["BatchBytes"])

    def wants(self, record: Record) -> bool:
        return self._wants(record)

    def deliver(self, records: Sequence[Record]) -> None:
        raise Refused("a sink reads by itself")
