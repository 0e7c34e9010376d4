"""Interleaved measurement: machines are noisy, so only ratios of what runs side by side count."""

import os
import time
from collections.abc import Callable, Mapping

import numpy as np

from chainrule.worker.machine import describe_machine

Work = Callable[[], object]


def interleaved(works: Mapping[str, Work], seconds: float, turn: float = 0.02) -> dict[str, float]:
    """Return the median seconds of one call of each work; they take turns of `turn` seconds for `seconds` in all."""
    calls = {name: _calls(work, turn) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, work in works.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                work()
            times[name].append((time.perf_counter() - start) / calls[name])
    return {name: float(np.median(each)) for name, each in times.items()}


def _calls(work: Work, turn: float) -> int:
    """Return how many calls fill a turn; the first one warms up."""
    work()
    start = time.perf_counter()
    work()
    return max(1, round(turn / (time.perf_counter() - start)))


def machine() -> str:
    """Return the processor, the number of them, NumPy's version, and its BLAS with the kernel."""
    this = describe_machine()
    return f"{this.cpu}, {os.cpu_count()} processors, NumPy {this.numpy}, {this.blas}"
