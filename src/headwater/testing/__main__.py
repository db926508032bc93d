"""`python -m headwater.testing` is the command line for a child: it stops when its parent is gone.

The parent holds the other end of the standard input. Whether it closes that or dies, the input
ends.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=_stop_with_parent, daemon=True).start()
runpy.run_module("headwater", run_name="__main__")
