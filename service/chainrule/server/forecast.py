"""The time of a synchronous training step, from counts of the protocol and measured costs. Pure.

On the server's own host most steps are those of stretches, in which nobody waits for the server.

Weights go down, workers compute, gradients go up, the server adds up the tree, and applies. Where
processors are shared, a stage takes as long as its longest chain, or all its work divided by them: the longer of the
two. Everything that all workers send goes through the server's own link. No number here was fitted: each is a cost
that was measured, a count, or a ratio that a protocol lays down.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.parameter_server.stretches import LEAST_STEPS, SECONDS
from chainrule.server.costs import Costs, Seconds, Talk
from chainrule.server.counts import Counts
from chainrule.wire.arena import layers_of

ETHERNET = 1448 / 1538
"""The share of a line's bits that TCP carries: 1448 bytes in each frame of 1500, which is 1538 with what is around."""
PASSES = 3
"""How often a byte of the network crosses the memory: the card, and a copy that reads and writes."""

ENOUGH = 0.95
"""More workers hardly help where fewer have this share of the best rate."""


@dataclass(frozen=True)
class Link:
    """The network between hosts: bits/s of each host's card, and the seconds of a round trip."""

    bits: float
    latency: float

    @property
    def bytes(self) -> float:
        """Bytes/s of what TCP carries."""
        return self.bits / 8 * ETHERNET


@dataclass(frozen=True)
class Place:
    """Where workers are: with shared memory or TCP on the server's own host, or behind a link each on theirs."""

    tcp: bool = True
    link: Link | None = None

    @property
    def name(self) -> str:
        """The transport's name, as the benchmarks have it."""
        return "between hosts" if self.link else "tcp" if self.tcp else "shared_memory"


@dataclass(frozen=True)
class Forecast:
    """The step of so many workers. `phases` add up to its seconds."""

    workers: int
    rows: int
    phases: dict[str, float]
    bytes_down: int
    bytes_up: int

    @property
    def seconds(self) -> float:
        """The seconds of a step."""
        return sum(self.phases.values())

    @property
    def samples_per_second(self) -> float:
        """Rows that are trained on in a second."""
        return self.rows / self.seconds


def forecast(counts: Counts, costs: Costs, place: Place, workers: int) -> Forecast:
    """Return what a step will take."""
    return _Step(counts, costs, place, counts.busy(workers)).forecast(workers)


def worthwhile(rates: Mapping[int, float]) -> int:
    """Return the fewest workers with ENOUGH of the best rate: more of them hardly help."""
    best = max(rates.values())
    return min(workers for workers, rate in rates.items() if rate >= ENOUGH * best)


