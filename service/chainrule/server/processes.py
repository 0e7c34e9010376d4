"""The processes of a running service, as an operator sees them."""

from collections.abc import Callable
from contextlib import suppress

import psutil

END_SECONDS = 40.0
MARKS = {
    "worker": "ray::WorkerActor.run",
    "waiting worker": "ray::WorkerActor",  # for a job: no method runs
    "raylet": "raylet",
    "Ray head": "gcs_server",
    "launcher": "chainrule.worker",
    "parameter server": "chainrule.parameter_server",
}
"""What the command line of each kind has: as its first word, or the last part of that path, or as its last word."""


class Processes:
    """The service with this process id, and all that it has started."""

    def __init__(self, pid: int) -> None:
        self._service = psutil.Process(pid)

    def of(self, kind: str) -> list[psutil.Process]:
        """Return the living processes of a kind, the oldest first.

        A copy that one of them has made of itself, to become another program in a moment, is none.
        """
        found: dict[int, tuple[psutil.Process, list[str], int]] = {}
        for process in self._service.children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                words = process.cmdline()
                if words and _matches(words, MARKS[kind]):
                    found[process.pid] = process, words, process.ppid()
        own = [each for each, words, parent in found.values() if parent not in found or found[parent][1] != words]
        return sorted(own, key=lambda process: process.pid)

    def kill(self) -> None:
        """Kill the service, and wait until all that it has started has ended by itself."""
        self._end(psutil.Process.kill)

    def terminate(self) -> None:
        """Tell the service to end, and wait until it has."""
        self._end(psutil.Process.terminate)

    def _end(self, how: Callable[[psutil.Process], None]) -> None:
        everyone = [self._service, *self._service.children(recursive=True)]
        how(self._service)
        psutil.wait_procs(everyone, timeout=END_SECONDS)


def _matches(words: list[str], mark: str) -> bool:
    return words[0] == mark or words[0].endswith(f"/{mark}") or words[-1] == mark
