"""Reads the steps and evaluations of jobs, by a connection that never writes: a chart does not hold training up."""

import asyncio
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from chainrule.server.curves import Numbers
from chainrule.server.rows import measured

P = ParamSpec("P")
T = TypeVar("T")
KEPT_STEPS = 4_000_000
"""Of all jobs together, in memory: 32 bytes each."""
_QUEUE = """
SELECT id FROM jobs WHERE state = 'QUEUED'
AND (? = 0 OR min(coalesce(json_extract(spec, '$.cluster.min_workers'), 1), max_workers) <= ?) ORDER BY sequence
"""
SKETCH_POINTS, SKETCH_ROWS, RECENT_ROWS = 48, 32, 100
_STEP = np.dtype([("version", "i8"), ("loss", "f8"), ("rows", "i8"), ("seconds", "f8")])


@dataclass(frozen=True)
class Series:
    """One metric: its values at versions, and the seconds of training until then."""

    version: Numbers
    seconds: Numbers
    values: Numbers


@dataclass(frozen=True)
class Recent:
    """The newest evaluations, in order, all metrics by name; the weight of the validation rows of each class; and the
    median seconds of the newest steps, None where there is no step.
    """

    evaluations: list[dict[str, float]]
    class_weights: list[float]
    step_seconds: float | None


class History:
    """The curves of all jobs. Steps never change once they are written, so what was read is kept."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self._executor = ThreadPoolExecutor(1, "history")
        self._steps: OrderedDict[str, NDArray[np.void]] = OrderedDict()

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a method gives, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: query(*args, **kwargs))

    def close(self) -> None:
        """Close the file."""
        self._executor.shutdown()
        self._connection.close()

    def steps(self, job_id: str) -> NDArray[np.void]:
        """Return every step of a job: version, loss, rows, seconds; only what is new is read."""
        known = self._steps.pop(job_id, np.empty(0, _STEP))
        last = int(known["version"][-1]) if len(known) else -1
        query = "SELECT version, loss, rows, seconds FROM steps WHERE job_id = ? AND version > ? ORDER BY version"
        new = np.fromiter(self._connection.execute(query, (job_id, last)), _STEP)
        steps = np.concatenate([known, new]) if len(new) else known
        self._steps[job_id] = steps
        while sum(map(len, self._steps.values())) > KEPT_STEPS and len(self._steps) > 1:
            self._steps.popitem(last=False)
        return steps

    def training(self, job_id: str) -> dict[str, Series]:
        """Return what each step has told, by metric: loss, and how long it took."""
        steps = self.steps(job_id)
        version, seconds = steps["version"].astype(float), steps["seconds"]
        elapsed = np.cumsum(seconds)
        rate = np.divide(steps["rows"], seconds, out=np.full(len(steps), np.nan), where=seconds > 0)
        values = {"loss": steps["loss"], "step_seconds": seconds, "samples_per_second": rate}
        return {name: Series(version, elapsed, each) for name, each in values.items()}

    def validation(self, job_id: str) -> dict[str, Series]:
        """Return what the validation rows have told behind each epoch, by metric."""
        query = "SELECT version, loss, accuracy, metrics FROM evaluations WHERE job_id = ? ORDER BY version"
        rows = self._connection.execute(query, (job_id,)).fetchall()
        if not rows:
            return {}
        version = np.array([row[0] for row in rows], float)
        found = [measured(loss, accuracy, json.loads(metrics)) for _, loss, accuracy, metrics in rows]
        names = dict.fromkeys(name for each in found for name in each)
        seconds = self._elapsed(job_id, version)
        return {name: Series(version, seconds, np.array([each.get(name) for each in found], float)) for name in names}

    def _elapsed(self, job_id: str, version: Numbers) -> Numbers:
        """Return the seconds of training before versions."""
        steps = self.steps(job_id)
        elapsed = np.concatenate([[0.0], np.cumsum(steps["seconds"])])
        return elapsed[np.searchsorted(steps["version"], version)]

    def queue(self, cpus: int) -> list[str]:
        """Return the ids of the jobs that wait for their turn, the next one first.

        Those that need more than all `cpus` hold nobody up and are not among them; 0 where it is not known how many
        there are.
        """
        found = self._connection.execute(_QUEUE, (cpus, cpus))
        return [job_id for (job_id,) in found]

    def recent(self, job_id: str) -> Recent:
        """Return how the validation rows were predicted lately, and how long steps take."""
        query = "SELECT {} FROM {} WHERE job_id = ? ORDER BY version DESC LIMIT ?"
        columns = "loss, accuracy, metrics, confusion"
        found = self._connection.execute(query.format(columns, "evaluations"), (job_id, RECENT_ROWS)).fetchall()
        seconds = self._connection.execute(query.format("seconds", "steps"), (job_id, RECENT_ROWS)).fetchall()
        pairs: dict[str, dict[str, float]] = json.loads(found[0][3]) if found else {}
        return Recent(
            [measured(loss, accuracy, json.loads(metrics)) for loss, accuracy, metrics, _ in reversed(found)],
            [sum(row.values()) for row in pairs.values()],
            float(np.median(seconds)) if seconds else None,
        )

    def sketch(self, job_id: str, version: int) -> list[float]:
        """Return a few losses along the way to a version: means of some steps each, whatever their number."""
        known = self._steps.get(job_id)
        if known is not None and len(known) and known["version"][-1] >= version - 1:
            return _means(known["loss"])
        size = max(1, -(-version // SKETCH_POINTS))
        query = "SELECT loss FROM steps WHERE job_id = ? AND version >= ? AND version < ? ORDER BY version"
        points = []
        for first in range(0, version, size):
            rows = self._connection.execute(query, (job_id, first, first + min(size, SKETCH_ROWS))).fetchall()
            points += [float(np.mean(rows))] if rows else []
        return points


def _means(losses: Numbers) -> list[float]:
    size = max(1, -(-len(losses) // SKETCH_POINTS))
    starts = np.arange(0, len(losses), size)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = np.add.reduceat(losses, starts)
    return [float(mean) for mean in sums / np.diff([*starts, len(losses)])]
