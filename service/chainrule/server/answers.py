"""Answers that many ask for at once: each is made once, and is good for a moment."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

FRESH_SECONDS = 0.5
KEPT = 64


class Answers:
    """Keeps the last few answers. What must not be old belongs into the key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: OrderedDict[Hashable, tuple[float, asyncio.Task[bytes]]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Return the answer that is there or on its way, or make it. One that has failed is made again."""
        now = self._clock()
        begun, task = self._made.get(key, (-math.inf, None))
        if task is None or now - begun > FRESH_SECONDS or (task.done() and _has_failed(task)):
            task = asyncio.create_task(make())
            self._made[key] = (now, task)
            self._made.move_to_end(key)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        return await asyncio.shield(task)


def _has_failed(task: asyncio.Task[bytes]) -> bool:
    return task.cancelled() or task.exception() is not None
