"""A function that writes down every event it is given, and fails as the records in it ask for.

Notes go to the table NOTES_TABLE: `arn`, the stream; `at`, when in nanoseconds; `event`, as JSON,
in which the texts `filler` have given way to their lengths; `bytes`, of the event before.
A new image with `fails`, a number, makes the first so many invocations with its record fail; one
with `reported` has its record reported as failed by so many. The state returned counts the records
of a window.
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


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    stream = event.get("eventSourceARN") or event["Records"][0]["eventSourceARN"]
    size = len(json.dumps(event))
    for record in event["Records"]:
        for image in ("NewImage", "OldImage"):
            shorten(record["dynamodb"].get(image, {}))
    note = {"arn": stream, "at": time.time_ns(), "event": json.dumps(event), "bytes": size}
    notes.put_item(Item=note)
    for record in event["Records"]:
        image = record["dynamodb"].get("NewImage", {})
        if "fails" in image and invocations(stream, record) <= int(image["fails"]["N"]):
            raise AskedToFail
    failed = [
        {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
        for record in event["Records"]
        if "reported" in record["dynamodb"].get("NewImage", {})
        if invocations(stream, record) <= int(record["dynamodb"]["NewImage"]["reported"]["N"])
    ]
    count = event.get("state", {}).get("count", 0) + len(event["Records"])
    return {"state": {"count": count}, "batchItemFailures": failed}


def shorten(image: dict[str, Any]) -> None:
    if "filler" in image:
        image["filler"] = len(image["filler"]["S"])


def invocations(stream: str, record: dict[str, Any]) -> int:
    """How many events noted so far had this record."""
    found = notes.query(KeyConditionExpression=Key("arn").eq(stream), ConsistentRead=True)
    return sum(record["eventID"] in item["event"] for item in found["Items"])
