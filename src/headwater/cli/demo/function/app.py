"""Keeps `totals` (files and bytes by top-level folder and extension) in step with `files`.

All changes of a folder come from one partition, in order, so a total remembers the sequence number
of the last change it counted: what is delivered again is not counted again. The condition on that
number makes it right even if two workers hold the shard for a moment.
"""

import os
from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

import boto3
from botocore.exceptions import ClientError

totals = boto3.resource("dynamodb").Table(os.environ["TOTALS_TABLE"])


def handler(event: dict[str, Any], context: object) -> None:
    changes: dict[tuple[str, str], list[tuple[int, int, int]]] = defaultdict(list)
    for record in event["Records"]:
        change = record["dynamodb"]
        number = int(change["SequenceNumber"])
        for image, sign in ((change.get("OldImage"), -1), (change.get("NewImage"), 1)):
            if image is not None:
                extension = PurePosixPath(image["path"]["S"]).suffix[1:].lower()
                key = image["folder"]["S"], extension or "(none)"
                changes[key].append((number, sign, sign * int(image["size"]["N"])))
    for (folder, extension), counted in changes.items():
        add(folder, extension, counted)


def add(folder: str, extension: str, counted: list[tuple[int, int, int]]) -> None:
    """Add to one total what it has not counted yet."""
    key = {"folder": folder, "extension": extension}
    while True:
        total = totals.get_item(Key=key, ConsistentRead=True).get("Item", {})
        last = int(total.get("last", 0))
        fresh = [change for change in counted if change[0] > last]
        if not fresh:
            return
        try:
            totals.update_item(
                Key=key,
                UpdateExpression="SET files = :files, #bytes = :bytes, #last = :new",
                ConditionExpression="attribute_not_exists(#last) OR #last = :old",
                ExpressionAttributeNames={"#bytes": "bytes", "#last": "last"},
                ExpressionAttributeValues={
                    ":files": int(total.get("files", 0)) + sum(sign for _, sign, _ in fresh),
                    ":bytes": int(total.get("bytes", 0)) + sum(size for _, _, size in fresh),
                    ":new": fresh[-1][0],
                    ":old": last,
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        else:
            return
