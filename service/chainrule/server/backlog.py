"""What is known of a job and not on disk yet: while the store cannot be written, training goes on in memory."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chainrule.server.board import Board
from chainrule.server.store import History
from chainrule.wire.errors import TooMuch
from chainrule.wire.faults import fail_at

T = TypeVar("T")
logger = logging.getLogger(__name__)
STORE_SECONDS = 2.0
"""The time between two looks at a store that cannot be written."""
KEPT_CHECKPOINTS = 2
Event = tuple[str, str]
"""Kind and message."""


async def until_written(action: Callable[[], Awaitable[T]], what: str) -> T:
    """Do something that the store must take, as soon as it can be written."""
    told = False
    while True:
        try:
            return await action()
        except TooMuch as error:
            if not told:
                logger.error("%s stands still, and goes on when this is over: %s", what, error)
            told = True
            await asyncio.sleep(STORE_SECONDS)


class Backlog:
    """Writes what becomes known of one job, in order; what cannot be written is kept, and written with what follows."""

    def __init__(self, job_id: str, board: Board) -> None:
        self._job_id, self._board = job_id, board
        self._changes: dict[str, Any] = {}
        self._history: dict[str, list[Any]] = {}
        self._events: list[Event] = []
        self._checkpoints: list[dict[str, Any]] = []
        self._trouble = False

    async def write(self, changes: dict[str, Any], event: Event | None = None, history: History | None = None) -> None:
        """Change a job's columns and add events and history: on disk, or in memory as long as the disk refuses."""
        self._changes |= changes
        for name, rows in (history or {}).items():
            self._history.setdefault(name, []).extend(rows)
        self._add(event)
        await self._try(changes)

    async def add_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let a checkpoint count as soon as the store has it."""
        self._checkpoints.append(checkpoint)
        await self._try({})

    def _add(self, event: Event | None) -> None:
        """Keep an event; of progress in a time of trouble only the last word."""
        if event is not None:
            self._events = [other for other in self._events if other[0] != "progress" or event[0] != "progress"]
            self._events.append(event)

    async def _try(self, changes: dict[str, Any]) -> None:
        try:
            await self.flush()
        except TooMuch as error:
            if not self._trouble:
                logger.warning("job %s: %s; training goes on in memory", self._job_id, error)
                self._add(("warning", f"{error}; training has gone on in memory meanwhile, and nothing is missing"))
            self._trouble = True
            self._board.remember(self._job_id, changes)

    async def flush(self) -> None:
        """Write all that is not on disk. Raises TooMuch."""
        while self._events or self._changes or self._history:
            event = self._events[0] if self._events else None
            await self._board.update(self._job_id, self._changes, event, self._history)
            self._events, self._changes, self._history = self._events[1:], {}, {}
        while self._checkpoints:
            fail_at("checkpoint.before_row")
            for path in await self._board.add_checkpoint(self._job_id, self._checkpoints[0], KEPT_CHECKPOINTS):
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            self._checkpoints.pop(0)
        self._trouble = False
