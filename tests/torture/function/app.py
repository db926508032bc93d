"""Functions that write down what they are given, in the order in which they are given it."""

import json
import os


def note(name, lines):
    notes = os.open(f"{os.environ['NOTES']}/{name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(notes, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(notes)


def told(record):
    change = record["dynamodb"]
    key = "/".join(str(next(iter(value.values()))) for value in change["Keys"].values())
    return f"{change['SequenceNumber']} {key}"


def writer(event, context):
    """Takes everything."""
    note("writer", map(told, event["Records"]))


def tally(event, context):
    """Counts a window's records in its state, and writes the number down at its end."""
    count = event["state"].get("count", 0) + len(event["Records"])
    if event["isFinalInvokeForWindow"]:
        note("tally", [f"{event['shardId']}/{event['window']['start']} {count}"])
    return {"state": {"count": count}}


def picky(event, context):
    """Fails for a batch with an item whose number it does not like."""
    images = [record["dynamodb"].get("NewImage") for record in event["Records"]]
    if any(image and int(image["n"]["N"]) % int(os.environ["DISLIKED"]) == 0 for image in images):
        raise ValueError("a number that is not liked")
    note("picky", map(told, event["Records"]))


def later(event, context):
    """Is invoked asynchronously, with a number."""
    note("later", [json.dumps(event["number"])])
