"""A function that does what its event asks for: `{"do": "raise", ...}`; without that, it echoes."""

import json
import logging
import os
import sys
import time
from typing import Any

ARRIVALS: list[str] = []


class Unwilling(Exception):
    """What the function raises when asked to."""


def handler(event: Any, context: Any) -> Any:
    ARRIVALS.append(context.aws_request_id)
    action = event.get("do") if isinstance(event, dict) else None
    return ACTIONS[action](event, context) if action else event


def raise_error(event: Any, context: Any) -> None:
    raise Unwilling(event["text"])


def leave(event: Any, context: Any) -> None:
    os._exit(event["status"])


def stay(event: Any, context: Any) -> None:
    time.sleep(event["seconds"])


def return_much(event: Any, context: Any) -> Any:
    return "x" * event["size"]


def return_what_is_no_json(event: Any, context: Any) -> object:
    return {1, 2}


def speak(event: Any, context: Any) -> None:
    sys.stdout.write(event["text"] + "\n")
    logging.getLogger().warning("%s, as a warning", event["text"])


def describe(event: Any, context: Any) -> Any:
    return {
        "environment": dict(os.environ),
        "context": {
            name: getattr(context, name)
            for name in (
                "aws_request_id",
                "function_name",
                "function_version",
                "invoked_function_arn",
                "memory_limit_in_mb",
                "log_group_name",
                "log_stream_name",
            )
        },
        "remaining_ms": context.get_remaining_time_in_millis(),
        "python": list(sys.version_info[:2]),
        "arrivals": len(ARRIVALS),
    }


def put(event: Any, context: Any) -> Any:
    import boto3

    item = {**event["key"], "request": {"S": context.aws_request_id}}
    boto3.client("dynamodb").put_item(TableName=event["table"], Item=item)
    return json.loads(json.dumps(item))


ACTIONS = {
    "raise": raise_error,
    "leave": leave,
    "stay": stay,
    "return much": return_much,
    "return no json": return_what_is_no_json,
    "speak": speak,
    "describe": describe,
    "put": put,
}
