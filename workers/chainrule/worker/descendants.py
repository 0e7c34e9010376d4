"""The processes that this one has started, directly or not: they end with it."""

import ctypes
import sys
import time

import psutil

_PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 5.0


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (Linux), so that `end_descendants` finds them all."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants(seconds: float = END_SECONDS) -> list[psutil.Process]:
    """Kill all descendants, also those that are started meanwhile; return the ones left after `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := psutil.Process().children(recursive=True)) and time.monotonic() < deadline:
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=0.2)
    return left
