"""The parameter server's state machine: which partials count, and what they add up to. Pure.

An accepted partial is added to its sibling as soon as both are there, and so on up the shard tree: the root's sum has
the same bits whoever pushed what. The last addition, the average and the update are one pass over the weights, in
place; the version becomes t + 1, and whatever is still under way for t is stale. A worker that is late may thus read
weights of two versions: what it makes of them is stale, too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from chainrule.data.shard_tree import Node, parent, root
from chainrule.data.work import Work
from chainrule.nn import Array, Mean, Parameters, all_finite
from chainrule.parameter_server.assignment import Assignment
from chainrule.parameter_server.inspection import Updating
from chainrule.parameter_server.members import Members
from chainrule.parameter_server.plan import Outcome, Plan, Step
from chainrule.parameter_server.stretches import Ongoing, Stretches
from chainrule.parameter_server.watch import Memory, Watch
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.stretched import StretchStep, most_steps

BEST = "best"
"""The slot of the best weights so far, of a job that stops early."""


class TrainingState:
    """θ_t with the optimizer's slots, the workers, and the partials of version t that have come.

    A job that stops early has one slot more: the best weights so far. Where training is stopped, no step is taken any
    more: it would come behind the last report, and be in no history.
    """

    def __init__(
        self,
        plan: Plan,
        generation: int,
        parameters: Parameters,
        update: Updating,
        slots: dict[str, Array],
        watch: Watch | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.plan, self.generation, self.version = plan, generation, 0
        self.parameters, self.update, self.slots = parameters, update, slots
        self.watch, self.memory = watch or Watch(), memory or Memory()
        self.members, self.stopped = Members(), False
        self._dismissed: set[int] = set()
        self._assignment = Assignment(plan.shards, apart=plan.apart)
        self._sums: dict[Node, Partial] = {}
        self._digests: dict[Node, bytes] = {}
        self._modest = True  # no sum of what has come can be infinite
        self.stretches = Stretches(plan, follows=plan.validates or self.watch != Watch())
        self.start_at(0)

    def start_at(self, version: int) -> None:
        """Begin a version: let go whom the last one was for, deal the shards, forget the partials."""
        self.version, self._modest = version, True
        self.complete = self.memory.ended or not (self.plan.trains(version) or self.plan.evaluates(version))
        self._sums.clear()
        self._digests.clear()
        while self._dismissed:
            self.leave(self._dismissed.pop())
        self._assignment.deal(version)

    def join(self, now: float) -> int:
        """Admit a worker and return its incarnation: it gets what nobody owes now, its share at the next version."""
        incarnation = self.members.join(now)
        self._assignment.add(incarnation)
        return incarnation

    def leave(self, incarnation: int) -> None:
        """Let a worker go; what it owed is dealt to the others at once. A stretch with it does not count."""
        if self.stretches.present is not None and incarnation in self.stretches.present.shares:
            self.give_up()
        self.members.leave(incarnation)
        self._assignment.remove(incarnation)

    def dismiss(self, incarnation: int) -> None:
        """Let a worker go at the start of the next version; until then it does its share."""
        self._dismissed.add(incarnation)

    def expire(self, now: float) -> list[int]:
        """Let every worker go whose lease has ended, and return them."""
        lost = self.members.expired(now)
        for incarnation in lost:
            self.leave(incarnation)
        return lost

    def overtake(self, now: float) -> dict[int, float]:
        """Let idle workers compute too what others are late with.

        Return the late workers, each with how many times the median it has taken so far.
        """
        return {} if self.stretches.present else self._assignment.overtake(now)

    def overdue(self, now: float) -> set[int]:
        """Give up a stretch that is late, and return the workers that have not told of it."""
        stretch = self.stretches.present
        if stretch is None or now < stretch.deadline:
            return set()
        self.stretches.late(stretch)
        self.give_up()
        return stretch.missing

    def lags(self) -> dict[int, int]:
        """Return how many versions each live worker is behind with what it still computes."""
        return {incarnation: self._assignment.lag(incarnation) for incarnation in self.members}

    def next_look(self) -> float | None:
        """Return when `expire`, `overtake` or `overdue` will do something, unless workers are heard before."""
        late = self._assignment.next_deadline() if self.stretches.present is None else self.stretches.present.deadline
        moments = (self.members.next_end(), late)
        return min((moment for moment in moments if moment is not None), default=None)

    def begin_stretch(self, able: Collection[int], now: float) -> Ongoing | None:
        """Let the workers take steps among themselves, where all are `able` to and everything is as usual."""
        unusual = self.stretches.present or self._dismissed or self.complete or self.stopped
        if unusual or not self.update.element_wise or not all(worker in able for worker in self.members):
            return None
        count = self.stretches.longest(self.version)
        shares = self._assignment.fresh() if count else {}
        if not shares:
            return None
        count = min(count, most_steps(max(map(len, shares.values())), len(self.parameters.W)))
        return self.stretches.begin(self.version, count, shares, self.watch.factor(self.memory), now)

    def finish_stretch(self, incarnation: int, number: int, steps: Sequence[StretchStep]) -> Ongoing | None:
        """Note what a worker has done in a stretch, and return it once all have. Raises ShapeMismatch."""
        stretch = self.stretches.present
        if stretch is None or stretch.number != number or incarnation not in stretch.shares or self.stopped:
            return None  # it was given up meanwhile
        if not stretch.tell(incarnation, steps):
            return None
        if not stretch.agreed:
            self.give_up()
            return None
        return stretch

    def commit(self, stretch: Ongoing, weights: Array, slots: Mapping[str, Array], now: float) -> list[Step]:
        """Take over a stretch and what it has made of weights and slots; return its steps."""
        steps = [
            self._committed(stretch, version, told) for version, told in enumerate(stretch.steps(), stretch.version)
        ]
        if steps:
            np.copyto(self.parameters.flat, weights)
            for name, slot in slots.items():
                np.copyto(self.slots[name], slot)
        self._assignment.recall()
        self.stretches.end(stretch, len(steps), now)
        self.start_at(stretch.version + len(steps))
        return steps

    def _committed(self, stretch: Ongoing, version: int, told: Sequence[StretchStep]) -> Step:
        training = stretch.training(told)
        if self.plan.begins_epoch(version):
            self.memory = self.watch.after_epoch(self.memory, version, None)
        self.memory = replace(self.memory, epoch=self.memory.epoch + training)
        return Step(version, training, None, stretch.digests(told) if self.plan.hashes(version) else ())

    def give_up(self) -> None:
        """Let a stretch not count: its steps are taken again."""
        self.stretches.give_up()
        self._assignment.recall()

    def take_work(self, incarnation: int, now: float) -> Work | None:
        """Return what the worker owes and has not been told of."""
        nodes = () if self.complete else self._assignment.take(incarnation, now)
        if not nodes:
            return None
        self.stretches.work_given(now)
        stretch = None if self.stretches.present is None else self.stretches.present.of(incarnation)
        return Work(self.version, nodes, self.plan.trains(self.version), self.plan.evaluates(self.version), stretch)

    def push(
        self, incarnation: int, generation: int, version: int, node: Node, partial: Partial, now: float
    ) -> tuple[Outcome, Step | None]:
        """Judge a partial and, where it counts, add it. Return the step too that it completes. Raises ShapeMismatch."""
        outcome = self._judge(incarnation, generation, version, node, partial)
        if generation == self.generation:
            self._assignment.answer(incarnation, version, node, now)
        if outcome is not Outcome.APPLIED:
            return outcome, None
        self._digests[node] = partial.digest if self.plan.hashes(version) else b""
        self._modest = self._modest and partial.modest
        self._assignment.settle(node)
        parts = self._add(node, partial)
        if parts is None:
            return outcome, None
        step = self.complete_version(parts) if self._modest or _sum_is_finite(parts) else None
        return (Outcome.NONFINITE, None) if step is None else (outcome, step)

    def _judge(self, incarnation: int, generation: int, version: int, node: Node, partial: Partial) -> Outcome:
        if version < self.version:
            return Outcome.STALE
        if generation != self.generation or incarnation not in self.members or version > self.version:
            return Outcome.FENCED
        if node in self._digests:
            known = self._digests[node] or self._sums[node].digest
            return Outcome.DUPLICATE if known == partial.digest else Outcome.DIVERGED
        if self.complete or self.stopped or self.stretches.present or not self._assignment.owes(incarnation, node):
            return Outcome.FENCED
        expected = self.parameters.flat.shape if self.plan.trains(version) else (0,)
        if partial.gradient.shape != expected or partial.gradient.dtype != np.float32:
            raise ShapeMismatch(f"a gradient {partial.gradient.shape} of {partial.gradient.dtype}, expected {expected}")
        return Outcome.APPLIED if partial.finite else Outcome.NONFINITE

    def _add(self, node: Node, partial: Partial) -> tuple[Partial, ...] | None:
        """Add a partial to its sibling, the sum to its sibling, ...; return what the root is the sum of, once it is."""
        while (above := parent(node, self.plan.shards)) is not None:
            self._sums[node] = partial
            if not all(child in self._sums for child in above.children):
                return None
            left, right = (self._sums.pop(child) for child in above.children)
            if above == root(self.plan.shards):
                return left, right
            self._keep_digests(above.children, (left, right))
            node, partial = above, left.add(right)
        return (partial,)

    def _keep_digests(self, nodes: Sequence[Node], partials: Sequence[Partial]) -> None:
        """Hash what was pushed before it is changed, unless it has been hashed."""
        for node, partial in zip(nodes, partials, strict=True):
            if self._digests.get(node) == b"":
                self._digests[node] = partial.digest

    def complete_version(self, parts: Sequence[Partial]) -> Step | None:
        """Take this version's step from the parts of the root; None where the last one makes the weights infinite."""
        train, evaluate = self.plan.trains(self.version), self.plan.evaluates(self.version)
        training = sum((part.training for part in parts), Sums()) if train else None
        validation = sum((part.validation for part in parts), Sums()) if evaluate else None
        digests = tuple(self._digests.items()) if self.plan.hashes(self.version) else ()
        step = Step(self.version, training, validation, digests)
        self._digests.clear()
        if self.plan.begins_epoch(self.version):
            self._close_epoch(validation)
        if training is not None and not self.memory.ended:
            self._train(Mean(tuple(part.gradient for part in parts), training.weight), training)
            if self.version + 1 >= self.plan.steps and not all_finite(self.parameters.flat):
                return None
            self.start_at(self.version + 1)
            if self.complete:
                self._close_epoch(None)
        else:
            step, self.complete = replace(step, training=None), True
        if self.complete:
            self._finish()
        return step

    def _close_epoch(self, validation: Sums | None) -> None:
        """Let the epoch's metrics be followed; the weights of the best one are kept."""
        best = self.memory.stopping.best
        self.memory = self.watch.after_epoch(self.memory, self.version, validation)
        if self.watch.stopping and self.memory.stopping.best != best:
            np.copyto(self.slots[BEST], self.parameters.flat)

    def _train(self, mean: Mean, training: Sums) -> None:
        """Average and apply."""
        self.memory = replace(self.memory, epoch=self.memory.epoch + training)
        self.update.apply(self.parameters, mean, self.slots, self.version, self.watch.factor(self.memory))

    def _finish(self) -> None:
        """Take the best weights for the final ones; whoever starts from here finds that training has ended."""
        if self.watch.stopping and self.memory.stopping.best is not None:
            np.copyto(self.parameters.flat, self.slots[BEST])
        self.memory = replace(self.memory, ended=True)


def _sum_is_finite(parts: Sequence[Partial]) -> bool:
    """Whether what the parts add up to is finite; the sum is made for this alone."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all_finite(sum((part.gradient for part in parts[1:]), parts[0].gradient))
