"""Steps that the workers of a host take among themselves, in shared memory: nobody waits for the parameter server.

Every number is the one that it would be by way of the server: the same partials, added up in the order of the shard
tree, and the same update; each worker updates a part of the weights. Where something is not as usual, all stop before
the step, and the server takes it.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from operator import add
from typing import TypeAlias

import numpy as np

from chainrule.data.shard_tree import Node, add_up
from chainrule.data.work import Stretch, Work
from chainrule.nn import Array, Mean, Parameters, Update
from chainrule.wire.arena import Arena, Layout, layers_of, part_of
from chainrule.wire.faults import fail_at
from chainrule.wire.fingerprints import LAYER_BYTES, layer_hash
from chainrule.wire.partials import Partial
from chainrule.wire.stretched import DIGEST_BYTES, Seconds, StretchStep
from chainrule.worker.streams import LocalStream

SPIN_SECONDS = 0.002
"""So long a worker looks whether the others are there: to sleep and to be woken takes longer than most waits."""
LOOK_SECONDS = 0.001
"""Then it sleeps for so long between two looks, unless it hears from the server."""


Compute: TypeAlias = Callable[[Parameters, Work, Node, Parameters], Partial]
"""Returns the partial of a node at the work's version, with its gradient in a given place."""


class Interrupted(Exception):
    """The parameter server has something else to be done: the stretch does not count."""


class Stretching:
    """One stretch, as one of its workers takes it."""

    def __init__(self, stream: LocalStream, update: Update, compute: Compute, work: Work, stretch: Stretch) -> None:
        self._stream, self._update, self._compute = stream, update, compute
        self._work, self._stretch = work, stretch
        sizes, size = stream.parameters.sizes, stream.parameters.flat.size
        layout = Layout(size, update.slots, stretch.workers, len(stretch.nodes))
        self._arena = arena = Arena(stream.arena, layout)
        self._theta = Parameters.view(arena.state.theta, sizes)
        self._part = part_of(size, stretch.workers, stretch.seat)
        self._own = arena.state.part(self._part)
        self._places = {node: i for i, node in enumerate(stretch.nodes)}
        self._rooms = {node: Parameters.view(arena.gradients[self._places[node]], sizes) for node in work.nodes}
        self._parts = {node: arena.gradients[i][self._part] for node, i in self._places.items()}
        self._layers = layers_of(sizes, stretch.workers)[stretch.seat]

    def steps(self) -> list[StretchStep]:
        """Take the steps; return what they tell: fewer, where one is the server's business. Raises Interrupted."""
        self._begin()
        steps: list[StretchStep] = []
        for version in range(self._work.version, self._stretch.until):
            if self._stream.heard(0.0):
                raise Interrupted
            if (step := self._step(version)) is None:
                break
            steps.append(step)
        return steps

    def _begin(self) -> None:
        """Bring the server's weights and slots into the arena: each worker its part."""
        version = self._work.version
        theirs = self._stream.state(self._update.slots)
        self._own.copy_from(theirs.part(self._part))
        self._arena.tell_applied(self._stretch.seat, version)
        self._wait_applied(version)

    def _step(self, version: int) -> StretchStep | None:
        """Take a step with the others; None where the sum of the gradients may be infinite."""
        arena, seat, clock = self._arena, self._stretch.seat, time.perf_counter
        began = clock()
        partials = [self._partial(version, node) for node in self._work.nodes]
        computed = clock()
        hashed = all(partial.found.digest for partial in partials)
        layers = b"".join(layer_hash(self._theta, L) if hashed else bytes(LAYER_BYTES) for L in self._layers)
        arena.tell_pushed(seat, version, modest=all(each.modest and each.training.finite for each in partials))
        averaged = clock()
        self._wait_pushed(version)
        if not arena.modest(version):
            return None
        waited = clock()
        fail_at("stretch.before_apply")
        self._apply(version)
        fail_at("stretch.after_apply")
        arena.tell_applied(seat, version + 1)
        applied = clock()
        self._wait_applied(version + 1)
        wait = waited - averaged + clock() - applied
        return StretchStep(
            tuple(partial.training for partial in partials),
            tuple(partial.digest if hashed else bytes(DIGEST_BYTES) for partial in partials),
            layers,
            Seconds(computed - began, averaged - computed, wait, applied - waited),
        )

    def _partial(self, version: int, node: Node) -> Partial:
        partial = self._compute(self._theta, replace(self._work, version=version), node, self._rooms[node])
        self._arena.set_weight(self._places[node], partial.training.weight)
        return partial

    def _apply(self, version: int) -> None:
        """Make this worker's part of the next version."""
        whole = self._stretch.root
        weight = add_up({node: self._arena.weight(i) for node, i in self._places.items()}, whole, add)
        tops = (whole,) if whole in self._parts else whole.children
        mean = Mean(tuple(add_up(self._parts, node, _add_in_place) for node in tops), weight)
        self._update.apply_to_part(self._own.theta, mean, self._own.slots, version, self._stretch.factor)

    def _wait_pushed(self, version: int) -> None:
        self._wait(self._arena.pushed, version)

    def _wait_applied(self, version: int) -> None:
        self._wait(self._arena.applied, version)

    def _wait(self, reached: Callable[[int], bool], version: int) -> None:
        """Wait for all others. Raises Interrupted."""
        spun = time.perf_counter() + SPIN_SECONDS
        while not reached(version):
            if time.perf_counter() < spun:
                os.sched_yield()
            elif self._stream.heard(LOOK_SECONDS):
                raise Interrupted


def _add_in_place(left: Array, right: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.add(left, right, out=left)
