"""`chainrule plan`: what a job is made of, how fast it will be, and how many workers are worth having."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from chainrule.client.documents import plain
from chainrule.client.job_file import read_job
from chainrule.client.sources import Connect, fetched
from chainrule.data.dataset import DatasetSummary, check_fit, load_dataset
from chainrule.data.scaling import Scaling
from chainrule.nn import OPTIMIZERS
from chainrule.parameter_server.local import fits
from chainrule.parameter_server.watch import Watch, make_watch
from chainrule.server.calibration import calibrate, cores
from chainrule.server.costs import Costs
from chainrule.server.counts import HALF, NUMBER, Counts
from chainrule.server.forecast import Forecast, Link, Place, forecast, worthwhile
from chainrule.wire.advice import advice
from chainrule.wire.errors import TooMuch
from chainrule.wire.recipe import make_update
from chainrule.wire.spec import JobSpec
from chainrule.wire.validation import parse_spec

ALL_UP_TO = 64
"""Of more workers, powers of two are looked at."""

Told = Callable[[str], object]


@dataclass(frozen=True)
class DataShape:
    """Rows, inputs and outputs, of data that cannot be read here."""

    rows: int
    inputs: int
    outputs: int

    def summary(self, spec: JobSpec) -> DatasetSummary:
        """Return as much as a plan needs to know. Raises InvalidJob where the job does not fit."""
        held = round(self.rows * spec.data.validation_fraction) if spec.data.validation is None else 0
        training = np.array_split(np.arange(self.rows - held), spec.shards)
        check_fit(spec, self.rows - held, held, self.outputs)
        return DatasetSummary(
            columns=(),
            classes=(),
            outputs=self.outputs,
            rows_of_shards=tuple(map(len, training)),
            validation_rows=held,
            scaling=Scaling((0.0,) * self.inputs, (1.0,) * self.inputs),
            sha256="",
        )


@dataclass(frozen=True)
class JobPlan:
    """A job, what its parts cost here, and a link to other hosts."""

    spec: JobSpec
    summary: DatasetSummary
    counts: Counts
    costs: Costs
    link: Link

    @property
    def places(self) -> dict[str, Place]:
        """Where workers may be: on this host, or on others."""
        shares = self.spec.cluster.shared_memory and fits(self.counts.network)
        return {"here": Place(tcp=not shares), "hosts": Place(link=self.link)}

    def fits(self, where: str, workers: int) -> bool:
        """Whether there are processors for so many workers."""
        return where == "hosts" or workers <= self.costs.cores

    def forecast(self, where: str, workers: int) -> Forecast:
        """Return what a step will take."""
        return forecast(self.counts, self.costs, self.places[where], workers)

    def efficiency(self, each: Forecast) -> float:
        """Return its speed as a share of that of as many workers who are alone with a server each, on its own host."""
        return each.samples_per_second / (each.workers * self.forecast("here", 1).samples_per_second)

    def job_seconds(self, each: Forecast) -> float:
        """Return how long all epochs take, with the validation behind each."""
        busy = self.counts.busy(each.workers)
        validation = (
            self.costs.validate * self.summary.validation_rows * self.counts.most_shards(busy) / self.counts.shards
        )
        return self.summary.steps(self.spec) * each.seconds + self.spec.training.epochs * validation

    def worth_having(self, where: str) -> int:
        """Return the number of workers beyond which more hardly help."""
        numbers = [n for n in _numbers(self.counts.shards) if self.fits(where, n)]
        return worthwhile({n: self.forecast(where, n).samples_per_second for n in numbers})

    def worker_bytes(self, where: str, workers: int) -> int:
        """Return the memory of the worker that has most."""
        shared, rows = not self.places[where].tcp, max(self.summary.rows_of_shards)
        return int(self.costs.process) + self.counts.worker_bytes(workers, rows, shared=shared)

    def server_bytes(self, workers: int) -> int:
        """Return the memory of the parameter server."""
        return int(self.costs.process) + self.counts.server_bytes(workers)

    def document(self, workers: Sequence[int]) -> dict[str, Any]:
        """Return the plan for some numbers of workers as plain data for JSON."""
        network, sizes = self.counts.network, self.counts.network.sizes
        layers = [
            {"layer": L, "W": [sizes[L], sizes[L - 1]], "B": [sizes[L]], "activation": network.activations[L - 1]}
            for L in range(1, network.layers + 1)
        ]
        document = {
            "name": self.spec.name,
            "layers": layers,
            "parameters": self.counts.parameters,
            "shards": self.counts.shards,
            "batch_size": self.spec.training.batch_size,
            "steps": self.summary.steps(self.spec),
            "flops": self.counts.flops,
            "network": asdict(self.link),
            "forecasts": [self._row(where, n) for n in workers for where in self.places if self.fits(where, n)],
            "worth_having": {where: self.worth_having(where) for where in self.places},
            "costs": asdict(self.costs),
            "warnings": list(advice(self.spec)),
        }
        result: dict[str, Any] = plain(document)
        return result

    def _row(self, where: str, workers: int) -> dict[str, Any]:
        each = self.forecast(where, workers)
        return {
            "workers": workers,
            "where": where,
            "transport": self.places[where].name,
            "step_seconds": each.seconds,
            "samples_per_second": each.samples_per_second,
            "efficiency": self.efficiency(each),
            "job_seconds": self.job_seconds(each),
            "bytes_down": each.bytes_down,
            "bytes_up": each.bytes_up,
            "worker_bytes": self.worker_bytes(where, workers),
            "server_bytes": self.server_bytes(workers),
            "phases": each.phases,
        }


def _numbers(most: int) -> list[int]:
    """Return the numbers of workers that are looked at."""
    powers = [1 << k for k in range(most.bit_length())]
    return sorted({*range(1, min(most, ALL_UP_TO) + 1), *powers, most})


def default_workers(spec: JobSpec) -> tuple[int, ...]:
    """Return the numbers that are shown by default: powers of two, the shards, and what the job asks for."""
    return tuple(sorted({*(1 << k for k in range(spec.shards.bit_length())), spec.shards, spec.cluster.max_workers}))


def counts_of(spec: JobSpec, summary: DatasetSummary) -> Counts:
    """Return what a step of a job is made of."""
    slots = len(OPTIMIZERS[spec.optimizer.name].slots) + (spec.early_stopping is not None)
    up = HALF if spec.training.halves else NUMBER
    network, hashes = summary.network(spec), spec.training.hash_every > 0
    return Counts(network, spec.shards, spec.rows_per_shard, slots, hashes, up, _stretch(spec, summary))


def _stretch(spec: JobSpec, summary: DatasetSummary) -> int:
    """Return how many steps in a row workers of one host may take among themselves."""
    steps, epoch = summary.steps(spec), summary.steps_per_epoch(spec)
    if spec.training.halves or not make_update(spec, steps, epoch).element_wise:
        return 0
    follows = summary.validation_rows > 0 or make_watch(spec) != Watch()
    return (epoch if follows else steps) - 1


def plan(job_file: Path, link: Link, shape: DataShape | None, connect: Connect, told: Told) -> JobPlan:
    """Read a job and its data, and measure here what a step is made of.

    Raises InvalidJob, InvalidData, and TooMuch or LaunchFailed where a step cannot be taken here.
    """
    spec = parse_spec(read_job(job_file))
    if shape is None:
        told("reading the data")
        with fetched(spec, connect) as found:
            summary, _ = load_dataset(found)
    else:
        summary = shape.summary(spec)
    counts, crowd = counts_of(spec, summary), min(cores(), spec.shards)
    check_memory(counts, crowd)
    return JobPlan(spec, summary, counts, calibrate(spec, summary, crowd, told), link)


def check_memory(counts: Counts, crowd: int) -> None:
    """Raise TooMuch where a server's part and so many workers' step are more than the free memory."""
    needed = counts.server_bytes(2) + crowd * counts.worker_bytes(crowd, counts.rows, shared=False)
    free = psutil.virtual_memory().available
    if needed > free:
        raise TooMuch(
            f"the network has {counts.parameters:,} weights and biases, and to see what a step of it costs takes "
            f"{needed / 1e9:,.1f} GB here, but {free / 1e9:,.1f} GB are free: use fewer units, or a larger machine"
        )
