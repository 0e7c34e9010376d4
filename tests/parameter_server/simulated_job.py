"""A job that a seed draws, what its workers answer, and what training it must end in: one loop without any faults."""

from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import xxhash

from chainrule.data.shard_tree import Node, fold, root
from chainrule.nn import OPTIMIZERS, Mean, Parameters, Patience, Plateau, Update, parameter_count
from chainrule.parameter_server.plan import Plan
from chainrule.parameter_server.state import BEST
from chainrule.parameter_server.watch import Memory, Watch
from chainrule.wire.partials import Partial, Sums

SIZES = (2, 3, 2)
COUNT = parameter_count(SIZES)
_RNG = np.random.default_rng(0)
NUMBERS = (_RNG.normal(size=2**16) * 10.0 ** _RNG.integers(-3, 3, 2**16)).astype(np.float32)
"""Of many magnitudes, so that the order of additions shows in the bits."""


@dataclass(frozen=True)
class Job:
    plan: Plan
    update: Update
    watch: Watch
    _known: dict[tuple[bytes, int, Node], Partial] = field(default_factory=dict)

    def parameters(self) -> Parameters:
        return Parameters.view(NUMBERS[:COUNT].copy(), SIZES)

    def slots(self) -> dict[str, np.ndarray]:
        names = (*self.update.optimizer.slots, *([BEST] if self.watch.stopping else []))
        return {name: np.zeros(COUNT, np.float32) for name in names}

    def partial(self, weights: np.ndarray, version: int, node: Node) -> Partial:
        """Return what a right worker answers; one changed bit of the weights changes everything."""
        key = weights.tobytes(), version, node
        if key not in self._known:
            self._known[key] = fold(node, lambda shard: self._leaf(key[0], version, shard), Partial.add)
        return copy(self._known[key])

    def _leaf(self, weights: bytes, version: int, shard: int) -> Partial:
        number = xxhash.xxh3_64_intdigest(weights, seed=64 * version + shard)
        start = number % (NUMBERS.size - COUNT)
        loss = (number >> 11) * 2.0 ** -(40 + number % 20)
        train, evaluate = self.plan.trains(version), self.plan.evaluates(version)
        gradient = NUMBERS[start : start + COUNT].copy() if train else np.empty(0, np.float32)
        training = Sums(loss, 1.0 + number % 9) if train else Sums()
        return Partial(gradient, training, Sums(loss / 3, 5.0, number % 6) if evaluate else Sums())


def copy(partial: Partial) -> Partial:
    """Return a partial that may be added to."""
    return Partial(partial.gradient.copy(), partial.training, partial.validation)


def draw_job(rng: Random) -> Job:
    steps_per_epoch = rng.randint(1, 5)
    epochs = rng.randint(-(-5 // steps_per_epoch), 25 // steps_per_epoch)
    plan = Plan(
        epochs * steps_per_epoch, steps_per_epoch, rng.randint(1, 6), rng.random() < 0.5, apart=rng.random() < 0.25
    )
    metric = "validation_loss" if plan.validates else "train_loss"
    stopping = Patience(metric, rng.randint(1, 3)) if rng.random() < 0.3 else None
    plateau = Plateau(metric, rng.randint(1, 2)) if rng.random() < 0.2 else None
    return Job(plan, Update(OPTIMIZERS[rng.choice(sorted(OPTIMIZERS))]()), Watch(stopping, plateau))


@dataclass
class Truth:
    """The weights at each version, the steps' sums, and what is there at the end."""

    weights: dict[int, bytes] = field(default_factory=dict)
    training: dict[int, Sums] = field(default_factory=dict)
    validation: dict[int, Sums] = field(default_factory=dict)
    final: tuple[int, bytes, dict[str, bytes]] = (0, b"", {})


def straight_line(job: Job) -> Truth:
    """Train: at each version add up all shards, follow the metrics behind an epoch, take the step."""
    plan, theta, slots, memory, truth = job.plan, job.parameters(), job.slots(), Memory(), Truth()
    for t in range(plan.steps + 1):
        truth.weights[t] = theta.flat.tobytes()
        total = job.partial(theta.flat, t, root(plan.shards))
        if t and t % plan.steps_per_epoch == 0:
            if plan.validates:
                truth.validation[t] = total.validation
            best, memory = memory.stopping.best, job.watch.after_epoch(memory, t, truth.validation.get(t))
            if memory.stopping.best != best:
                slots[BEST][:] = theta.flat
        if memory.ended or t == plan.steps:
            break
        truth.training[t] = total.training
        memory = replace(memory, epoch=memory.epoch + total.training)
        mean = Mean((total.gradient,), total.training.weight)
        job.update.apply(theta, mean, slots, t, job.watch.factor(memory))
    weights = slots[BEST] if job.watch.stopping else theta.flat
    truth.final = t, weights.tobytes(), {name: slot.tobytes() for name, slot in slots.items()}
    return truth
