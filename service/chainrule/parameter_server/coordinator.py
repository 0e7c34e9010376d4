"""The state machine under one lock: what the threads of the streams, the leases and the reports share.

Whoever changes something delivers what follows from it to the workers, before it lets go of the lock: a worker's next
work is on its way without another thread having to wake up.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeAlias

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array
from chainrule.parameter_server.checkpoints import Checkpoint
from chainrule.parameter_server.hashing import Hashing
from chainrule.parameter_server.inspection import Inspection
from chainrule.parameter_server.phases import UNKNOWN, Seconds, Stopwatch
from chainrule.parameter_server.plan import Outcome, Result, Snapshot, Step
from chainrule.parameter_server.reports import News, Report
from chainrule.parameter_server.roll import Roll
from chainrule.parameter_server.state import TrainingState
from chainrule.wire.errors import Fenced, TrainingFailed
from chainrule.wire.faults import fail_at
from chainrule.wire.layers import LayerActivity
from chainrule.wire.partials import Partial

LOOK_SECONDS = 0.25
"""How often workers are looked at; half of the time before which nobody is late."""


Deliver: TypeAlias = Callable[[Work | Result | None], None]
"""Takes a worker's messages; None means stop. It is called under the lock, so it must not wait."""


class Coordinator:
    """Serialises all access to a TrainingState."""

    def __init__(self, state: TrainingState, clock: Callable[[], float] = time.monotonic) -> None:
        self._state, self._clock = state, clock
        self._layers = state.update = Inspection(state.update, state.parameters.W, clock)
        self._lock = threading.RLock()
        self._changed, self._watching = threading.Condition(self._lock), threading.Condition(self._lock)
        self._hashing = Hashing(state, self._lock, lambda: self._ended)
        self._streams: dict[int, Deliver] = {}
        self._names: dict[int, str] = {}
        self._dismissed: set[str] = set()
        self._overtaken: set[int] = set()
        self._failure: str | None = None
        self._news = News()
        self._stopwatch, self._roll = Stopwatch(clock()), Roll(clock())

    @property
    def generation(self) -> int:
        """The number of this parameter server's start."""
        return self._state.generation

    @property
    def live_weights(self) -> Array:
        """The flat buffer of the weights, which each step changes in place."""
        return self._state.parameters.flat

    @property
    def complete(self) -> bool:
        """Whether every step has been done."""
        with self._lock:
            return self._state.complete

    def knows(self, generation: int, incarnation: int) -> bool:
        """Whether a worker of this incarnation has a lease."""
        with self._lock:
            return generation == self.generation and incarnation in self._state.members

    def refusal(self, generation: int, incarnation: int) -> Fenced | None:
        """Return what a worker without a lease is told: None where the job has ended, or has dismissed it."""
        with self._lock:
            dismissed = self._names.get(incarnation) in self._dismissed
            if generation == self.generation and (self._ended or dismissed):
                return None
            return Fenced(f"worker {incarnation} has no lease (any more); it has to join again")

    def join(self, name: str) -> int:
        """Admit a worker and return its incarnation."""
        with self._lock:
            incarnation = self._state.join(self._clock())
            self._names[incarnation] = name
            self._roll.join(incarnation, name)
            if name in self._dismissed:  # it was still on its way
                self._state.dismiss(incarnation)
            self._tell()
            return incarnation

    def attach(self, incarnation: int, deliver: Deliver) -> None:
        """Deliver a worker's messages from now on, until its lease, its time or the job has ended."""
        with self._lock:
            self._streams[incarnation] = deliver
            self._deliver()

    def dismiss(self, names: Collection[str]) -> None:
        """Let workers go at the start of the next version; their streams end well."""
        with self._lock:
            self._dismissed.update(names)
            for incarnation in self._state.members:
                if self._names[incarnation] in names:
                    self._state.dismiss(incarnation)

    def heartbeat(self, generation: int, incarnation: int, layers: Iterable[LayerActivity] = ()) -> None:
        """Renew a lease, and keep what the worker has seen. Raises Fenced once it has ended."""
        with self._lock:
            if generation != self.generation:
                raise Fenced(f"this is generation {self.generation} of the parameter server, not {generation}")
            self._state.members.beat(incarnation, self._clock())
            self._layers.note(incarnation, layers)

    def leave(self, incarnation: int) -> None:
        """Let a worker go whose stream has ended."""
        with self._lock:
            if incarnation in self._state.members:
                self._state.leave(incarnation)
            self._deliver()
            self._tell()

    def push(
        self,
        incarnation: int,
        generation: int,
        version: int,
        node: Node,
        partial: Partial,
        seconds: Seconds = UNKNOWN,
    ) -> None:
        """Judge a partial; the outcome goes into the worker's messages. Raises ShapeMismatch."""
        arrived = self._clock()
        self._examine(version, partial)
        with self._lock:
            fail_at("server.before_apply")
            self._hashing.finish()
            judged = self._clock()
            outcome, step = self._state.push(incarnation, generation, version, node, partial, judged)
            fail_at("server.after_apply")
            if generation == self.generation:
                self._state.members.answer(incarnation, version)
            if outcome is Outcome.APPLIED:  # what is late took its time in another step
                self._stopwatch.arrived(incarnation, arrived, seconds)
                self._roll.applied(incarnation, version, node, partial.training.weight)
            self._news.pushes[outcome] += 1
            if generation == self.generation and incarnation in self._streams:
                self._streams[incarnation](Result(version, node, outcome))
            if outcome in (Outcome.NONFINITE, Outcome.DIVERGED):
                self._refuse(outcome, version, node, self._names.get(incarnation, "?"))
            if step is not None:
                self._record(step, judged)
            self._deliver()
            self._tell()

    def _examine(self, version: int, partial: Partial) -> None:
        """Let each stream's thread read through what it has received by itself: the results are kept."""
        if partial.finite and self._state.plan.hashes(version):
            _ = partial.digest

    def _record(self, step: Step, judged: float) -> None:
        self._news.steps.append((step, self._stopwatch.completed(judged, self._clock())))
        if (fingerprint := self._hashing.take()) is not None:
            self._news.fingerprints[step.version] = fingerprint

    def _refuse(self, outcome: Outcome, version: int, node: Node, worker: str) -> None:
        if outcome is Outcome.DIVERGED:
            self._warn(f"worker {worker} has computed other numbers for shards {node} at step {version} than before")
        else:
            self._state.stopped = True
            self._failure = (
                f"the loss or a gradient of shards {node} is not finite at step {version}: "
                "a smaller optimizer.learning_rate may help"
            )

    def _deliver(self) -> None:
        """Give every worker what it is to do now."""
        now = self._clock()
        for incarnation, deliver in tuple(self._streams.items()):
            if self._ended or incarnation not in self._state.members:
                del self._streams[incarnation]
                deliver(None)
            elif (work := self._state.take_work(incarnation, now)) is not None:
                deliver(work)

    def hash_weights(self) -> None:
        """Hash each version while workers compute with it, until the job has ended."""
        with self._lock:
            self._hashing.follow()

    def weights(self) -> tuple[int, Array]:
        """Return the version and a copy of its flat buffer."""
        with self._lock:
            return self._state.version, self._state.parameters.flat.copy()

    def snapshot(self) -> Snapshot | None:
        """Return a cut that nobody changes; None where the job has failed, maybe by weights that are infinite."""
        with self._lock:
            if self._failure is not None:
                return None
            state, slots = self._state, {name: slot.copy() for name, slot in self._state.slots.items()}
            return Snapshot(state.version, state.parameters.flat.copy(), slots, state.memory)

    def tell_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint that has been written to the next report."""
        with self._lock:
            self._news.checkpoints.append(checkpoint)
            self._tell()

    @property
    def conclusion(self) -> str:
        """A sentence on how training has ended, where a metric decided."""
        with self._lock:
            return self._state.watch.describe(self._state.memory, self._state.version, self._state.plan.steps)

    def warn(self, message: str) -> None:
        """Add a warning to the next report."""
        with self._lock:
            self._warn(message)

    def _warn(self, message: str) -> None:
        self._news.warnings.append(message)
        self._tell()

    def tell_machine(self, machine: dict[str, str]) -> None:
        """Add a kind of machine that takes part to the next report."""
        with self._lock:
            self._news.machines.append(machine)
            self._tell()

    def stop(self) -> None:
        """End the exchange with all workers before the job is complete."""
        with self._lock:
            self._state.stopped = True
            self._deliver()
            self._tell()

    def watch_workers(self) -> None:
        """Let workers go when their leases end, and others do what is late, until the job has ended."""
        with self._lock:
            while not self._ended:
                self.look()
                moment = self._state.next_look()
                left = LOOK_SECONDS if moment is None else moment - self._clock()
                self._watching.wait(min(LOOK_SECONDS, max(0.0, left)))

    def look(self) -> None:
        """Let workers go whose leases have ended, and others do what is late by now."""
        with self._lock:
            now = self._clock()
            for incarnation in self._state.expire(now):
                self._news.leases_ended += 1
                self._roll.lose(incarnation)
                self._warn(f"worker {self._names[incarnation]} has been silent for too long; its shards go on")
            overtaken = self._state.overtake(now)
            for incarnation in overtaken.keys() - self._overtaken:
                slowness = f"has taken {overtaken[incarnation]:.0f} times as long as the others so far"
                self._warn(f"worker {self._names[incarnation]} {slowness}; its shards are computed elsewhere too")
            self._overtaken |= overtaken.keys()
            self._deliver()

    def next_report(self) -> Report:
        """Wait for and return what has happened since the last report; the last one has `ended`.

        Raises TrainingFailed where the job cannot go on.
        """
        with self._lock:
            while not (self._news.there or self._ended):
                self._changed.wait()
            if self._failure is not None and not self._news.there:
                raise TrainingFailed(self._failure)
            news, self._news = self._news, News()
            ended = self._ended and self._failure is None
            members, version = self._state.members, self._state.version
            layers, staleness = self._layers.take(tuple(members)), members.staleness(version)
            return news.report(version, len(members), staleness, layers, ended)

    def roll(self) -> list[dict[str, Any]]:
        """Return who is there and what they have done since the last call."""
        with self._lock:
            return self._roll.told(self._state.members, self._state.version, self._clock())

    @property
    def _ended(self) -> bool:
        return self._state.complete or self._state.stopped or self._failure is not None

    def _tell(self) -> None:
        """Wake whoever waits for news; the others only when there is nothing more to wait for."""
        self._news.there = True
        self._changed.notify_all()
        if self._ended:
            self._watching.notify_all()
            self._hashing.wake()
