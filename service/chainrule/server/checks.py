"""Checks of the data of jobs that wait: what a job would fail with at its turn is said before.

A job whose data cannot be read as it asks for is blocked: it stays QUEUED, others go on, and it is checked again when
its files have changed, or when the user resumes it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from chainrule.data.files import Roots
from chainrule.server.board import Board
from chainrule.server.child import Child
from chainrule.server.sources import Seen, look, sources_of
from chainrule.server.store import Row
from chainrule.wire.dataset import told
from chainrule.wire.errors import DatasetNotFound, InvalidData, JobNotFound, TooMuch
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

logger = logging.getLogger(__name__)
LOOK_SECONDS = 3.0
"""The time between two looks at the files of jobs that wait."""
READ_SECONDS = 30.0
"""A check that takes longer says nothing."""
MOST_JOBS = 200
"""Of more jobs that wait, the first are checked."""


class Reader(Protocol):
    """What looks at data."""

    async def look(self, spec: JobSpec) -> Seen | None:
        """Return what is seen from outside, None where that cannot be told. Raises InvalidData."""

    async def read(self, spec: JobSpec) -> None:
        """Read what is quickly read. Raises InvalidData where the job would fail."""


class DataReader:
    """Looks at files here, and reads them in a process of its own."""

    def __init__(self, log: Path, roots: Roots, locate: Callable[[JobSpec], JobSpec] = lambda spec: spec) -> None:
        self._log, self._roots, self._locate = log, roots, locate

    async def look(self, spec: JobSpec) -> Seen | None:
        """Return the files of a job. Raises InvalidData, DatasetNotFound."""
        seen: list[Any] = []
        for source in sources_of(self._locate(spec)).values():
            files = await look(source, self._roots)
            if files is None:
                return None
            seen += files
        return tuple(seen)

    async def read(self, spec: JobSpec) -> None:
        """Read the beginning of a job's data. Raises InvalidData, DatasetNotFound."""
        located = self._locate(spec)
        child = await Child.start("chainrule.server.data_check", self._log, {"OPENBLAS_NUM_THREADS": "1"})
        answer: dict[str, Any] = {"event": "ended"}
        try:
            await child.send(spec=located.document(), roots=self._roots)
            with suppress(TimeoutError):
                answer = await asyncio.wait_for(anext(child.events(), answer), READ_SECONDS)
        finally:
            await child.stop(0)
        if answer["event"] == "refused":
            names = {located.data.train: spec.data.train, located.data.validation or "": spec.data.validation or ""}
            raise InvalidData(told(answer["reason"], names))


class Checks:
    """Checks the jobs that the scheduler offers, one at a time; `changed` is called when one is blocked no longer."""

    def __init__(self, board: Board, reader: Reader, changed: Callable[[], None] = lambda: None) -> None:
        self._board, self._reader, self.changed = board, reader, changed
        self._waiting: list[Row] = []
        self._blocked: set[str] = set()
        self._known: dict[str, Seen | str | None] = {}
        self._news = asyncio.Event()

    def offer(self, rows: Sequence[Row]) -> None:
        """Check these jobs, which wait; of one whose data was read before, it is known that it can be."""
        self._waiting = [row for row in rows if row["data"] is None][:MOST_JOBS]
        ids = {row["id"] for row in self._waiting}
        self._blocked = {row["id"] for row in self._waiting if row["blocked"]}
        self._known = {job_id: seen for job_id, seen in self._known.items() if job_id in ids}
        if ids - set(self._known):
            self._news.set()

    def again(self, job_id: str) -> None:
        """Check a job once more, whether or not its files have changed."""
        self._known.pop(job_id, None)
        self._news.set()

    async def serve(self) -> None:
        """Check for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_SECONDS if self._waiting else None)
            self._news.clear()
            for row in list(self._waiting):
                try:
                    await self._check(row)
                except JobNotFound:
                    continue  # it was cancelled and deleted meanwhile
                except (TooMuch, OSError) as error:
                    logger.warning("the data of job %s is not checked: %s", row["id"], error)

    async def _check(self, row: Row) -> None:
        job_id, spec = row["id"], parse_spec(row["spec"])
        try:
            seen: Seen | str | None = await self._reader.look(spec)
        except (InvalidData, DatasetNotFound) as error:
            seen = str(error)
        if job_id in self._known and self._known[job_id] == seen:
            return
        self._known[job_id] = seen
        await self._tell(job_id, seen if isinstance(seen, str) else await self._fault(spec))

    async def _fault(self, spec: JobSpec) -> str:
        """Return what is wrong with the data, in a sentence; nothing where it can be read."""
        try:
            await self._reader.read(spec)
        except (InvalidData, DatasetNotFound) as error:
            return str(error)
        return ""

    async def _tell(self, job_id: str, fault: str) -> None:
        if fault:
            self._blocked.add(job_id)
            await self._board.explain(job_id, fault, blocked=True)
        elif job_id in self._blocked:
            self._blocked.discard(job_id)
            await self._board.explain(job_id, "its data can be read now: waits for its turn", blocked=False)
            self.changed()
