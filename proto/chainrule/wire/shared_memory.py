"""Arrays that processes of one host share: nameless files in memory, which vanish with whoever holds them."""

import fcntl
import mmap
import os

import numpy as np

from chainrule.nn import Array

AVAILABLE = hasattr(os, "memfd_create")
"""Linux has them. Elsewhere workers talk to the parameter server as if they were far away."""


def create(count: int) -> int:
    """Return the file descriptor of room for so many float32. It cannot shrink, which would kill whoever reads."""
    descriptor = os.memfd_create("chainrule", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, max(1, 4 * count))
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def view(descriptor: int, *, writable: bool) -> Array:
    """Return the whole file as a flat float32 array. Memory is taken when it is first touched."""
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    return np.frombuffer(mmap.mmap(descriptor, 0, access=access), dtype="<f4")
