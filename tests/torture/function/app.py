"""Writes down every record it is given, in the order in which it is given them."""

import os


def handler(event, context):
    lines = []
    for record in event["Records"]:
        change = record["dynamodb"]
        keys = change["Keys"]
        key = "/".join(str(next(iter(value.values()))) for value in keys.values())
        lines.append(f"{change['SequenceNumber']} {key}\n")
    notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(notes, "".join(lines).encode())
    finally:
        os.close(notes)
