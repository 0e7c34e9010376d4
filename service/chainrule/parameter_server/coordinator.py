"""The state machine under one lock: what the threads of the gRPC server, the leases and the reports share."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array
from chainrule.parameter_server.checkpoints import Checkpoint
from chainrule.parameter_server.fingerprints import Fingerprints
from chainrule.parameter_server.plan import Outcome, Step
from chainrule.parameter_server.state import TrainingState
from chainrule.parameter_server.watch import Memory
from chainrule.wire.errors import Fenced, TrainingFailed
from chainrule.wire.faults import fail_at
from chainrule.wire.partials import Partial


@dataclass(frozen=True)
class Report:
    """What has happened since the last report; a checkpoint comes with or after all steps that led to it."""

    version: int
    workers: int
    steps: tuple[tuple[Step, float], ...]  # with seconds
    fingerprints: dict[int, bytes]  # of the versions whose hash is asked for
    pushes: dict[str, int]
    leases_ended: int
    machines: tuple[dict[str, str], ...]  # that have not been told of before
    checkpoints: tuple[Checkpoint, ...]
    warnings: tuple[str, ...]
    ended: bool


@dataclass(frozen=True)
class Result:
    """The outcome of a worker's push."""

    version: int
    node: Node
    outcome: Outcome


@dataclass(frozen=True)
class Snapshot:
    """All that a checkpoint keeps of a version."""

    version: int
    weights: Array
    slots: dict[str, Array]
    memory: Memory


