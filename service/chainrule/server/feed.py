"""The newest events of one job, in memory for all who watch it: each event is read from the store once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice

RECENT = 256
"""So many events are kept; who is further behind reads the store by himself."""
EVENTS_AT_ONCE = 200

Look = Callable[[int, int], Awaitable[tuple[bool, list[bytes]]]]
"""From (number, limit) to whether the job has ended by now, and up to so many events behind this number."""


class Feed:
    """Shared by the watchers of a job. Nothing is queued for anybody: each asks when he has sent what he has."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.watchers = 0
        self.news = asyncio.Event()
        self._recent: deque[bytes] = deque(maxlen=RECENT)
        self._last: int | None = None  # the number of the newest event of `_recent`
        self._ended = False
        self._woken, self._seen = 1, 0
        self._one_at_a_time = asyncio.Lock()

    def wake(self) -> None:
        """Say that there may be more."""
        self._woken += 1
        self.news.set()
        self.news = asyncio.Event()

    async def behind(self, number: int) -> tuple[bool, list[bytes]]:
        """Return some events behind this one, none where it is the last, and whether none will come any more."""
        if self._last is None:
            self._last = number
        await self._catch_up(number)
        first = self._last - len(self._recent)
        if number < first:
            over, events = await self._look(number, EVENTS_AT_ONCE)
        else:
            over, events = self._ended, list(islice(self._recent, number - first, number - first + EVENTS_AT_ONCE))
        return over and not events, events

    async def _catch_up(self, number: int) -> None:
        """Read on until there is something behind a number, or it is known that there is nothing yet."""
        wanted = self._woken
        async with self._one_at_a_time:
            while self._last is not None and number >= self._last and self._seen < wanted:
                now = self._woken
                over, events = await self._look(self._last, EVENTS_AT_ONCE)
                self._recent.extend(events)
                self._last += len(events)
                if len(events) < EVENTS_AT_ONCE:
                    self._seen, self._ended = now, over
