"""The whole synchronous training with real processes: a parameter server and some workers, each with one shard."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from processes import ONE_THREAD

from chainrule.data.dataset import load_dataset
from chainrule.nn import initialize
from chainrule.wire.errors import ChainruleError
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec
from chainrule.worker.partials import PartialComputer
from chainrule.worker.training_loop import train

WORKERS = 2
WARM_UP_SECONDS = 1.0
JOB = "bench"


def write_job(
    folder: Path,
    sizes: tuple[int, ...],
    rows: int,
    shared_memory: bool,
    workers: int = WORKERS,
    rate: float = 1e-3,
    **training: Any,
) -> Path:
    """Write a job on random data, with so many rows for each worker and step, and return its file."""
    inputs, *hidden, classes = sizes
    count, random = 4 * WORKERS * rows, np.random.default_rng(0)
    table = folder / f"{inputs}-{classes}-{rows}.csv"
    if not table.exists():
        digits = random.integers(0, 10, (count, inputs + 1), np.uint8) + ord("0")
        digits[:, -1] = ord("0") + np.arange(count) % classes
        text = np.full((count, 2 * inputs + 2), ord(","), np.uint8)
        text[:, ::2], text[:, -1] = digits, ord("\n")
        header = ",".join([*(f"x{i}" for i in range(inputs)), "label"])
        table.write_bytes(f"{header}\n".encode() + text.tobytes())
    job = {
        "data": {"train": str(table), "label": "label", "validation_fraction": 0.0},
        "network": {"layers": [*({"units": units} for units in hidden), {}]},
        "optimizer": {"name": "sgd", "learning_rate": rate},
        "training": {"epochs": 10**6, "batch_size": workers * rows, "shards": workers} | training,
        "cluster": {"max_workers": workers, "shared_memory": shared_memory},
    }
    name = "-".join(map(str, (*sizes, rows, shared_memory, workers, rate, *training.values())))
    path = folder / f"{name}.json"
    path.write_text(json.dumps(job))
    return path


def read_job(path: Path) -> JobSpec:
    """Return the job of a file."""
    return parse_spec(json.loads(path.read_text()))


class Training:
    """`python -m chainrule.parameter_server` as the service starts it, and workers without Ray."""

    def __init__(self, path: Path) -> None:
        spec = read_job(path)
        summary, _ = load_dataset(spec)
        self._command = {
            "job_id": JOB,
            "generation": 1,
            "host": "127.0.0.1",
            "folder": str(path.parent),
            "spec": spec.document(),
            "data": summary.document(),
            "checkpoints": [],
        }
        self._path, self._workers = path, spec.cluster.max_workers

    def run(self, seconds: float) -> dict[str, Any]:
        """Train for so long behind the warm-up. Return samples/s, steps' seconds and losses, and a step's phases'."""
        server = subprocess.Popen(
            [sys.executable, "-m", "chainrule.parameter_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        server.stdin.write(json.dumps(self._command) + "\n")
        server.stdin.flush()
        workers: list[subprocess.Popen[bytes]] = []
        try:
            events = _events(server)
            address = next(event["address"] for event in events if event["event"] == "listening")
            script = [sys.executable, __file__, str(self._path), address]
            workers += [
                subprocess.Popen([*script, str(k)], env=os.environ | ONE_THREAD, stderr=subprocess.DEVNULL)
                for k in range(self._workers)
            ]
            return _measure(events, seconds, self._workers)
        finally:
            for process in (server, *workers):
                process.kill()
                process.wait()


def _events(server: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert server.stdout is not None
    for line in server.stdout:
        event = json.loads(line)
        if event["event"] == "failed":
            raise RuntimeError(event["reason"])
        yield event


def _measure(events: Iterator[dict[str, Any]], seconds: float, workers: int) -> dict[str, Any]:
    """Take the steps that were done by all workers behind the warm-up."""
    losses: dict[int, float] = {}
    reports = (_noted(event, losses) for event in events if event["event"] == "report")
    ready = next(time.perf_counter() for event in reports if event["workers"] == workers and event["steps"])
    steps, phases = [], Counter[str]()
    for report in reports:
        if time.perf_counter() > ready + WARM_UP_SECONDS:
            steps += report["steps"]
            phases.update(report["phases"])
        if time.perf_counter() > ready + WARM_UP_SECONDS + seconds:
            break
    times = [step[3] for step in steps]
    rate = sum(step[2] for step in steps) / sum(times)
    means = {phase: seconds / len(times) for phase, seconds in phases.items()}
    return {"samples_per_second": rate, "seconds": times, "losses": losses, "phases": means}


def _noted(report: dict[str, Any], losses: dict[int, float]) -> dict[str, Any]:
    losses.update({version: loss for version, loss, *_ in report["steps"]})
    return report


def main() -> None:
    """Be one worker: `training.py JOB ADDRESS K`, or compute its steps and never speak: `training.py JOB K`."""
    spec = read_job(Path(sys.argv[1]))
    summary, shards = load_dataset(spec)
    if len(sys.argv) == 4:
        with suppress(ChainruleError):  # the server is killed at the end
            train(sys.argv[2], JOB, f"w{sys.argv[3]}", dict(enumerate(shards)))
        return
    from processes import serve

    from chainrule.data.shard_tree import Node
    from chainrule.nn import Parameters

    k, network = int(sys.argv[2]), summary.network(spec)
    computer = PartialComputer(spec, network, summary.steps_per_epoch(spec), dict(enumerate(shards)))
    theta, gradient, version = initialize(network, 0), Parameters.empty(network.sizes), 0

    def step() -> None:
        nonlocal version
        computer.compute(theta, version, Node(k, k + 1), train=True, evaluate=False, into=gradient)
        version += 1

    serve(step, spec.rows_per_shard)


if __name__ == "__main__":
    main()
