"""What the coordinator keeps to tell the service: of pushes, steps and their time, and of the workers."""

import threading
from collections.abc import Callable, Sequence

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.checkpoints import Checkpoint
from chainrule.parameter_server.phases import Seconds, Stopwatch
from chainrule.parameter_server.plan import Outcome, Step
from chainrule.parameter_server.reports import News
from chainrule.parameter_server.roll import Roll
from chainrule.parameter_server.stretches import Ongoing, joined_hashes


class Books:
    """The news since the last report, the workers by name, and where the time of the present step goes.

    Like all of the coordinator's, it is kept under one lock; `warn` and `tell...` take it themselves.
    """

    def __init__(self, lock: threading.RLock, now: float) -> None:
        self.news, self.roll, self.names = News(), Roll(now), dict[int, str]()
        self._warned: set[object] = set()
        self._stopwatch, self._lock, self._changed = Stopwatch(now), lock, threading.Condition(lock)

    def join(self, incarnation: int, name: str) -> None:
        """Note a worker's name."""
        self.names[incarnation] = name
        self.roll.join(incarnation, name)

    def tell(self) -> None:
        """Wake who waits for news."""
        self.news.there = True
        self._changed.notify_all()

    def wait(self, ended: Callable[[], bool]) -> tuple[bool, News]:
        """Wait for news, or for the end; return whether there are any, and begin anew."""
        while not (self.news.there or ended()):
            self._changed.wait()
        news, self.news = self.news, News()
        return news.there, news

    def warn(self, message: str) -> None:
        """Add a warning to the next report."""
        with self._lock:
            self.news.warnings.append(message)
            self.tell()

    def warn_once(self, key: object, message: str) -> None:
        """Warn, unless there has been a warning with this key."""
        with self._lock:
            if key not in self._warned:
                self._warned.add(key)
                self.warn(message)

    def warn_of(self, worker: int, what: str, *, once: str = "") -> None:
        """Warn of a worker; of what is to be told `once`, by this name, only the first time."""
        message = f"worker {self.names[worker]} {what}"
        if once:
            self.warn_once((worker, once), message)
        else:
            self.warn(message)

    def tell_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint that has been written to the next report."""
        with self._lock:
            self.news.checkpoints.append(checkpoint)
            self.tell()

    def tell_machine(self, machine: dict[str, str]) -> None:
        """Add a kind of machine that takes part to the next report."""
        with self._lock:
            self.news.machines.append(machine)
            self.tell()

    def push(self, outcome: Outcome) -> None:
        """Count a push."""
        self.news.pushes[outcome] += 1

    def contribution(
        self, worker: int, version: int, node: Node, rows: float, arrived: float, seconds: Seconds
    ) -> None:
        """Note a partial that has become part of a step; what comes too late took its time in another one."""
        self._stopwatch.arrived(worker, arrived, seconds)
        self.roll.applied(worker, version, node, rows)

    def step(self, step: Step, judged: float, applied: float, fingerprint: bytes | None) -> None:
        """Note a step that has been taken, and the hash of the weights before it, where that is wanted."""
        self.news.steps.append((step, self._stopwatch.completed(judged, applied)))
        if fingerprint is not None:
            self.news.fingerprints[step.version] = fingerprint

    def stretch(self, stretch: Ongoing, steps: Sequence[Step], sizes: Sequence[int], now: float) -> None:
        """Note the steps of a stretch."""
        told = stretch.steps()
        self.news.pushes[Outcome.APPLIED] += len(steps) * len(stretch.nodes)
        self.news.steps += zip(steps, self._stopwatch.stretched(told, now), strict=True)
        for step, parts in zip(steps, told, strict=True):
            if step.digests:
                self.news.fingerprints[step.version] = joined_hashes(sizes, parts)
            for (worker, nodes), part in zip(stretch.shares.items(), parts, strict=True):
                for node, sums in zip(nodes, part.training, strict=True):
                    self.roll.applied(worker, step.version, node, sums.weight)
