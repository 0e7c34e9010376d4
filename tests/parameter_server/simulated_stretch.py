"""Stretches without workers' memory: what each tells, and what lies in the arena when all have."""

from types import SimpleNamespace

import numpy as np
from simulated_job import Job

from chainrule.data.shard_tree import root
from chainrule.data.work import Work
from chainrule.nn import Mean
from chainrule.wire.arena import State
from chainrule.wire.stretched import DIGEST_BYTES, Seconds, StretchStep


class Arenas:
    """In place of a coordinator's: what has been made in a stretch, by its number."""

    def __init__(self) -> None:
        self.made: dict[int, State] = {}

    def of(self, stretch):
        return SimpleNamespace(state=lambda: self.made[stretch.number])


def taken(work: Work) -> int:
    """How many steps a stretch has: now and then it ends early, for all its workers alike."""
    count, (turn, early) = work.stretch.until - work.version, divmod(work.stretch.number, 4)
    return turn % (count + 1) if early == 0 else count


def take(job: Job, work: Work, theta: np.ndarray, slots: dict[str, np.ndarray]) -> tuple[list[StretchStep], State]:
    """Take the steps alone, from copies; return what a worker tells of its nodes, and what there is at the end."""
    state = State(theta.copy(), {name: slots[name].copy() for name in job.update.slots})
    steps = []
    for version in range(work.version, work.version + taken(work)):
        own = tuple(job.partial(state.theta, version, node).training for node in work.nodes)
        steps.append(StretchStep(own, (bytes(DIGEST_BYTES),) * len(own), b"", Seconds(0.1, 0.0, 0.1, 0.0)))
        total = job.partial(state.theta, version, root(job.plan.shards))
        mean = Mean((total.gradient,), total.training.weight)
        job.update.apply_to_part(state.theta, mean, state.slots, version, work.stretch.factor)
    return steps, state
