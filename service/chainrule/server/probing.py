"""Processes whose time is taken, and the conversations that one of them has with a parameter server's doors."""

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from types import TracebackType
from typing import Any, Self

import numpy as np

from chainrule.nn import Parameters, Update
from chainrule.nn.optimizers import SGD
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.direct import DirectDoor
from chainrule.parameter_server.local import LocalDoor, share
from chainrule.parameter_server.plan import Plan
from chainrule.parameter_server.state import TrainingState
from chainrule.server.costs import Talk
from chainrule.wire import shared_memory, tcp
from chainrule.wire.errors import LaunchFailed

TALK_SECONDS = 0.2
"""How long nothing is talked of."""
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_UNKNOWN = Talk(math.nan, math.nan, math.nan)


class Probe:
    """A process of `chainrule.server.probe`; a context manager. Raises LaunchFailed where it has ended."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chainrule.server.probe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | _ONE_THREAD,
        )
        self._write(job)

    def _write(self, document: Any) -> None:
        assert self._process.stdin is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(document) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _ended() from None

    def ask(self, *command: Any) -> None:
        """Let it begin with something."""
        self._write(command)

    def answer(self) -> Any:
        """Wait for it to be ready, and return what came out."""
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline()
        if not line:
            raise _ended()
        return json.loads(line)

    def do(self, *command: Any) -> Any:
        """Let it do something, and wait."""
        self.ask(*command)
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None  # noqa: S101
            pipe.close()
        self._process.wait()


def _ended() -> LaunchFailed:
    return LaunchFailed("a process in which the time of a step is taken has ended: there may be too little memory")


@contextmanager
def _door(kind: str, hash_every: int) -> Iterator[tuple[str, bytes, int]]:
    """Open a door of a parameter server to a network of two numbers, and give its name, secret and an incarnation."""
    # Where shards travel apart, each step is one by way of the server.
    plan = Plan(1 << 40, 1 << 40, shards=1, validates=False, hash_every=hash_every, apart=True)
    state = TrainingState(plan, 1, Parameters.view(np.zeros(2, np.float32), (1, 1)), Update(SGD()), {})
    weights = share(state) if kind == "local" else None
    coordinator = Coordinator(state)
    door = DirectDoor(coordinator, "127.0.0.1", 1) if weights is None else LocalDoor(coordinator, weights, 1)
    serving = threading.Thread(target=door.serve, daemon=True)
    serving.start()
    try:
        name = str(door.direct.port) if isinstance(door, DirectDoor) else door.local.name
        yield name, door.secret, coordinator.join("probe")
    finally:
        coordinator.stop()
        door.close()
        serving.join()
        if weights is not None:
            os.close(weights)


def talk(probe: Probe, kind: str, hash_every: int) -> Talk:
    """Take the time of steps in which nothing is computed."""
    if kind == "local" and not shared_memory.AVAILABLE:
        return _UNKNOWN
    with _door(kind, hash_every) as (name, secret, incarnation):
        used = time.process_time()
        answer = probe.do("talk", kind, name, secret.hex(), incarnation, TALK_SECONDS)
        used = time.process_time() - used
    return Talk(answer["step"], used / answer["steps"], answer["processor"])


def exchange(probe: Probe, between: Callable[[], object], seconds: float, least: int) -> tuple[float, float]:
    """Exchange weights and a gradient over TCP, for so long and so often at least.

    Return `copy` and `stream` of Costs. Between the two the other process computes, and this one does what it is
    given: so caches are as cold as in training.
    """
    flat = np.zeros(probe.do("numbers"), np.float32)
    used, times, end = 0.0, list[float](), math.inf
    with tcp.listen("127.0.0.1") as listener:
        probe.ask("exchange", listener.getsockname()[1])
        with tcp.prepared(listener.accept()[0]) as connection:
            answers = tcp.Reader(connection).messages(flat.reshape(1, -1))
            while len(times) < 2 * least or time.perf_counter() < end:
                began, before = time.perf_counter(), time.thread_time()
                tcp.send(connection, (*tcp.piece(0, flat), tcp.message(b"-")))
                there, sent = json.loads(next(answers))
                times += [there - began, time.perf_counter() - sent]
                used += time.thread_time() - before
                between()
                end = min(end, time.perf_counter() + seconds)
            connection.shutdown(socket.SHUT_WR)
        used += probe.answer()
    return used / (2 * len(times) * flat.nbytes), median(times) / flat.nbytes
