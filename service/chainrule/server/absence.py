"""Workers that a job has asked for and that do not join its parameter server: after a while the job says why."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 60.0


class Absence:
    """Compares the workers that have joined a job with those that were asked for.

    `explain` returns why Ray starts none. `tell` records a warning, and whether the job has no worker at all. `trouble`
    is that warning while the job has none.
    """

    def __init__(
        self,
        explain: Callable[[], Awaitable[str]],
        tell: Callable[[str, bool], Awaitable[None]],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._explain, self._tell, self._patience = explain, tell, patience
        self._joined = self._wanted = 0
        self._watching: asyncio.Task[None] | None = None
        self.trouble: str | None = None

    def note(self, joined: int, wanted: int) -> bool:
        """Take the present numbers of workers; return whether they end a trouble that was told."""
        self._joined, self._wanted = joined, wanted
        over = self.trouble is not None and bool(joined or not wanted)
        if over:
            self.trouble = None
        if joined >= wanted:
            self.stop()
        elif self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return over

    def stop(self) -> None:
        """Watch no longer."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        self.trouble = None

    async def _watch(self) -> None:
        """Warn when some have been missing throughout the patience, and again whenever the words change."""
        told = ""
        while True:
            await asyncio.sleep(self._patience)
            why = await self._explain()
            none = not self._joined
            who = "no worker could" if none else f"{self._wanted - self._joined} of {self._wanted} workers could not"
            warning = f"{who} be started within {self._patience:.0f} s: {why}"
            self.trouble = warning if none else None
            if warning != told:
                told = warning
                await self._tell(warning, none)
