"""Three functions that write down what they are given, each in a manner of its own."""

import os


def keys_of(record):
    return "/".join(str(next(iter(each.values()))) for each in record["dynamodb"]["Keys"].values())


def note(lines):
    notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(notes, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(notes)


def every(event, context):
    """Takes everything."""
    note(f"took {keys_of(record)}" for record in event["Records"])


def choosy(event, context):
    """Fails for a batch that holds an item it cannot bear."""
    unbearable = [
        record for record in event["Records"] if int(keys_of(record).split("/")[1]) % 20 == 0
    ]
    if unbearable:
        note(f"unbearable {record['dynamodb']['SequenceNumber']}" for record in unbearable)
        raise ValueError("unbearable")
    every(event, context)


def windowed(event, context):
    """Gathers a window's items in its state, and writes them down at its end."""
    seen = event["state"].get("seen", []) + [keys_of(record) for record in event["Records"]]
    if event["isFinalInvokeForWindow"]:
        note([f"window {event['shardId']} {event['window']['start']} {','.join(seen)}"])
    return {"state": {"seen": seen}}
