"""The command line. Each command has its file; all but `serve` are clients of the API.

main.py  the group of commands, each loaded when it is called
serve.py runs a server
"""

from headwater.cli.main import main

__all__ = ["main"]
