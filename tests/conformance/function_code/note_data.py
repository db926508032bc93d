"""A function that writes down every event of a data stream, and fails as the records in it ask for.

Notes go to the table NOTES_TABLE as those of `note` do. A record's data is JSON: with `fails` its
batch fails, each time; with `reported` the record is reported as failed by the first invocation.
"""

import base64
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
    stream = event["Records"][0]["eventSourceARN"]
    found = notes.query(KeyConditionExpression=Key("arn").eq(stream), ConsistentRead=True)
    before = "".join(item["event"] for item in found["Items"])
    notes.put_item(Item={"arn": stream, "at": time.time_ns(), "event": json.dumps(event)})
    failed = []
    for record in event["Records"]:
        said = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if said.get("fails"):
            raise AskedToFail
        if said.get("reported") and record["eventID"] not in before:
            failed.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
    return {"batchItemFailures": failed}
