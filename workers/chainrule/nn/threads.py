"""Work on large flat buffers by several threads: NumPy lets go of the interpreter while it computes."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from chainrule.nn.arrays import BLOCK

MOST = 4
"""More threads than this share the same memory bandwidth."""

LEAST = 4 * BLOCK
"""Numbers for which a thread saves more than it costs: to wake it, and to wait for the interpreter in turns."""


def threads() -> int:
    """Return how many threads may compute side by side: the processors that this process may use, up to MOST."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, mine)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST, thread_name_prefix="chainrule-nn")


def in_parts(work: Callable[[int, int], None], size: int) -> None:
    """Call work(start, stop) for parts that make up 0..size, side by side where that is faster."""
    count = min(threads(), size // LEAST)
    if count < 2:
        work(0, size)
        return
    edges = [size * i // count // BLOCK * BLOCK for i in range(count)] + [size]
    *others, mine = itertools.pairwise(edges)
    parts = [_pool().submit(work, *ends) for ends in others]
    work(*mine)  # sooner than another thread wakes up
    for part in parts:
        part.result()
