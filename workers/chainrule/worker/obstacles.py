"""Why Ray starts no worker, as far as its log files and its free CPUs tell."""

import re
from collections.abc import Iterable
from pathlib import Path

_TAIL_BYTES = 64 << 10
_MARK = re.compile(
    r"error|exception|cannot|can't|fail|denied|no such|not found|no space|no module|killed|fatal|unable", re.I
)
_DATED = re.compile(r"\[?\d{4}-\d\d-\d\d ")
_LOGGED_ERROR = re.compile(r"\[?\d{4}-\d\d-\d\d [\d:,.]+\s+(?:[EFC]|ERROR|CRITICAL)\b.*?(?: -- |: )(?P<text>.*)")
_SOURCES = ("raylet.err", "worker-*.err", "python-core-worker-*.log", "runtime_env_agent.log", "raylet.out")
"""Ray's log files, the one that is closest to the cause first: the shell that starts a worker writes to raylet.err."""
_LONGEST = 300


def error_in(lines: Iterable[str], *, logged_only: bool = False) -> str | None:
    """Return the newest line that tells of an error, without its time and place. Pure.

    `logged_only` looks at lines with a time and a level alone: other lines of such a file are tables and dumps.
    """
    for line in reversed(list(lines)):
        text = line.strip()
        if (found := _LOGGED_ERROR.match(text)) is not None:
            return found["text"][:_LONGEST]
        if not logged_only and not _DATED.match(text) and _MARK.search(text):
            return text[:_LONGEST]
    return None


def obstacle(logs: Path | None, free_cpus: float, cpus: int) -> str:
    """Say why no worker starts; `logs` is the folder of the embedded Ray's log files, None where a cluster is joined.

    The CPUs of the embedded Ray are all the service's own, so that only those of a cluster may be held by others.
    """
    if logs is None:
        if free_cpus < 1:
            return f"Ray has no free CPU: all {cpus} of the cluster are in use; add nodes, or end other work"
        return f"Ray has {free_cpus:.0f} free CPUs of {cpus}; the logs of its nodes say why it starts no worker"
    for pattern in _SOURCES:
        files = sorted(logs.glob(pattern), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files:
            if (error := error_in(_tail(file), logged_only=file.suffix != ".err")) is not None:
                return f"{error} ({file})"
    return f"Ray's log files tell of no error ({logs})"


def _tail(file: Path) -> list[str]:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        return stream.read().decode(errors="replace").splitlines()
