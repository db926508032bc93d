"""The command line. Each command has its file; all but `serve`, `verify` and `backup` are
clients of the API.

main.py         the group of commands, each loaded when it is called
serve.py        runs a server
demo/           a git history through table, stream and function, proved
tail.py         a stream, live
replay/         records of a stream once more, or into a file
diff/           what a function would have written, held against what is there
moment.py       moments as commands take them
plain.py        attributes in short
variables.py    variables of a function's environment
lab.py          operations for tests
lab_clock.py    those on the server's time
lab_story.py    the story of a record, to read
lab_faults.py   those on its faults
lab_request.py  one request of them
verify.py       a data directory checked
backup.py       a data directory copied
function.py     deploying functions
sink.py         sinks: added, shown, paused, replayed
mapping.py      event source mappings, and what one is doing
deployment.py   a directory as a function, through the Lambda API
endpoint.py     where the server is, and boto3 clients for it
client.py       many requests at once
"""

from headwater.cli.main import main

__all__ = ["main"]
