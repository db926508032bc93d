"""Every worker's first file: lets go of what it inherited, sets limits, becomes the runtime.

    python launch.py PARENT DATA_BYTES FILE_BYTES USER awslambdaric HANDLER
    python launch.py PARENT DATA_BYTES FILE_BYTES USER /path/of/runtime.py HANDLER
    python launch.py PARENT DATA_BYTES FILE_BYTES USER exec PROGRAM [WORD ...]

A Python runtime runs in this same process, so starting costs one interpreter; any other program
takes its place. Limits are set here because setting them between fork and exec is unsafe in a
server with threads, and setting them from outside leaves a moment without.

PARENT is the server's process id: on Linux the kernel kills the worker when the server dies,
however it dies. Elsewhere the worker ends when it next speaks to its server. 0 is for a worker in a
sandbox, which ends with it.

DATA_BYTES bounds writable memory (RLIMIT_DATA); 0 does not. RLIMIT_AS would count libraries and
reserved but untouched address space, and break small functions; how much memory a function really
uses is measured by the server. FILE_BYTES bounds each file it writes. USER is the user and group
id to become, or 0 to stay who it is.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    if not sys.platform.startswith("linux") or not parent:
        return
    import ctypes  # noqa: PLC0415 - costs 5 ms that other systems need not pay

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os.kill(os.getpid(), signal.SIGKILL)


def close_inherited() -> None:
    # The event loop's own copies of our pipes, and what the server itself was started with.
    os.closerange(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))


def bound(kind: int, size: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(kind, (size, size))


def become(user: int) -> None:
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def execute(words: list[str]) -> None:
    """Become another program; the server is told of one that is not there."""
    try:
        os.execv(words[0], words)  # noqa: S606 - no shell is wanted
    except OSError as error:
        import http.client  # noqa: PLC0415 - only now is it needed
        import json  # noqa: PLC0415 - as above

        text = f"Couldn't find valid bootstrap: {words[0]}: {error.strerror}"
        told = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text, "requestId": ""}
        print(f"Runtime.InvalidEntrypoint: {text}", flush=True)  # noqa: T201 - the function's log
        server = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        server.request("POST", "/2018-06-01/runtime/init/error", json.dumps(told).encode())
        server.getresponse().read()
        sys.exit(1)


def main() -> None:
    parent, data_bytes, file_bytes, user, runtime, *words = sys.argv[1:]
    close_inherited()
    become(int(user))
    die_with(int(parent))  # after the change of user, which forgets it
    if int(data_bytes):
        bound(resource.RLIMIT_DATA, int(data_bytes))
    bound(resource.RLIMIT_FSIZE, int(file_bytes))
    bound(resource.RLIMIT_CORE, 0)
    if runtime == "exec":
        execute(words)
    sys.dont_write_bytecode = True  # code is shared between workers and read only
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.argv = [runtime, *words]
    if runtime.endswith(".py"):
        runpy.run_path(runtime, run_name="__main__")
    else:
        runpy.run_module(runtime, run_name="__main__", alter_sys=True)


main()
