"""What things cost on this machine, as `chainrule.server.calibration` measures it, and what chance adds. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Talk:
    """A step of one worker over one of the doors in which nothing is computed.

    `step` are the seconds that it takes, `server` and `worker` the processor's seconds at either end.
    """

    step: float
    server: float
    worker: float


@dataclass(frozen=True)
class Costs:
    """Measured costs of one job on this machine, in seconds where nothing else is said.

    `alone` and `crowded` are times in which one process computed one shard: by itself, and while `crowd` did so at
    once. `ready` is the share of it after which the gradient of each layer is there, from the last to the first.
    """

    cores: int
    memory: float  # bytes/s that a copy reads and writes
    alone: tuple[float, ...]
    crowded: tuple[float, ...]
    crowd: int
    sharing: float  # by what more processes than processors take longer than their work divided
    ready: tuple[float, ...]
    validate: float  # a row
    add: float  # two partials
    fingerprint: float  # the weights
    apply_one: float  # average and update from one partial, and from two
    apply_two: float
    copy: float  # processor's seconds for a byte over TCP, of who sends as of who receives
    stream: float  # from the first byte's beginning to the last one's end, for a byte
    local: Talk
    tcp: Talk
    process: float  # bytes of memory of a process that holds no data

    def shard(self, busy: int) -> float:
        """Return the mean time for a shard where so many processes compute at once."""
        alone, crowded = np.mean(self.alone), np.mean(self.crowded)
        if self.crowd == 1 or busy == 1:
            return float(alone)
        return float(alone + (crowded - alone) * (min(busy, self.crowd) - 1) / (self.crowd - 1))

    def draws(self, workers: int, shards: int, busy: int) -> Seconds:
        """Return when `workers`, each with so many shards, are expected to be ready: the first one, ..., the last one.

        Of one worker it is the mean; of several ones the spread is the one that was measured, over runs of shards.
        """
        if workers == 1:
            return np.array([shards * self.shard(busy)])
        samples = np.tile(self.crowded, math.ceil(shards / len(self.crowded)) + 1)
        sums = np.convolve(samples, np.ones(shards), "valid")[: len(self.crowded)]
        return in_order(sums, workers) * (self.shard(busy) / float(np.mean(self.crowded)))


def in_order(samples: Sequence[float] | Seconds, draws: int) -> Seconds:
    """Return the expected smallest, second, ..., largest of so many draws from the distribution of the samples.

    E X_(k) = Σ_i x_i (P(at least k draws <= x_i) - P(at least k draws <= x_{i-1})), where each draw is <= x_i with
    probability i / m (David and Nagaraja, Order Statistics, 2003).
    """
    x, m = np.sort(samples), len(samples)
    counts = np.arange(draws + 1)
    ways = np.array([math.lgamma(draws + 1) - math.lgamma(k + 1) - math.lgamma(draws - k + 1) for k in counts])
    p = np.arange(1, m)[:, np.newaxis] / m
    exactly = np.exp(ways + counts * np.log(p) + (draws - counts) * np.log1p(-p))  # (m - 1, draws + 1)
    at_least = np.cumsum(exactly[:, ::-1], axis=1)[:, ::-1][:, 1:]
    edges = np.vstack((np.zeros(draws), at_least, np.ones(draws)))
    result: Seconds = x @ np.diff(edges, axis=0)
    return result
