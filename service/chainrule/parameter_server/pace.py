"""How long a shard takes each worker, and from when on one is late. Pure: durations are arguments."""

import math
from bisect import bisect_left
from collections import deque
from statistics import median

SLOWNESS = 3.0
"""A worker is late that takes so many times the median of the others."""
FLOOR_SECONDS = 0.5
"""Nobody is late before: a pause of the scheduler is many times a tiny step, and costs less than a second answer."""
_DURATIONS, _WORKERS = 9, 50
_SHORTEST = 1e-6  # a coarse clock may stand still meanwhile


class Pace:
    """The median of each worker's last durations. They are kept for one shard, so that ranges of any size compare.

    A worker is compared with the others, because of two workers the slow one has half a say in a median of all. Who has
    gone still tells how long a shard takes, until enough others have.
    """

    def __init__(self) -> None:
        self._durations: dict[int, deque[float]] = {}
        self._typical: dict[int, float] = {}
        self._sorted: list[float] = []

    def add(self, worker: int, shards: int, seconds: float) -> None:
        """Note that a worker has computed so many shards in so many seconds."""
        durations = self._durations.pop(worker, deque(maxlen=_DURATIONS))
        durations.append(max(seconds / shards, _SHORTEST))
        self._durations[worker], self._typical[worker] = durations, median(durations)
        if len(self._durations) > _WORKERS:
            oldest = next(iter(self._durations))
            del self._durations[oldest], self._typical[oldest]
        self._sorted = sorted(self._typical.values())

    def limit(self, worker: int, shards: int) -> float:
        """Return after how many seconds a worker with so many shards is late: never, while no other one is known."""
        return max(FLOOR_SECONDS, SLOWNESS * self._others(worker) * shards)

    def times(self, worker: int, shards: int, seconds: float) -> float:
        """Return how many times the median of the others these seconds are."""
        return seconds / (self._others(worker) * shards)

    def _others(self, worker: int) -> float:
        """Return the median for one shard of all workers but this one, the lower of two."""
        others = len(self._sorted) - (worker in self._typical)
        if others == 0:
            return math.inf
        middle = (others - 1) // 2
        own = bisect_left(self._sorted, self._typical.get(worker, math.inf))
        return self._sorted[middle + (own <= middle)]