@dataclass
class _Unreported:
    fingerprints: Fingerprints
    steps: list[tuple[Step, float]] = field(default_factory=list)
    pushes: Counter[str] = field(default_factory=Counter)
    leases_ended: int = 0
    machines: list[dict[str, str]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changed: bool = False


class Coordinator:
    """Serialises all access to a TrainingState and wakes whoever waits for a change of it."""

    def __init__(self, state: TrainingState, clock: Callable[[], float] = time.monotonic) -> None:
        self._state, self._clock = state, clock
        self._changed = threading.Condition()
        self._results: dict[int, deque[Result]] = {}
        self._names: dict[int, str] = {}
        self._dismissed: set[str] = set()
        self._overtaken: set[int] = set()
        self._weights = state.parameters.flat.copy()
        self._failure: str | None = None
        self._unreported = self._nothing()
        self._step_began = clock()

    def _nothing(self) -> _Unreported:
        return _Unreported(Fingerprints(self._state.parameters.sizes))

    @property
    def generation(self) -> int:
        """The number of this parameter server's start."""
        return self._state.generation

    @property
    def complete(self) -> bool:
        """Whether every step has been done."""
        with self._changed:
            return self._state.complete

    def knows(self, generation: int, incarnation: int) -> bool:
        """Whether a worker of this incarnation has a lease."""
        with self._changed:
            return generation == self.generation and incarnation in self._state.members

    def fences(self, generation: int, incarnation: int) -> bool:
        """Whether a worker without a lease has to join again: not where the job has ended, or has dismissed it."""
        with self._changed:
            dismissed = self._names.get(incarnation) in self._dismissed
            return generation != self.generation or not (self._ended or dismissed)

    def join(self, name: str) -> int:
        """Admit a worker and return its incarnation."""
        with self._changed:
            incarnation = self._state.join(self._clock())
            self._names[incarnation], self._results[incarnation] = name, deque()
            if name in self._dismissed:  # it was still on its way
                self._state.dismiss(incarnation)
            self._notify()
            return incarnation

    def dismiss(self, names: Collection[str]) -> None:
        """Let workers go at the start of the next version; their streams end well."""
        with self._changed:
            self._dismissed.update(names)
            for incarnation in self._state.members:
                if self._names[incarnation] in names:
                    self._state.dismiss(incarnation)

    def heartbeat(self, generation: int, incarnation: int) -> None:
        """Renew a lease. Raises Fenced once it has ended."""
        with self._changed:
            if generation != self.generation:
                raise Fenced(f"this is generation {self.generation} of the parameter server, not {generation}")
            self._state.members.beat(incarnation, self._clock())

    def leave(self, incarnation: int) -> None:
        """Let a worker go whose stream has ended."""
        with self._changed:
            if incarnation in self._state.members:
                self._state.leave(incarnation)
            self._results.pop(incarnation, None)
            self._notify()

    def push(self, incarnation: int, generation: int, version: int, node: Node, partial: Partial) -> None:
        """Judge a partial; the outcome goes into the worker's messages. Raises ShapeMismatch."""
        with self._changed:
            fail_at("server.before_apply")
            outcome, step = self._state.push(incarnation, generation, version, node, partial, self._clock())
            fail_at("server.after_apply")
            self._unreported.pushes[outcome] += 1
            if generation == self.generation and incarnation in self._results:
                self._results[incarnation].append(Result(version, node, outcome))
            if outcome in (Outcome.NONFINITE, Outcome.DIVERGED):
                self._refuse(outcome, version, node, self._names.get(incarnation, "?"))
            if step is not None:
                self._record(step)
            self._notify()

    def _record(self, step: Step) -> None:
        if step.training is not None and self._state.plan.hashes(step.version):
            self._unreported.fingerprints.add(step.version, self._weights)
        if self._state.version > step.version or self._state.complete:
            self._weights = self._state.parameters.flat.copy()
        now = self._clock()
        self._unreported.steps.append((step, now - self._step_began))
        self._step_began = now

    def _refuse(self, outcome: Outcome, version: int, node: Node, worker: str) -> None:
        if outcome is Outcome.DIVERGED:
            self._warn(f"worker {worker} has computed other numbers for shards {node} at step {version} than before")
        else:
            self._state.stopped = True
            self._failure = (
                f"the loss or a gradient of shards {node} is not finite at step {version}: "
                "a smaller optimizer.learning_rate may help"
            )

    def next_message(self, incarnation: int, connected: Callable[[], bool]) -> tuple[Work, Array] | Result | None:
        """Wait for and return the worker's next message: work with the weights of its version, or a push's result.

        None means stop: the job, the lease or the worker's time has ended, or nobody listens any more.
        """
        with self._changed:
            while connected() and incarnation in self._state.members and not self._ended:
                if self._results[incarnation]:
                    return self._results[incarnation].popleft()
                work = self._state.take_work(incarnation, self._clock())
                if work is not None:
                    return work, self._weights
                self._changed.wait()
        return None

    def weights(self) -> tuple[int, Array]:
        """Return the version and a copy of its flat buffer that nobody changes."""
        with self._changed:
            return self._state.version, self._weights

    def snapshot(self) -> Snapshot:
        """Return a cut that nobody changes."""
        with self._changed:
            state = self._state
            return Snapshot(state.version, self._weights, {k: s.copy() for k, s in state.slots.items()}, state.memory)

    def tell_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint that has been written to the next report."""
        with self._changed:
            self._unreported.checkpoints.append(checkpoint)
            self._notify()

    @property
    def conclusion(self) -> str:
        """A sentence on how training has ended, where a metric decided."""
        with self._changed:
            return self._state.watch.describe(self._state.memory, self._state.version, self._state.plan.steps)

    def warn(self, message: str) -> None:
        """Add a warning to the next report."""
        with self._changed:
            self._warn(message)

    def _warn(self, message: str) -> None:
        self._unreported.warnings.append(message)
        self._notify()

    def tell_machine(self, machine: dict[str, str]) -> None:
        """Add a kind of machine that takes part to the next report."""
        with self._changed:
            self._unreported.machines.append(machine)
            self._notify()

    def wake(self) -> None:
        """Make every waiting thread look again."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """End the exchange with all workers before the job is complete."""
        with self._changed:
            self._state.stopped = True
            self._notify()

    def watch_workers(self) -> None:
        """Let workers go when their leases end, and others do what is late, until the job has ended."""
        with self._changed:
            while not self._ended:
                self._look(self._clock())
                moment = self._state.next_look()
                self._changed.wait(None if moment is None else max(0.0, moment - self._clock()))

    def _look(self, now: float) -> None:
        for incarnation in self._state.expire(now):
            self._unreported.leases_ended += 1
            self._warn(f"worker {self._names[incarnation]} has been silent for too long; its shards go on")
        overtaken = self._state.overtake(now)
        for incarnation in overtaken.keys() - self._overtaken:
            slowness = f"has taken {overtaken[incarnation]:.0f} times as long as the others so far"
            self._warn(f"worker {self._names[incarnation]} {slowness}; its shards are computed elsewhere too")
        if overtaken:
            self._overtaken |= overtaken.keys()
            self._changed.notify_all()  # whoever was idle has work

    def next_report(self) -> Report:
        """Wait for and return what has happened since the last report; the last one has `ended`.

        Raises TrainingFailed where the job cannot go on.
        """
        with self._changed:
            while not (self._unreported.changed or self._ended):
                self._changed.wait()
            if self._failure is not None and not self._unreported.changed:
                raise TrainingFailed(self._failure)
            news, self._unreported = self._unreported, self._nothing()
            version, workers, ended = self._state.version, len(self._state.members), self._ended
            failed = self._failure is not None
        return Report(
            version,
            workers,
            tuple(news.steps),
            news.fingerprints.compute(),
            {str(outcome): count for outcome, count in news.pushes.items()},
            news.leases_ended,
            tuple(news.machines),
            tuple(news.checkpoints),
            tuple(news.warnings),
            ended and not failed,
        )

    @property
    def _ended(self) -> bool:
        return self._state.complete or self._state.stopped or self._failure is not None

    def _notify(self) -> None:
        self._unreported.changed = True
        self._changed.notify_all()
