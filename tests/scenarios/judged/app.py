"""Prints the event and answers as its records ask; `bootstrap` and `index.mjs` are its twins.

The first record with an `answer` decides: `raise`, `exit`, `hang`, `nothing` (for no body at all,
where the runtime can), `large` (a state beyond what is allowed), or JSON to be returned, in which
`$a` stands for the sequence number of the record whose sort key is `a`. The close of a window whose
state has a member `raise` fails.
"""

import json
import os
import signal
import sys


def handler(event, context):
    shown = event
    if "text" in event.get("state", {}):  # a line of a log has its limits
        shown = {**event, "state": {"text": len(event["state"]["text"])}}
    sys.stdout.write("GIVEN " + json.dumps(shown) + "\n")
    sys.stdout.flush()
    records = event["Records"]
    asked = [each["dynamodb"]["NewImage"].get("answer") for each in records]
    answer = next((each["S"] for each in asked if each), '{"state": {}}')
    is_closing = event.get("isFinalInvokeForWindow", False)
    if answer == "raise" or (is_closing and "raise" in event["state"]):
        raise ValueError("asked to")
    if answer == "exit":
        os._exit(1)
    if answer == "hang":
        signal.pause()
    if answer == "nothing":
        return None
    if answer == "large":
        return {"state": {"text": "x" * (1 << 20)}}
    for each in records:
        name = each["dynamodb"]["Keys"]["sk"]["S"]
        answer = answer.replace("$" + name, each["dynamodb"]["SequenceNumber"])
    return json.loads(answer)
