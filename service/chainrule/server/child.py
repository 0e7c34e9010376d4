"""A process that the service starts and speaks with (chainrule.wire.control)."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LINE_BYTES = 1 << 30
"""No summary of data is longer; asyncio asks for a limit."""


class Child:
    """A running process: commands go to it, events come from it. It ends itself when its stdin does."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, module: str, log: Path, environment: dict[str, str] | None = None) -> "Child":
        """Start `python -m module`; what it prints to stderr is appended to `log`."""
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module),
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                limit=LINE_BYTES,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C in a terminal is for the service, which ends its children in order
            )
        return cls(process)

    async def send(self, **command: Any) -> None:
        """Give a command; nobody is there to take it where the process has ended, as the end of `events` tells."""
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101
        with suppress(ConnectionError):
            stdin.write((json.dumps(command) + "\n").encode())
            await stdin.drain()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the process's events until it ends."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101
        while line := await stdout.readline():
            yield json.loads(line)

    def kill(self) -> None:
        """Kill the process; `events` ends."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self, seconds: float) -> int:
        """Let the process end itself within so many seconds, else kill it; return its exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            self.kill()
            return await self._process.wait()
