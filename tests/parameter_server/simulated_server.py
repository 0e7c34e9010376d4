"""The real coordinator and state of one generation, on one thread, under a simulated clock, with books of their own."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from simulated_job import Job, Truth, copy
from simulated_stretch import Arenas
from simulated_time import Timeline

from chainrule.data.shard_tree import Node
from chainrule.parameter_server.coordinator import LOOK_SECONDS, Coordinator
from chainrule.parameter_server.plan import Outcome, Snapshot, Step
from chainrule.parameter_server.reports import Report
from chainrule.parameter_server.state import TrainingState
from chainrule.parameter_server.stretches import Ongoing
from chainrule.wire.arena import State
from chainrule.wire.partials import Partial
from chainrule.wire.stretched import StretchStep

NEVER = {Outcome.DIVERGED, Outcome.NONFINITE}


class Violation(AssertionError):
    """What must hold does not."""


def hold(condition: bool, what: str) -> None:
    if not condition:
        raise Violation(what)


@dataclass(frozen=True)
class Push:
    incarnation: int
    generation: int
    version: int
    node: Node
    partial: Partial

    def __str__(self) -> str:
        return f"a push of {self.node} of version {self.version} by worker {self.incarnation}.{self.generation}"


class CheckedState(TrainingState):
    """The real state; what becomes of each push is noted and compared."""

    truth: Truth
    stretched: int  # pushes that were none: in stretches

    def start_at(self, version: int) -> None:
        super().start_at(version)
        self.shards = Counter[int]()

    def push(
        self, incarnation: int, generation: int, version: int, node: Node, partial: Partial, now: float
    ) -> tuple[Outcome, Step | None]:
        before, shards = self.version, self.shards
        outcome, step = super().push(incarnation, generation, version, node, partial, now)
        self.judged[incarnation, version, node, outcome] += 1
        self.last_outcome = outcome
        if outcome is Outcome.APPLIED:
            shards.update(range(*node))
            hold(version == before, f"N2: a push of version {version} is applied at version {before}")
            hold(generation == self.generation, "N2: a push of another generation is applied")
            hold(max(shards.values()) == 1, f"N2: shards {node} are applied twice at version {before}")
        if step is not None:
            self._check(step, before, shards)
        return outcome, step

    def commit(self, stretch: Ongoing, weights: np.ndarray, slots: Mapping[str, np.ndarray], now: float) -> list[Step]:
        before = self.version
        steps = super().commit(stretch, weights, slots, now)
        hold([step.version for step in steps] == list(range(before, self.version)), f"N2: {steps} follow {before}")
        self.stretched += len(steps) * len(stretch.nodes)
        hold(self.parameters.flat.tobytes() == self.truth.weights.get(self.version), f"N4: {self.version} differs")
        return steps

    def _check(self, step: Step, before: int, shards: Counter[int]) -> None:
        hold(step.version == before, f"N2: step {step.version} is taken at version {before}")
        hold(len(shards) == self.plan.shards, f"N2: step {before} is made of shards {sorted(shards)} only")
        hold(self.version == before + (step.training is not None), f"N2: version {self.version} follows {before}")
        weights = self.truth.final[1] if self.complete else self.truth.weights.get(self.version)
        hold(self.parameters.flat.tobytes() == weights, f"N4: the weights of version {self.version} differ")


class Blocked(Exception):
    """A thread would wait here for a change."""


class Changed:
    """In place of the condition on which reports wait: a wait raises, so that one thread can play all of them."""

    def wait(self) -> None:
        raise Blocked

    def notify_all(self) -> None:
        pass


class Server:
    """One generation of the parameter server; each session is a stream, with who receives what comes down it."""

    def __init__(self, job: Job, truth: Truth, generation: int, cut: Snapshot | None, time: Timeline) -> None:
        parameters, slots = job.parameters(), job.slots()
        if cut is not None:
            parameters.flat[:] = cut.weights
            slots = {name: slot.copy() for name, slot in cut.slots.items()}
        memory = cut.memory if cut else None
        self.state = CheckedState(job.plan, generation, parameters, job.update, slots, job.watch, memory)
        self.state.truth, self.state.judged, self.state.stretched = truth, Counter(), 0
        self.state.start_at(cut.version if cut else 0)
        self.time, self.generation, self.joined = time, generation, 0
        self.coordinator = Coordinator(self.state, time.clock)
        self.coordinator.books._changed = Changed()
        self.coordinator.together.arenas = self.arenas = Arenas()
        self.alive, self.ended = True, False
        self.alarm: float | None = None
        self.delivered, self.counted, self.told = 0, Counter[str](), Counter[Any]()

    def join(self) -> int:
        self.joined += 1
        return self.coordinator.join(f"{self.joined}.{self.generation}")

    def open(self, incarnation: int, receive: Callable[[Any], None], *, together: bool) -> None:
        """Attach a worker: what is delivered arrives a little later, in order."""
        arrives = self.time.now

        def deliver(message: Any) -> None:
            nonlocal arrives
            arrives = max(arrives, self.time.now + self.time.lag())
            self.time.later(arrives - self.time.now, self._arrive, receive, message)
            if message is None:  # pushes may come until the stream is closed
                self.time.later(10 * self.time.lag(), self.close, incarnation)

        self.coordinator.attach(incarnation, deliver, together=together)

    def _arrive(self, receive: Callable[[Any], None], message: Any) -> None:
        if self.alive:
            receive(message)

    def close(self, incarnation: int) -> None:
        """End a worker's stream."""
        if self.alive:
            self.coordinator.leave(incarnation)

    def look(self) -> None:
        """Let the thread that watches workers look, and look again when there will be something to see."""
        self.coordinator.look()
        moment = self.state.next_look()
        if moment is not None:
            moment = min(self.time.now + LOOK_SECONDS, max(moment, self.time.now + 1e-6))
        if moment is not None and (self.alarm is None or moment < self.alarm):
            self.alarm = moment
            self.time.later(moment - self.time.now, self._ring, moment)

    def _ring(self, moment: float) -> None:
        if moment == self.alarm and self.alive:  # no earlier one has been set
            self.alarm = None
            self.look()

    def push(self, push: Push) -> Outcome:
        """Let a push arrive, and return what becomes of it."""
        self.delivered += 1
        partial = copy(push.partial)
        self.coordinator.push(push.incarnation, push.generation, push.version, push.node, partial)
        return self.state.last_outcome

    def stretched(self, incarnation: int, number: int, steps: list[StretchStep], made: State) -> None:
        """Let a worker's word of a stretch arrive."""
        if self.alive:
            self.arenas.made[number] = made
            self.coordinator.stretched(incarnation, self.generation, number, steps)

    def next_report(self) -> Report | None:
        """Return what there is to report."""
        try:
            report = self.coordinator.next_report()
        except Blocked:
            return None
        self.counted.update(report.pushes)
        self.ended = report.ended
        return report

    def kill(self) -> None:
        """End the generation; what it has not reported is lost, but its books must be right."""
        self.next_report()
        self.alive = False
        self.check()

    def check(self) -> None:
        """Compare the books: pushes that came, were judged, were counted, and what the workers were told."""
        judged = Counter[str]()
        for (*_, outcome), number in self.state.judged.items():
            judged[outcome] += number
        judged[Outcome.APPLIED] += self.state.stretched
        come = self.delivered + self.state.stretched
        hold(judged.total() == come, f"N3: {come} pushes have come, {judged.total()} were judged")
        hold(judged == self.counted, f"N3: the reports count {self.counted}, not {judged}")
        hold(not NEVER & judged.keys(), f"N3: no worker was wrong, but the outcomes are {judged}")
        hold(self.told <= self.state.judged, f"N3: workers were told {self.told - self.state.judged}, which is wrong")
