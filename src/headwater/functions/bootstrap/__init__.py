"""What runs inside a worker's process, in whatever language the function is written in.

Promise: needs Python 3.10 or Node 16 and its standard library only, imports nothing of the server,
and leaves no name of its own where a function's modules could clash with it.

    launch.py    every worker's first file: sets its limits, then becomes the runtime
    runtime.py   our runtime interface client, for machines that awslambdaric has no wheel for
    runtime.mjs  our runtime interface client for Node
"""
