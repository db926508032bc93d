"""Event source mappings that tests make, and reading what their function has noted."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from tests.conformance.function_making import wait_for_error, wait_until

BOTH = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


class Mappings:
    """Makes event source mappings, and deletes them in the end."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._uuids: list[str] = []

    def make(self, stream_arn: str, function_name: str, **parameters: Any) -> dict[str, Any]:
        """Create a mapping from the stream's start, unless told otherwise."""
        wanted = {
            "EventSourceArn": stream_arn,
            "FunctionName": function_name,
            "StartingPosition": "TRIM_HORIZON",
        } | parameters
        created = self.client.create_event_source_mapping(**wanted)
        self._uuids.append(created["UUID"])
        return dict(created)

    def wait(self, uuid: str, state: str) -> dict[str, Any]:
        """The mapping once it is in a state."""
        wait_until(self.client, "GetEventSourceMapping", f"State == '{state}'", UUID=uuid)
        return dict(self.client.get_event_source_mapping(UUID=uuid))

    def change(self, uuid: str, **parameters: Any) -> dict[str, Any]:
        """Update a mapping that is at rest; returns it once it is at rest again."""
        self.client.update_event_source_mapping(UUID=uuid, **parameters)
        self._wait_for_rest(uuid)
        return dict(self.client.get_event_source_mapping(UUID=uuid))

    def wait_gone(self, uuid: str) -> None:
        """Return once a mapping that is being deleted is no more."""
        wait_for_error(self.client, "GetEventSourceMapping", "ResourceNotFoundException", UUID=uuid)

    def delete_all(self) -> None:
        for uuid in self._uuids:
            with contextlib.suppress(self.client.exceptions.ResourceNotFoundException):
                state = self.client.get_event_source_mapping(UUID=uuid)["State"]
                if state != "Deleting":
                    self._wait_for_rest(uuid)
                    self.client.delete_event_source_mapping(UUID=uuid)

    def _wait_for_rest(self, uuid: str) -> None:
        expression = "ends_with(State, 'abled')"
        wait_until(self.client, "GetEventSourceMapping", expression, UUID=uuid)


class Notebook:
    """What functions of the code `note` have noted in a table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self.table = table

    def events(self, stream_arn: str) -> list[dict[str, Any]]:
        """The events of a stream in the order in which they came."""
        found = self._client.query(**self._query(stream_arn))
        return [json.loads(item["event"]["S"]) for item in found["Items"]]

    def wait_for(self, stream_arn: str, number: int) -> list[dict[str, Any]]:
        """The events so far, once there is one with a new image whose `n` is this number."""
        text = f'"n": {{"N": "{number}"}}'
        wait_until(
            self._client,
            "Query",
            f"length(Items[?contains(event.S, '{text}')]) > `0`",
            **self._query(stream_arn),
        )
        return self.events(stream_arn)

    def wait_for_events(self, stream_arn: str, count: int) -> list[dict[str, Any]]:
        """The events so far, once there are so many."""
        wait_until(
            self._client,
            "Query",
            f"length(Items) >= `{count}`",
            **self._query(stream_arn),
        )
        return self.events(stream_arn)

    def _query(self, stream_arn: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "KeyConditionExpression": "arn = :arn",
            "ExpressionAttributeValues": {":arn": {"S": stream_arn}},
            "ConsistentRead": True,
        }


class Source:
    """A table with a stream."""

    def __init__(self, client: Any, description: dict[str, Any]) -> None:
        self._client = client
        self.table: str = description["TableName"]
        self.arn: str = description["LatestStreamArn"]

    def put(self, number: int, key: str = "a", **attributes: Any) -> None:
        """Put the item of a key, telling it from others by the attribute `n`."""
        item = {"pk": {"S": key}, "n": {"N": str(number)}, **attributes}
        self._client.put_item(TableName=self.table, Item=item)


def numbers(events: list[dict[str, Any]]) -> list[list[int]]:
    """The `n` of every new image, by event."""
    return [
        [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in event["Records"]]
        for event in events
    ]
