"""The data folder: one service at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.wire.errors import LaunchFailed


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Hold a data folder, made where it is missing, as its only service. Raises LaunchFailed.

    The system gives the lock back when the process ends, however it ends.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise LaunchFailed(f"the data folder {folder} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LaunchFailed(
                f"the data folder {folder} is in use by another service (process {holder}); "
                "stop it, or give this one its own with --data-dir"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield folder
