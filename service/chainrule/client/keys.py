"""Keys that a user presses while a command draws on the terminal."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager


class Keys:
    """The keys of the terminal on stdin; none where stdin is something else."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def pressed(self, key: bytes, seconds: float) -> bool:
        """Wait up to this number of seconds for a key, and return whether one was pressed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._descriptor is None:
                time.sleep(left)
            elif select.select([self._descriptor], [], [], left)[0]:
                read = os.read(self._descriptor, 1024)
                if not read:  # the terminal has gone, and would be ready for ever
                    self._descriptor = None
                if key in read:
                    return True
        return False


@contextmanager
def keys() -> Iterator[Keys]:
    """Give the keys as they are pressed, without echo; in the end the terminal is as it was. Ctrl-C interrupts."""
    if not sys.stdin.isatty():
        yield Keys(None)
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)
    try:
        yield Keys(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
