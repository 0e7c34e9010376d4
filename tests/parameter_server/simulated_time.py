"""A clock that a schedule drives: what is to happen, in the order of its time."""

import heapq
from collections.abc import Callable
from functools import partial as bind
from itertools import count
from random import Random
from typing import Any


class Timeline:
    """Seconds, and what happens in them; `tell` hears of it. All chance comes from one seed."""

    def __init__(self, seed: int, tell: Callable[[str], None] | None) -> None:
        self.rng, self._tell = Random(seed), tell
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, action: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), bind(action, *args)))

    def next(self) -> None:
        """Let the next event happen."""
        self.now, _, action = heapq.heappop(self._events)
        action()

    def lag(self) -> float:
        """What a message or a thread takes: 20 ms on average."""
        return self.rng.expovariate(50.0)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def say(self, *words: object) -> None:
        if self._tell is not None:
            self._tell(f"{self.now:9.3f}  {' '.join(map(str, words))}")