class _Step:
    """A step of n workers that have something to do."""

    def __init__(self, counts: Counts, costs: Costs, place: Place, n: int) -> None:
        self.counts, self.costs, self.place, self.n = counts, costs, place, n
        self.talk: Talk = costs.tcp if place.tcp else costs.local
        self.partials = counts.partials(n)
        self.shares_cores = place.link is None

    def forecast(self, workers: int) -> Forecast:
        """Put the stages one behind the other."""
        counts, costs, n = self.counts, self.costs, self.n
        down = self._down() if self.place.tcp else 0.0
        computing = costs.draws(n, counts.most_shards(n), n) + self._own_adds()
        arrivals = self._arrivals(computing)
        end = max(self._served(arrivals), self._all_work() if self.shares_cores else 0.0)
        mean, computed = self._computed(computing)
        arrived = max(computed, float(arrivals[-1]))
        phases = {
            "weights": down,
            "compute": mean,
            "stragglers": computed - mean,
            "gradients": arrived - computed,
            "collect": end - arrived,
            "messages": self.talk.step - self.talk.server + (self.place.link.latency if self.place.link else 0.0),
            "apply": costs.apply_one if self.partials == 1 else costs.apply_two,
        }
        tcp = self.place.tcp
        phases = phases if tcp else self._with_stretches(phases, computing)
        moved = (counts.bytes_down(n), counts.bytes_up(n)) if tcp else (0, 0)
        return Forecast(workers, counts.shards * counts.rows, phases, *moved)

    def _computed(self, computing: Seconds) -> tuple[float, float]:
        """Return when workers have computed: on the average, and the last one."""
        mean = max(float(np.mean(computing)), self._computing / self.costs.cores if self.shares_cores else 0.0)
        return mean, max(mean, float(computing[-1]))

    def _with_stretches(self, usual: dict[str, float], computing: Seconds) -> dict[str, float]:
        """Return the mean phases over a stretch and the step in the usual way before it."""
        count = min(self.counts.stretch, int(SECONDS / sum(usual.values())))
        if count < LEAST_STEPS:
            return usual
        apart = self._apart(computing)
        return {phase: (usual[phase] + count * apart.get(phase, 0.0)) / (1 + count) for phase in usual}

    def _apart(self, computing: Seconds) -> dict[str, float]:
        """Return the phases of a step in a stretch: what the server would do, the workers share."""
        costs, counts = self.costs, self.counts
        at_once = min(self.n, costs.cores)
        mean, computed = self._computed(computing)
        shares = [
            counts.layers[::-1][[L - 1 for L in share]].sum() for share in layers_of(counts.network.sizes, self.n)
        ]
        hashing = costs.fingerprint * float(max(shares)) / counts.parameters if counts.hashes else 0.0
        work = self._computing + (costs.fingerprint if counts.hashes else 0.0)
        crowded = costs.sharing * work / costs.cores if self.n > costs.cores else 0.0
        apply = costs.apply_one if self.partials == 1 else costs.apply_two
        return {
            "compute": mean,
            "stragglers": computed - mean,
            "collect": max(computed + hashing, crowded) - computed,
            "apply": (apply + self._adds) / at_once,
        }

    def _own_adds(self) -> float:
        """What the worker that has most adds up by itself."""
        return self.costs.add * max(0, self.counts.most_shards(self.n) - -(-self.partials // self.n))

    def _per_byte(self, work: float) -> float:
        """Return the seconds for a byte through the server: its card, its memory or its processors are the slowest."""
        bound = max(work / self.costs.cores, PASSES / self.costs.memory)
        return max(bound, 1 / self.place.link.bytes) if self.place.link else bound

    def _down(self) -> float:
        """The weights' way: one stream, or all of them through the server."""
        costs, size = self.costs, self.counts.weight_bytes
        work = costs.copy * (2 if self.shares_cores else 1)
        all_of_them = self.n * size * max(self._per_byte(work), costs.copy if self.counts.inline else 0.0)
        return max(size * costs.stream, all_of_them)

    def _arrivals(self, computing: Seconds) -> Seconds:
        """Return when the gradients of the first, second, ... worker have arrived."""
        if not self.place.tcp:
            return computing + self._behind(self._aside, float(computing[-1]))
        sizes = self.counts.up * self.counts.layers * self.partials / self.n
        sending = computing + self.costs.copy * sizes[:-1].sum()
        received = self.costs.copy * self.n * sizes[:-1].sum() if self.shares_cores else 0.0
        last = self.n * sizes[-1] * self._per_byte(self.costs.copy * (2 if self.shares_cores else 1))
        own = (
            sending
            + self._behind(self._aside + received, float(sending[-1]))
            + max(sizes[-1] * self.costs.stream, last)
        )
        later: Seconds = own + max(0.0, self._through(computing, sizes) - float(own[-1]))
        return later

    @property
    def _aside(self) -> float:
        """What the server does while workers compute."""
        return self.costs.fingerprint if self.counts.hashes and self.shares_cores else 0.0

    def _behind(self, work: float, seconds: float) -> float:
        """Return by how much other work delays workers: what processors that are free meanwhile do not take."""
        free = max(0, self.costs.cores - self.n) * seconds
        return max(0.0, work - free) / self.costs.cores

    def _through(self, computing: Seconds, sizes: Seconds) -> float:
        """Return when all gradients have gone through the server's link.

        Behind layer L of worker k come its own other layers, and all of those who are later.
        """
        rest, later = np.cumsum(sizes[::-1])[::-1], np.arange(self.n)[::-1, np.newaxis]
        shard = computing / self.counts.most_shards(self.n)
        ready = computing[:, np.newaxis] - shard[:, np.newaxis] * (1 - np.array(self.costs.ready))
        left = (later * sizes.sum() + rest) * self._per_byte(self.costs.copy)
        return float((ready + left).max())

    def _served(self, arrivals: Seconds) -> float:
        """Return when the server has taken all partials and added up the tree: they queue for it."""
        each = self.partials / self.n
        turn = self.talk.server + self._adds / self.partials
        behind = np.arange(self.n, 0, -1) * each * turn
        return max(float(arrivals[-1]) + self.talk.server, float((arrivals + behind).max()))

    @property
    def _adds(self) -> float:
        """All additions of partials by the server; the last one is part of the update."""
        return self.costs.add * max(0, self.partials - 2)

    @property
    def _computing(self) -> float:
        """All processors' time to compute."""
        return self.counts.shards * self.costs.shard(self.n)

    def _all_work(self) -> float:
        """Return how long all processors need for what there is to do."""
        costs, counts, n = self.costs, self.counts, self.n
        moved = counts.up * counts.parameters * self.partials if self.place.tcp else 0
        work = (
            self._computing
            + 2 * moved * costs.copy
            + self.partials * (self.talk.server + self.talk.worker)
            + self._adds
            + self._aside
        )
        sharing = costs.sharing if n > costs.cores else 1.0
        return sharing * work / costs.cores
