"""Recordings of streams in tests: read, and written once more into a table of the test."""

from __future__ import annotations

from headwater.consumer.recording import Recording
from headwater.testing.wire import Wire


def replay(wire: Wire, recording: Recording, table: str) -> None:
    """Make the changes of a recording in a table, one by one in their order.

    The table's own stream then tells them again, but for changes that change nothing there. The
    recording's view must have new images. Raises LabError.
    """
    for record in recording.records:
        change = record["dynamodb"]
        if record["eventName"] == "REMOVE":
            wire.call("dynamodb", "DeleteItem", TableName=table, Key=change["Keys"])
        elif "NewImage" in change:
            wire.call("dynamodb", "PutItem", TableName=table, Item=change["NewImage"])
        else:
            raise ValueError(f"the recording shows {recording.origin.view}: it has no new images")
