"""Processes that spin, so that a host is busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

STARTED_S = 0.3
_SPIN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
parent, end = os.getppid(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and os.getppid() == parent:
    for _ in range(100_000):
        pass
"""
"""Ends with its parent, which alone hears of Ctrl-C, and at the latest when its time is over."""


@contextmanager
def burning(count, longest_s=600.0):
    """Spin in `count` processes of one thread each while the body runs."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", _SPIN, str(longest_s)])
            stack.callback(process.wait)
            stack.callback(process.terminate)
        if count:
            time.sleep(STARTED_S)
        yield


def cores():
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
