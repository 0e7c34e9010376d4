"""What safety costs, and how long training takes to go on after each fault: `make bench-recovery`.

The costs are those of net B (5.8 million parameters, 23 MB), 256 rows a step, one worker and its parameter server in
one process, in turns of one step each. The recoveries are those of a small job on a service of its own.
"""

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from measure import machine
from rich.console import Console

from chainrule.data.dataset import load_dataset
from chainrule.data.model import Model
from chainrule.data.shard_tree import Node, root
from chainrule.data.work import Work
from chainrule.nn import Parameters
from chainrule.parameter_server.checkpoints import write_checkpoint
from chainrule.parameter_server.coordinator import Coordinator
from chainrule.parameter_server.restore import restore
from chainrule.server.chaos import FAULTS, Chaos
from chainrule.wire.partials import Partial
from chainrule.wire.validation import parse_spec
from chainrule.worker.partials import PartialComputer

CHECKPOINT_SECONDS = 30.0
BARS = {"a checkpoint every 30 s": 0.02, "the hash of every version": 0.03, "book-keeping of what was pushed": 0.01}


def document(folder: Path, units: list[int], inputs: int, rows: int, **training: Any) -> dict[str, Any]:
    """Return a job on random classes, whose data is written into a folder."""
    random = np.random.default_rng(0)
    table = np.column_stack([random.standard_normal((rows, inputs)).round(3), random.integers(10, size=rows)])
    header = ",".join([*(f"x{i}" for i in range(inputs)), "label"])
    formats = ["%.3f"] * inputs + ["%d"]
    np.savetxt(folder / "data.csv", table, fmt=formats, delimiter=",", header=header, comments="")
    return {
        "data": {"train": str(folder / "data.csv"), "label": "label", "validation_fraction": 0.0},
        "network": {"layers": [*({"units": n} for n in units), {}]},
        "optimizer": {"name": "sgd"},
        "training": {"shards": 1} | training,
    }


class Trainer:
    """One worker and its parameter server, a step at a time."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = parse_spec(spec)
        self.summary, shards = load_dataset(self.spec)
        state, _ = restore(self.spec, self.summary, 1, [])
        self.coordinator = Coordinator(state)
        self._state, self._inbox = state, SimpleQueue[Any]()
        self._worker = self.coordinator.join("w1")
        self.coordinator.attach(self._worker, self._inbox.put)
        network, steps = self.summary.network(self.spec), self.summary.steps_per_epoch(self.spec)
        self._gradient = Parameters.empty(network.sizes)
        self._computer = PartialComputer(self.spec, network, steps, dict(enumerate(shards)))
        self.computing = 0.0  # seconds of the last step

    def step(self) -> None:
        """Compute, push, apply, report."""
        while not isinstance(work := self._inbox.get(), Work):
            pass
        for node in work.nodes:
            self.coordinator.push(self._worker, 1, work.version, node, self._compute(work.version, node))
        self.coordinator.next_report()

    def careless_step(self) -> None:
        """Compute and apply what is finite: nobody asks who pushes what, nor how often."""
        partial = self._compute(self._state.version, root(self.spec.shards))
        if partial.finite:
            self._state.complete_version((partial,))

    def _compute(self, version: int, node: Node) -> Partial:
        weights, began = self._state.parameters, time.perf_counter()
        partial = self._computer.compute(weights, version, node, train=True, evaluate=False, into=self._gradient)
        self.computing = time.perf_counter() - began
        return partial

    def checkpoint(self, folder: Path) -> None:
        """Write one."""
        cut = self.coordinator.snapshot()
        parameters = Parameters.view(cut.weights, self.summary.network(self.spec).sizes)
        write_checkpoint(folder, 1, Model(self.spec, self.summary, parameters, cut.version), cut.slots, cut.memory)


def bench_costs(seconds: float, folder: Path) -> dict[str, float]:
    """Return the share of the time of training that each of BARS takes."""
    job = document(folder, [2048, 2048], 784, 2048, epochs=100_000, batch_size=256)
    careless, plain, hashing = (
        Trainer(job | {"training": job["training"] | {"hash_every": every}}) for every in (0, 0, 1)
    )
    times: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, work: Callable[[], None]) -> float:
        began = time.perf_counter()
        work()
        times[name].append(time.perf_counter() - began)
        return times[name][-1]

    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        step = timed("plain", plain.step)
        times["hash"].append(timed("hashing", hashing.step) - step)  # its thread slows the computation, too
        careless_step = timed("careless", careless.careless_step)
        times["books"].append((step - plain.computing) - (careless_step - careless.computing))
        timed("checkpoint", lambda: plain.checkpoint(folder))
    median = {name: statistics.median(each) for name, each in times.items()}
    shares = (
        median["checkpoint"] / CHECKPOINT_SECONDS,  # as if no other thread took a part of it
        median["hash"] / median["plain"],
        median["books"] / median["plain"],
    )
    return dict(zip(BARS, shares, strict=True))


def bench_recoveries(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds after which training went on, for each fault."""
    job = document(folder, [64], 64, 1797, epochs=1_000_000, batch_size=128, checkpoint_seconds=1.0, shards=4)
    path = folder / "job.json"
    path.write_text(json.dumps(job | {"cluster": {"max_workers": 2}}))
    chaos = Chaos(folder, 0, Console(stderr=True), pushes=False)
    with chaos.training(path):
        for name in sorted(FAULTS) * rounds:
            chaos.let_happen(name)
        chaos.client.cancel(chaos.job)
    seconds: dict[str, list[float]] = defaultdict(list)
    for name, took in chaos.recoveries:
        seconds[name].append(took)
    return seconds


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for the costs")
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault happens")
    arguments = parser.parse_args()
    print(f"{machine()}\n\n| net B, 256 rows | share of the time | bar |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, share in bench_costs(arguments.seconds, Path(folder)).items():
            print(f"| {name} | {share:.2%} | {BARS[name]:.0%} |", flush=True)
    print("\n| fault | training goes on after (s) |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in bench_recoveries(Path(folder), arguments.rounds).items():
            print(f"| {name} | {', '.join(f'{each:.1f}' for each in sorted(seconds))} |", flush=True)


if __name__ == "__main__":
    main()
