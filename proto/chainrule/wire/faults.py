"""Points at which the program can be made to fail, to prove that nothing is lost there. Off unless asked for.

CHAINRULE_FAIL_AT names points, how often they are passed before, and what happens: `checkpoint.before_rename:2=kill`
kills the process that comes there for the third time; EIO and ENOSPC raise that OSError, `stop` stops the process as
SIGSTOP does, for someone else to continue it, `delay` lets it sleep for longer than a lease, `twice` lets it do again
what it has just done.
"""

import errno
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "CHAINRULE_FAIL_AT"
POINTS = (
    "store.before_commit",
    "store.after_commit",
    "checkpoint.before_write",
    "checkpoint.before_fsync",
    "checkpoint.before_rename",
    "checkpoint.after_rename",
    "checkpoint.before_row",
    "server.before_apply",
    "server.after_apply",
    "worker.before_push",
    "worker.after_push",
    "stretch.before_apply",
    "stretch.after_apply",
    "stretch.before_commit",
    "stretch.after_commit",
    "dataset.before_write",
)
ACTIONS = ("kill", "stop", "EIO", "ENOSPC", "delay", "twice")
DELAY_SECONDS = 8.0


@dataclass
class Fault:
    """What happens at a point once it has been passed `passes` times."""

    action: str
    passes: int = 0


def parse(text: str) -> dict[str, Fault]:
    """Return the faults of a text like `store.before_commit:3=kill,checkpoint.before_fsync=EIO`. Raises ValueError."""
    faults = {}
    for part in filter(None, text.split(",")):
        place, _, action = part.partition("=")
        point, _, passes = place.partition(":")
        if point not in POINTS or action not in ACTIONS or not (passes or "0").isdecimal():
            raise ValueError(f"{VARIABLE} has {part!r}; points are {', '.join(POINTS)}, actions {', '.join(ACTIONS)}")
        faults[point] = Fault(action, int(passes or 0))
    return faults


_faults: Mapping[str, Fault] = parse(os.environ.get(VARIABLE, ""))


def fail_at(point: str) -> bool:
    """Fail here, if that is asked for; return whether to do twice what has just been done. Raises OSError."""
    fault = _faults.get(point)
    if fault is None:
        return False
    fault.passes -= 1
    if fault.passes == -1:
        _fail(fault.action)
    return fault.action == "twice" and fault.passes == -1


def _fail(action: str) -> None:
    if action in ("kill", "stop"):
        os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
    elif action == "delay":
        time.sleep(DELAY_SECONDS)
    elif action != "twice":
        number = getattr(errno, action)
        raise OSError(number, os.strerror(number))
