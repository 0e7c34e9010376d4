"""The parameter server's state machine: which partials count, and what they add up to. Pure.

An accepted partial is added to its sibling as soon as both are there, and so on up the shard tree: the root's sum has
the same bits whoever pushed what. The last addition, the average and the update are one pass over the weights, in
place; the version becomes t + 1, and whatever is still under way for t is stale. A worker that is late may thus read
weights of two versions: what it makes of them is stale, too.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chainrule.data.shard_tree import Node, parent, root
from chainrule.data.work import Work
from chainrule.nn import Array, Mean, Parameters, all_finite
from chainrule.parameter_server.assignment import Assignment
from chainrule.parameter_server.inspection import Updating
from chainrule.parameter_server.members import Members
from chainrule.parameter_server.plan import Outcome, Plan, Step
from chainrule.parameter_server.watch import Memory, Watch
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.partials import Partial, Sums

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
        """Let a worker go; what it owed is dealt to the others at once."""
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
        return self._assignment.overtake(now)

    def lags(self) -> dict[int, int]:
        """Return how many versions each live worker is behind with what it still computes."""
        return {incarnation: self._assignment.lag(incarnation) for incarnation in self.members}

    def next_look(self) -> float | None:
        """Return when `expire` or `overtake` will do something, unless workers are heard before."""
        moments = (self.members.next_end(), self._assignment.next_deadline())
        return min((moment for moment in moments if moment is not None), default=None)

    def take_work(self, incarnation: int, now: float) -> Work | None:
        """Return what the worker owes and has not been told of."""
        nodes = () if self.complete else self._assignment.take(incarnation, now)
        if not nodes:
            return None
        return Work(self.version, nodes, self.plan.trains(self.version), self.plan.evaluates(self.version))

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
        if self.complete or self.stopped or not self._assignment.owes(incarnation, node):
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
