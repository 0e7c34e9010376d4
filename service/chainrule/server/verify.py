"""`chainrule verify`: is a job's result the one that its spec and data give?"""

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from chainrule.client.client import Client
from chainrule.client.sources import fetched
from chainrule.data.dataset import DatasetSummary, load_dataset
from chainrule.data.shards import Shard
from chainrule.server.replay import Parting, Replay, compare
from chainrule.wire.errors import InvalidData
from chainrule.wire.job import JobState
from chainrule.wire.record import RecordHeader
from chainrule.worker.machine import Machine, describe_machine

OPENBLAS = re.compile(r"openblas \S+ (\w+)$")
"""The end of a machine's description, with the kernel."""


@dataclass(frozen=True)
class Verdict:
    """What came out: `first` to `last` are the versions that were compared, `sha256` that of the replay's weights."""

    job: str
    first: int
    last: int
    sha256: str
    final: bool
    parting: Parting | None
    machines: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the replay has the bits that are on record."""
        return self.parting is None

    def document(self) -> dict[str, Any]:
        """Return the verdict as plain data for JSON."""
        parted = self.parting and {
            "step": self.parting.version,
            "layers": list(self.parting.layers),
            "shards": [list(node) for node in self.parting.shards],
        }
        span = {"first": self.first, "last": self.last}
        return {"job": self.job, "same": self.same, **span, "weights_sha256": self.sha256, "parted": parted}

    def __str__(self) -> str:
        if self.parting is None:
            end = "and the trained weights are the same bits" if self.final else "are the same bits"
            return f"OK: steps {self.first:,} to {self.last:,} {end}, sha256 {self.sha256}"
        here = describe_machine()
        there = "; ".join(self.machines) or "unknown machines"
        return (
            f"PARTED {self.parting}. It was trained on {there}; "
            f"this is {here.cpu}, NumPy {here.numpy}, {here.blas}, and another processor or library may round otherwise"
            f"{self._hint(here)}"
        )

    def _hint(self, here: Machine) -> str:
        """Tell how to compute with OpenBLAS's kernel of there, where it is another one."""
        kernels = {found[1] if (found := OPENBLAS.search(machine)) else "" for machine in self.machines}
        own = OPENBLAS.search(here.blas)
        if own is None or len(kernels) != 1 or kernels <= {"", own[1]}:
            return ""
        return f"; where the processor can, OPENBLAS_CORETYPE={kernels.pop()} computes with the kernel of there"


def verify(client: Client, job: str, first: int, last: int | None, source: str | None, console: Console) -> Verdict:
    """Replay a job and compare.

    Raises InvalidData where the data here is not what the job was trained on, or there is nothing to compare with.
    """
    with client.record(job, first, last) as (header, steps), threadpool_limits(1, user_api="blas"):
        begin = next(steps, None)
        if begin is None:
            raise InvalidData(f"nothing is on record of job {job} there: it is at step {header.job.version:,}")
        summary, shards = _load(client, header, source)
        replay, end = Replay(header.spec, summary, shards), _end(header, last)
        with _bar(console) as bar:
            task = bar.add_task("steps", total=end)
            parting = compare(replay, chain([begin], steps), lambda version: bar.update(task, completed=version))
    final = header.job.state is JobState.SUCCEEDED and replay.version == header.job.version
    if final and parting is None:
        replay.finish()
        if replay.weights_sha256 != header.job.weights_sha256:
            parting = Parting(replay.version, tuple(range(1, len(header.spec.network.layers) + 1)))
    return Verdict(job, begin.version, replay.version - 1, replay.weights_sha256, final, parting, header.machines)


def _load(client: Client, header: RecordHeader, source: str | None) -> tuple[DatasetSummary, list[Shard]]:
    spec = header.spec
    if source is not None:
        spec = replace(spec, data=replace(spec.data, train=source))
    with fetched(spec, lambda: nullcontext(client)) as found:
        summary, shards = load_dataset(found)
    if summary.sha256 != header.data_sha256:
        raise InvalidData(f"{spec.data.train} is not the file that the job was trained on: its SHA-256 differs")
    return summary, shards


def _end(header: RecordHeader, last: int | None) -> int:
    return header.job.version if last is None else min(last + 1, header.job.version)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
