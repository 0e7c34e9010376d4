"""The state machine under one lock: what the threads of the streams, the leases and the reports share.

Whoever changes something delivers what follows from it to the workers, before it lets go of the lock: a worker's next
work is on its way without another thread having to wake up.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

from chainrule.data.shard_tree import Node
from chainrule.data.work import Work
from chainrule.nn import Array
from chainrule.parameter_server.books import Books
from chainrule.parameter_server.hashing import Hashing
from chainrule.parameter_server.inspection import Inspection
from chainrule.parameter_server.phases import UNKNOWN, Seconds
from chainrule.parameter_server.plan import Outcome, Result, Snapshot
from chainrule.parameter_server.reports import Report
from chainrule.parameter_server.state import TrainingState
from chainrule.parameter_server.together import Together
from chainrule.wire.errors import Fenced, TrainingFailed
from chainrule.wire.faults import fail_at
from chainrule.wire.layers import LayerActivity
from chainrule.wire.partials import Partial
from chainrule.wire.stretched import StretchStep

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
        self._watching = threading.Condition(self._lock)
        self._hashing = Hashing(state, self._lock, lambda: self._ended)
        self._streams: dict[int, Deliver] = {}
        self._dismissed: set[str] = set()
        self._failure: str | None = None
        self.books = Books(self._lock, clock())
        self.together = Together(state, self.books, self._hashing, clock)
        self._near: set[int] = set()  # who may take stretches

    @property
    def generation(self) -> int:
        """The number of this parameter server's start."""
        return self._state.generation

    @property
    def live_weights(self) -> Array:
        """The flat buffer of the weights, which each step changes in place."""
        return self._state.parameters.flat

    @property
    def layers(self) -> tuple[slice, ...]:
        """Where the layers are in that buffer, and in a gradient's."""
        return tuple(self._state.parameters.parts.values())

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
            dismissed = self.books.names.get(incarnation) in self._dismissed
            if generation == self.generation and (self._ended or dismissed):
                return None
            return Fenced(f"worker {incarnation} has no lease (any more); it has to join again")

    def join(self, name: str) -> int:
        """Admit a worker and return its incarnation."""
        with self._lock:
            incarnation = self._state.join(self._clock())
            self.books.join(incarnation, name)
            if name in self._dismissed:  # it was still on its way
                self._state.dismiss(incarnation)
            self._tell()
            return incarnation

    def attach(self, incarnation: int, deliver: Deliver, *, together: bool = False) -> None:
        """Deliver a worker's messages until its lease, its time or the job has ended; stretches too, if `together`."""
        with self._lock:
            if together:
                self._near.add(incarnation)
            self._streams[incarnation] = deliver
            self._deliver()

    def dismiss(self, names: Collection[str]) -> None:
        """Let workers go at the start of the next version; their streams end well."""
        with self._lock:
            self._dismissed.update(names)
            for incarnation in self._state.members:
                if self.books.names[incarnation] in names:
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
            applied = self._clock()
            if step is not None:
                self._state.stretches.stepped(applied)
            fail_at("server.after_apply")
            if generation == self.generation and incarnation in self._streams:
                self._streams[incarnation](Result(version, node, outcome))
            if outcome in (Outcome.NONFINITE, Outcome.DIVERGED):
                self._refuse(outcome, version, node, incarnation)
            self._deliver()  # workers wait for nothing else
            self.books.push(outcome)
            if outcome is Outcome.APPLIED:
                self.books.contribution(incarnation, version, node, partial.training.weight, arrived, seconds)
            if step is not None:
                self.books.step(step, judged, applied, self._hashing.take())
            self._tell()

    def _examine(self, version: int, partial: Partial) -> None:
        """Let each stream's thread read through what it has received by itself: the results are kept."""
        if partial.finite and self._state.plan.hashes(version):
            _ = partial.digest

    def _refuse(self, outcome: Outcome, version: int, node: Node, worker: int) -> None:
        if outcome is Outcome.DIVERGED:
            self.books.warn_of(worker, f"has computed other numbers for shards {node} at step {version} than before")
        else:
            what = f"the loss or a gradient of shards {node} is not finite at step {version}"
            self.fail(f"{what}: a smaller optimizer.learning_rate may help")

    def _deliver(self) -> None:
        """Give every worker what it is to do now."""
        now = self._clock()
        self.together.begin(self._near & self._streams.keys(), now)
        for incarnation, deliver in tuple(self._streams.items()):
            if self._ended or incarnation not in self._state.members:
                del self._streams[incarnation]
                self._near.discard(incarnation)
                deliver(None)
            elif (work := self._state.take_work(incarnation, now)) is not None:
                deliver(work)

    def stretched(self, incarnation: int, generation: int, number: int, steps: Sequence[StretchStep]) -> None:
        """Take what a worker has done in a stretch; the last one's word makes it count. Raises ShapeMismatch."""
        with self._lock:
            if generation == self.generation:
                self.together.take(incarnation, number, steps)
            self._deliver()
            self._tell()

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

    @property
    def conclusion(self) -> str:
        """A sentence on how training has ended, where a metric decided."""
        with self._lock:
            return self._state.watch.describe(self._state.memory, self._state.version, self._state.plan.steps)

    def fail(self, reason: str) -> None:
        """Let the job fail, unless it has ended."""
        with self._lock:
            if not self._ended:
                self._state.stopped, self._failure = True, reason
            self._deliver()
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
                self.books.news.leases_ended += 1
                self.books.roll.lose(incarnation)
                self.books.warn_of(incarnation, "has been silent for too long; its shards go on")
            for incarnation, times in self._state.overtake(now).items():
                slowness = f"has taken {times:.0f} times as long as the others so far"
                self.books.warn_of(incarnation, f"{slowness}; its shards are computed elsewhere too", once="overtaken")
            self.together.look(now)
            self._deliver()

    def next_report(self) -> Report:
        """Wait for and return what has happened since the last report; the last one has `ended`.

        Raises TrainingFailed where the job cannot go on.
        """
        with self._lock:
            there, news = self.books.wait(lambda: self._ended)
            if self._failure is not None and not there:
                raise TrainingFailed(self._failure)
            ended = self._ended and self._failure is None
            lags, layers = self._state.lags(), self._layers.take(tuple(self._state.members))
            return news.report(self._state.version, len(lags), max(lags.values(), default=0), layers, ended)

    def roll(self) -> list[dict[str, Any]]:
        """Return who is there and what they have done since the last call."""
        with self._lock:
            return self.books.roll.told(self._state.lags(), self._clock())

    @property
    def _ended(self) -> bool:
        return self._state.complete or self._state.stopped or self._failure is not None

    def _tell(self) -> None:
        """Wake whoever waits for news; the others only when there is nothing more to wait for."""
        self.books.tell()
        if self._ended:
            self._watching.notify_all()
            self._hashing.wake()
