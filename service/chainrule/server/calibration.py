"""What the parts of a training step cost on this machine: each is done here for a moment, by the code that does it."""

import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import fmean, median
from typing import Any

import numpy as np

from chainrule.data.dataset import DatasetSummary
from chainrule.nn import Array, Mean, aligned_empty, initialize
from chainrule.nn.threads import in_parts
from chainrule.server.costs import Costs
from chainrule.server.probing import Probe, exchange, talk
from chainrule.wire.fingerprints import fingerprint
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.recipe import make_update
from chainrule.wire.spec import JobSpec

ROUNDS_SECONDS, LEAST_ROUNDS = 0.4, 3
"""How long steps are taken, and how many there are of long ones."""
COPY_BYTES = 64 << 20
"""No cache holds it."""
_SUMS = Sums(1.0, 1.0)

Told = Callable[[str], object]
Turn = dict[str, Any]
"""A step of a process: when it `began` and `ended`, and when each layer was `ready`."""


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def calibrate(spec: JobSpec, summary: DatasetSummary, workers: int, told: Told = lambda _: None) -> Costs:
    """Measure for a job with up to so many workers here, which takes 2 to 3 s where steps are short.

    `told` is called with what is done. Raises LaunchFailed.
    """
    crowd, most = min(cores(), workers), min(2 * cores(), workers)
    sizes, rows, hash_every = summary.network(spec).sizes, max(summary.rows_of_shards), spec.training.hash_every
    with ExitStack() as stack:
        told("starting processes")
        job = {"spec": spec.document(), "sizes": sizes, "rows_of_shard": rows}
        probes = [stack.enter_context(Probe(job)) for _ in range(most)]
        memory = [probe.do("memory") for probe in probes]
        told("taking steps")
        server = ServerPart(spec, summary)
        alone, crowded, shared = (rounds(probes[:count], server) for count in (1, crowd, most))
        told("talking over sockets")
        local, tcp = (talk(probes[0], kind, hash_every) for kind in ("local", "tcp"))
        copy, stream = exchange(probes[0], lambda: server.take(several=False), ROUNDS_SECONDS, LEAST_ROUNDS)
        validate = probes[0].do("validate")
    samples, times = tuple(_seconds(turn) for turns in crowded for turn in turns), server.medians()
    return Costs(
        cores=cores(),
        memory=_copy_rate(),
        alone=tuple(_seconds(turn) for (turn,) in alone),
        crowded=samples,
        crowd=crowd,
        sharing=max(1.0, fmean(map(_span, shared)) / (fmean(samples) * most / crowd)) if most > crowd else 1.0,
        ready=tuple(np.median([turn["ready"] for (turn,) in alone], axis=0).tolist()),
        validate=validate,
        add=times["add"],
        fingerprint=times["fingerprint"],
        apply_one=times["apply_one"],
        apply_two=times.get("apply_two", times["apply_one"]),  # one worker alone has never two partials
        copy=copy,
        stream=stream,
        local=local,
        tcp=tcp,
        process=max(memory),
    )


def rounds(probes: Sequence[Probe], server: "ServerPart") -> list[list[Turn]]:
    """Let processes compute a step at once, then do the server's part, again and again; the first round warms up."""
    result, end = list[list[Turn]](), math.inf
    while len(result) <= LEAST_ROUNDS or time.perf_counter() < end:
        for probe in probes:
            probe.ask("compute")
        result.append([probe.answer() for probe in probes])
        server.take(several=len(probes) > 1)
        end = min(end, time.perf_counter() + ROUNDS_SECONDS)
    return result[1:]


def _seconds(turn: Turn) -> float:
    return float(turn["ended"] - turn["began"])


def _span(turns: Sequence[Turn]) -> float:
    return float(max(turn["ended"] for turn in turns) - min(turn["began"] for turn in turns))


class ServerPart:
    """What the parameter server does between two steps of workers, when its caches are cold."""

    def __init__(self, spec: JobSpec, summary: DatasetSummary) -> None:
        self._theta = initialize(summary.network(spec), 0)
        self._update = make_update(spec, summary.steps(spec), summary.steps_per_epoch(spec))
        self._slots = {name: np.zeros_like(self._theta.flat) for name in self._update.optimizer.slots}
        self._gradients = [_gradient(self._theta.flat.size, seed) for seed in range(2)]
        self._times = defaultdict[str, list[float]](list)

    def take(self, *, several: bool) -> None:
        """Update the weights by a partial, or by two, and hash them; then add two partials up."""
        mean = Mean(tuple(self._gradients if several else self._gradients[:1]), 1.0)
        first, second = (Partial(gradient, _SUMS, Sums(), borrowed=True) for gradient in self._gradients)
        self._time("apply_two" if several else "apply_one", lambda: self._apply(mean))
        self._time("fingerprint", lambda: fingerprint(self._theta))
        self._time("add", lambda: first.add(second))

    def _apply(self, mean: Mean) -> None:
        self._update.apply(self._theta, mean, self._slots, 0, 1.0)

    def _time(self, what: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        self._times[what].append(time.perf_counter() - began)

    def medians(self) -> dict[str, float]:
        """Return the seconds of each part."""
        return {what: median(times) for what, times in self._times.items()}


def _gradient(size: int, seed: int) -> Array:
    """Return numbers that are small, so that no update makes the weights large."""
    gradient = aligned_empty(size)
    gradient[:] = np.random.default_rng(seed).standard_normal(size, np.float32)
    gradient *= np.float32(1e-6)
    return gradient


def _copy_rate() -> float:
    """Return the bytes/s that a copy by several threads reads and writes; the first copy warms up."""
    source, target = (np.ones(COPY_BYTES // 4, np.float32) for _ in range(2))
    times = []
    for _ in range(1 + LEAST_ROUNDS):
        began = time.perf_counter()
        in_parts(lambda start, stop: np.copyto(target[start:stop], source[start:stop]), source.size)
        times.append(time.perf_counter() - began)
    return 2 * COPY_BYTES / median(times[1:])
