"""A function that puts the new images it is given into another table and returns their count."""

import os
from typing import Any

import boto3

client = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    images = [
        record["dynamodb"]["NewImage"]
        for record in event.get("Records", [])
        if "NewImage" in record["dynamodb"]
    ]
    for image in images:
        client.put_item(TableName=os.environ["MIRROR_TABLE"], Item=image)
    return {"mirrored": len(images)}
