"""What is known of a job and not on disk yet: while the store cannot be written, training goes on in memory."""

import asyncio
import logging
import shutil
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from chainrule.server.board import Board
from chainrule.server.store import History
from chainrule.wire.errors import TooMuch

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
    """Writes what becomes known of one job, in order; what cannot be written waits until it can be."""

    def __init__(self, job_id: str, board: Board) -> None:
        self._job_id, self._board = job_id, board
        self._writes: deque[Callable[[], Awaitable[None]]] = deque()
        self._one_at_a_time = asyncio.Lock()
        self._trouble = False

    async def write(self, changes: dict[str, Any], event: Event | None = None, history: History | None = None) -> None:
        """Change a job's columns and add an event and history: on disk, or in memory as long as the disk refuses."""

        async def update() -> None:
            await self._board.update(self._job_id, changes, event, history)

        if not await self._add(update):
            self._board.remember(self._job_id, changes)

    async def add_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let a checkpoint count as soon as the store has it."""

        async def add() -> None:
            for path in await self._board.add_checkpoint(self._job_id, checkpoint, KEPT_CHECKPOINTS):
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

        await self._add(add)

    async def _add(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write now, if that can be, and return whether it could."""
        self._writes.append(write)
        try:
            await self.flush()
        except TooMuch as error:
            if not self._trouble:
                logger.warning("job %s: %s; training goes on in memory", self._job_id, error)
                warning = ("warning", f"{error}; training has gone on in memory meanwhile, and nothing is missing")
                self._writes.append(partial(self._warn, warning))
            self._trouble = True
            return False
        return True

    async def _warn(self, warning: Event) -> None:
        await self._board.update(self._job_id, {}, warning)

    async def flush(self) -> None:
        """Write all that is not on disk. Raises TooMuch."""
        async with self._one_at_a_time:
            while self._writes:
                await self._writes[0]()
                self._writes.popleft()
            self._trouble = False
