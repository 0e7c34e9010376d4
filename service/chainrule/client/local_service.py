"""A service in a process of one's own, for as long as it is needed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chainrule.wire.errors import LaunchFailed

SERVE = (
    *(sys.executable, "-m", "chainrule.server", "serve", "--json", "--port", "0", "--http-port", "0"),
    *("--data-root", "/"),  # it is the user's own: what he names, he may read
)
START_SECONDS, STOP_SECONDS = 120.0, 45.0


@dataclass(frozen=True)
class LocalService:
    """Where the service is: HOST:PORT for clients, and the URL of its page."""

    address: str
    http: str
    pid: int


@contextmanager
def local_service(
    folder: Path, command: Sequence[str] = SERVE, start: float = START_SECONDS, stop: float = STOP_SECONDS
) -> Iterator[LocalService]:
    """Start a service with its data in `folder`/service, and end it in the end. Raises LaunchFailed.

    Its log is added to that of the service before. Also ends it when this process is told to end (SIGTERM, SIGHUP).
    """
    log = folder / "service.log"
    with _signals_as_exits(), log.open("ab") as stderr:
        begin = stderr.tell()  # the place is the service's, too: it moves on when that writes
        process = subprocess.Popen(  # noqa: S603
            [*command, "--data-dir", str(folder / "service")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for us: we end the service in our own order
        )
        with process:
            try:
                yield _ready(process, log, begin, start)
            finally:
                _end(process, stop)


def _ready(process: subprocess.Popen[bytes], log: Path, begin: int, seconds: float) -> LocalService:
    """Wait for the line of JSON that says where the service is."""
    timer = threading.Timer(seconds, _kill, [process])
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        timer.cancel()
    if not line:
        raise LaunchFailed(f"the service did not start: {_last_words(log, begin)} (all of it: {log})")
    ready = json.loads(line)
    return LocalService(ready["address"], ready["http"], ready["pid"])


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:  # also at a second Ctrl-C
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the service and the processes of its session; its other children end when it does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _last_words(log: Path, begin: int) -> str:
    lines = log.read_bytes()[begin:].decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def _signals_as_exits() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `finally` runs."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    heeded = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, leave) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
