"""Which jobs have changed since when: what the list of jobs is brought up to date by, however late."""

import asyncio
import secrets
from collections import OrderedDict

REMEMBERED = 5000
"""Jobs whose last change is known; who is further behind reads all."""


class Changes:
    """Counts changes of jobs. A mark names a moment: that of another start of the service is not known here."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._number, self._forgotten = 0, 0
        self._changed: OrderedDict[str, int] = OrderedDict()
        self.news = asyncio.Event()

    @property
    def mark(self) -> str:
        """This moment."""
        return f"{self._start}-{self._number}"

    def note(self, job_id: str) -> None:
        """Count a change of a job, or its end."""
        self._number += 1
        self._changed[job_id] = self._number
        self._changed.move_to_end(job_id)
        if len(self._changed) > REMEMBERED:
            _, self._forgotten = self._changed.popitem(last=False)
        self.news.set()
        self.news = asyncio.Event()

    def since(self, mark: str) -> list[str] | None:
        """Return the jobs that have changed since a moment; None where that is not known."""
        start, _, number = mark.partition("-")
        if start != self._start or not number.isdecimal() or not self._forgotten <= int(number) <= self._number:
            return None
        found = []
        for job_id in reversed(self._changed):
            if self._changed[job_id] <= int(number):
                break
            found.append(job_id)
        return found
