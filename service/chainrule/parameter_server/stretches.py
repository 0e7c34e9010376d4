"""When the workers of this host may take steps among themselves, and what those come to. Pure: the time is an argument.

A stretch counts as a whole, once all its workers have told of it, or not at all: then its steps are taken again from
the version at which it began, and give the same bits. Before each there is at least one step in the usual way, by the
same workers with the same shards: it shows how long one takes, and leaves them time to come and to go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add

from chainrule.data.shard_tree import Node, add_up
from chainrule.data.work import Stretch
from chainrule.parameter_server.plan import Plan
from chainrule.wire.arena import layers_of
from chainrule.wire.errors import ShapeMismatch
from chainrule.wire.fingerprints import LAYER_BYTES
from chainrule.wire.partials import Sums
from chainrule.wire.stretched import StretchStep

SECONDS = 0.5
"""So long is a stretch: what is lost where one fails, and what a worker that comes or goes may have to wait for."""
LEAST_STEPS = 4
"""Fewer are not worth a stretch."""
LATE = 3.0
"""A stretch that takes so many times as long is given up."""


@dataclass
class Ongoing:
    """A stretch that is under way: its workers' nodes, in the order of their seats, and what they have told.

    So many others have been `given_up` before.
    """

    number: int
    given_up: int
    version: int
    until: int
    shares: dict[int, tuple[Node, ...]]
    factor: float
    began: float
    told: dict[int, Sequence[StretchStep]] = field(default_factory=dict)

    @property
    def deadline(self) -> float:
        """When it is given up."""
        return self.began + LATE * SECONDS

    @property
    def missing(self) -> set[int]:
        """The workers that have not told of it yet."""
        return self.shares.keys() - self.told.keys()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of all workers, from left to right."""
        return tuple(sorted(node for nodes in self.shares.values() for node in nodes))

    def of(self, worker: int) -> Stretch:
        """Return the stretch as one of its workers is told of it."""
        seat = list(self.shares).index(worker)
        return Stretch(self.number, self.until, self.nodes, len(self.shares), seat, self.factor)

    def tell(self, worker: int, steps: Sequence[StretchStep]) -> bool:
        """Note what a worker has done; return whether that was the last one. Raises ShapeMismatch."""
        fits = len(steps) <= self.until - self.version
        if not fits or any(len(step.training) != len(self.shares[worker]) for step in steps):
            raise ShapeMismatch(f"worker {worker} tells of other steps than those of its stretch")
        self.told[worker] = steps
        return not self.missing

    @property
    def agreed(self) -> bool:
        """Whether all have taken the same steps."""
        return len({len(steps) for steps in self.told.values()}) == 1

    def steps(self) -> list[tuple[StretchStep, ...]]:
        """Return the steps, each as its workers tell of it, by seats."""
        return list(zip(*(self.told[worker] for worker in self.shares), strict=True))

    def training(self, step: Sequence[StretchStep]) -> Sums:
        """Return a step's sums, added up in the order of the tree."""
        sums = [each for worker in step for each in worker.training]
        given = dict(zip(self._in_seats(), sums, strict=True))
        return add_up(given, Node(0, self.nodes[-1].hi), add)

    def digests(self, step: Sequence[StretchStep]) -> tuple[tuple[Node, bytes], ...]:
        """Return the hashes of a step's partials; none where they were not wanted."""
        return tuple(zip(self._in_seats(), (digest for worker in step for digest in worker.digests), strict=False))

    def _in_seats(self) -> list[Node]:
        return [node for nodes in self.shares.values() for node in nodes]


def joined_hashes(sizes: Sequence[int], step: Sequence[StretchStep]) -> bytes:
    """Return the fingerprint of the weights before a step: each of its workers tells the hashes of some layers."""
    hashes = {}
    for layers, worker in zip(layers_of(sizes, len(step)), step, strict=True):
        for i, L in enumerate(layers):
            hashes[L] = worker.layers[i * LAYER_BYTES : (i + 1) * LAYER_BYTES]
    return b"".join(hashes[L] for L in sorted(hashes))


class Stretches:
    """The present stretch, and how long the next one may be: by the plan, and by the last step and stretch.

    Where metrics are followed, an epoch's end decides something: the step from there is one in the usual way.
    """

    def __init__(self, plan: Plan, *, follows: bool) -> None:
        self._plan, self._follows = plan, follows
        self.present: Ongoing | None = None
        self.steps = 0  # of all that have counted
        self._begun, self._given_up = 0, 0
        self._usual, self._wanted = 0, 1
        self._work_given, self._seconds = 0.0, 0.0  # of the last step in the usual way
        self._pace = 0.0  # seconds of a step in the last stretch

    def work_given(self, now: float) -> None:
        """Note that workers are told of a version."""
        self._work_given = now

    def stepped(self, now: float) -> None:
        """Note that a step has been taken in the usual way, and applied."""
        self._usual, self._seconds = self._usual + 1, now - self._work_given

    def longest(self, version: int) -> int:
        """Return how many steps a stretch may have that begins at a version; 0 for fewer than are worth it."""
        plan = self._plan
        if plan.apart or plan.evaluates(version) or (self._follows and plan.begins_epoch(version)):
            return 0
        if self._usual < self._wanted or self._seconds <= 0:
            return 0
        end = plan.steps - 1  # the last step looks whether the weights are finite
        if self._follows:
            end = min(end, version + plan.steps_per_epoch - version % plan.steps_per_epoch)
        count = min(int(SECONDS / max(self._seconds, self._pace)), end - version)
        return count if count >= LEAST_STEPS else 0

    def begin(
        self, version: int, count: int, shares: dict[int, tuple[Node, ...]], factor: float, now: float
    ) -> Ongoing:
        """Begin a stretch of so many steps, and return it."""
        self._begun += 1
        self.present = Ongoing(self._begun, self._given_up, version, version + count, shares, factor, now)
        return self.present

    def end(self, stretch: Ongoing, steps: int, now: float) -> None:
        """Note that the stretch has come to its end, with so many steps."""
        self.present, self._usual, self._wanted = None, 0, 1
        self.steps += steps
        if steps:
            self._learn(now - stretch.began, steps)

    def give_up(self) -> None:
        """Let the stretch not count; the next one waits for twice as many steps."""
        self.present, self._usual, self._wanted = None, 0, min(2 * self._wanted, 1024)
        self._given_up += 1

    def late(self, stretch: Ongoing) -> None:
        """Note that a stretch's deadline has come: the next one is shorter."""
        self._learn(LATE * SECONDS, stretch.until - stretch.version)

    def _learn(self, seconds: float, steps: int) -> None:
        """Note how long steps took; a short stretch may be tried whatever the last one met."""
        self._pace = min(seconds / steps, SECONDS / LEAST_STEPS)
