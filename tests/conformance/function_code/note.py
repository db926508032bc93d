"""A function that writes down every event it is given, and fails as the records in it ask for.

Notes go to the table NOTES_TABLE: `stream`, the ARN; `at`, when in nanoseconds; `event`, as JSON.
A new image with `fails`, a number, makes the first so many invocations with its record fail.
"""

import json
import os
import time
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

notes = boto3.resource("dynamodb").Table(os.environ["NOTES_TABLE"])


class AskedToFail(Exception):
    """A record asked for it."""


def handler(event: dict[str, Any], context: Any) -> None:
    stream = event["Records"][0]["eventSourceARN"]
    notes.put_item(Item={"stream": stream, "at": time.time_ns(), "event": json.dumps(event)})
    for record in event["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if "fails" in image and invocations(stream, record) <= int(image["fails"]["N"]):
            raise AskedToFail


def invocations(stream: str, record: dict[str, Any]) -> int:
    """How many events noted so far had this record."""
    found = notes.query(KeyConditionExpression=Key("stream").eq(stream), ConsistentRead=True)
    return sum(record["eventID"] in item["event"] for item in found["Items"])
