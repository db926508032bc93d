"""Every worker's first file: lets go of what it inherited, sets limits, becomes the runtime.

    python launch.py RUNTIME PARENT DATA_BYTES FILE_BYTES HANDLER

RUNTIME is `awslambdaric` or the path of runtime.py. It runs in this same process, so starting costs
one interpreter. Limits are set here because setting them between fork and exec is unsafe in a
server with threads, and setting them from outside leaves a moment without.

PARENT is the server's process id: on Linux the kernel kills the worker when the server dies,
however it dies. Elsewhere the worker ends when it next speaks to its server.

DATA_BYTES bounds writable memory (RLIMIT_DATA). RLIMIT_AS would count libraries and reserved but
untouched address space, and break small functions; how much memory a function really uses is
measured by the server. FILE_BYTES bounds each file it writes.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    if not sys.platform.startswith("linux"):
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


def main() -> None:
    runtime, parent, data_bytes, file_bytes, handler = sys.argv[1:]
    die_with(int(parent))
    close_inherited()
    bound(resource.RLIMIT_DATA, int(data_bytes))
    bound(resource.RLIMIT_FSIZE, int(file_bytes))
    bound(resource.RLIMIT_CORE, 0)
    sys.dont_write_bytecode = True  # code is shared between workers and read only
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.argv = [runtime, handler]
    if runtime.endswith(".py"):
        runpy.run_path(runtime, run_name="__main__")
    else:
        runpy.run_module(runtime, run_name="__main__", alter_sys=True)


main()
