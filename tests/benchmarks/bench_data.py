"""Ingest of generated CSV and Parquet files by Ray tasks, beside pyarrow alone; memory, growth, and predictions.

`make bench-data`; ARGS="--rows 500000" for a shorter run. Both read in turns, since what new memory costs changes from
moment to moment; the ratio is the median of the rounds. Neither has to start and import anything first: an ingest of a
little file comes before each, without which Ray would have let idle processes go. Memory is that of a process alone:
what it shares with the object store is not counted twice.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np
import psutil
import pyarrow as pa
from pyarrow import csv, parquet
from threadpoolctl import threadpool_limits

from chainrule.data.dataset import load_dataset
from chainrule.data.model import Model
from chainrule.nn import initialize
from chainrule.wire.validation import parse_spec
from chainrule.worker.actor import RayTasks
from chainrule.worker.launcher import connect

CORES, COLUMNS, SHARDS, GROWTH = 2, 30, 4, 4
ROUNDS = 5
WANTED = {"csv": 0.7, "parquet": 0.3}
READ = {"csv": "csv.read_csv", "parquet": "parquet.read_table"}
LITTLE = 400_000
"""Rows of a file that is large enough to be read by all processes."""
GROUP = 250_000
"""Rows that are generated at once."""


def generate(folder: Path, kind: str, rows: int) -> Path:
    """Write a file of 29 numbers and a class."""
    path, random, writer = folder / f"{rows}.{kind}", np.random.default_rng(0), None
    for start in range(0, rows, GROUP):
        count = min(GROUP, rows - start)
        columns = {f"x{i}": np.round(random.normal(size=count) * 100, 4) for i in range(COLUMNS - 1)}
        table = pa.table(columns | {"label": random.integers(0, 2, count)})
        writer = writer or (csv.CSVWriter if kind == "csv" else parquet.ParquetWriter)(path, table.schema)
        writer.write_table(table)
    writer.close()
    with path.open("rb") as file:
        os.fsync(file)  # the disk, which would still be writing, is not what is measured
    return path


def job(path: Path):
    """The job whose data is ingested."""
    return parse_spec(
        {
            "data": {"train": str(path), "label": "label"},
            "network": {"layers": [{"units": 300}, {"units": 300}, {}]},
            "training": {"shards": SHARDS, "batch_size": 256},
        }
    )


class Peak:
    """The largest memory that a process of ours has had to itself, in bytes."""

    def __init__(self):
        self.bytes, self._over = 0, threading.Event()

    @contextmanager
    def watched(self):
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _look(self):
        me = psutil.Process()
        while not self._over.wait(0.05):
            for process in (me, *me.children(recursive=True)):
                try:
                    name, memory = process.cmdline()[:1], process.memory_info()
                except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                    continue
                if process == me or (name and name[0].startswith("ray::")):
                    self.bytes = max(self.bytes, memory.rss - memory.shared)


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def ingest(path: Path, little: Path):
    """Make the shards, and let them go again."""
    load_dataset(job(little), RayTasks(CORES, here=True))
    return timed(lambda: load_dataset(job(path), RayTasks(CORES, here=True))[0])


def alone(path: Path, kind: str) -> float:
    """Return the seconds in which pyarrow reads a file into a table, in a process of its own: it keeps its memory."""
    script = f"import sys, time; from pyarrow import {kind}; start = time.perf_counter(); {READ[kind]}(sys.argv[1]); "
    script += "print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(folder: Path, kind: str, rows: int) -> None:
    """Print what the ingest of one kind of file takes."""
    little = generate(folder, "csv", LITTLE)
    path = generate(folder, kind, rows)
    bare, seconds, most = [], [], 0
    for _ in range(ROUNDS):
        bare.append(alone(path, kind))
        with Peak().watched() as peak:
            duration, summary = ingest(path, little)
        seconds.append(duration)
        most = max(most, peak.bytes)
    ratios = [one / other for one, other in zip(bare, seconds, strict=True)]
    held = 4 * len(summary.columns) * -(-rows // SHARDS)
    limit = 1.5 * held + 300e6
    print(
        f"{kind:8} {rows:,} x {COLUMNS}, {path.stat().st_size / 1e6:,.0f} MB: pyarrow {middle(bare)} s, "
        f"ingest {middle(seconds)} s, ratio {middle(ratios)} (wanted {WANTED[kind]}); "
        f"peak {most / 1e6:,.0f} MB (allowed {limit / 1e6:,.0f})",
        flush=True,
    )
    large = generate(folder, kind, GROWTH * rows)
    pairs = [(ingest(path, little)[0], ingest(large, little)[0]) for _ in range(ROUNDS)]
    growth = statistics.median(longer for _, longer in pairs) / statistics.median(shorter for shorter, _ in pairs)
    print(
        f"{kind:8} {GROWTH} times the rows: {middle([longer for _, longer in pairs])} s, {growth:.2f} times as long "
        "(allowed 4.4)",
        flush=True,
    )
    path.unlink()
    large.unlink()


def middle(values: list[float]) -> str:
    """Tell the median and the range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def predict(rows: int) -> None:
    """Predict with 28-300-300-2, batch by batch as they come over the wire."""
    columns = tuple(f"x{i}" for i in range(28))
    table = pa.table({name: np.random.default_rng(i).normal(size=rows) for i, name in enumerate(columns)})
    table = table.append_column("label", pa.array(np.arange(rows) % 2))
    with tempfile.TemporaryDirectory() as folder:
        parquet.write_table(table.slice(0, 10_000), Path(folder) / "rows.parquet")
        spec = job(Path(folder) / "rows.parquet")
        summary, _ = load_dataset(spec)
    model = Model(spec, summary, initialize(summary.network(spec), 0), 0)
    batches = table.to_batches(max_chunksize=8192)
    with threadpool_limits(1, user_api="blas"):  # as in the service
        seconds, _ = timed(lambda: [model.predict(pa.Table.from_batches([batch])) for batch in batches])
    print(f"predict  28-300-300-2: {rows / seconds:,.0f} rows/s (wanted 200,000)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args().rows
    predict(400_000)
    connect(None, CORES)
    with tempfile.TemporaryDirectory() as name:
        for kind in ("csv", "parquet"):
            measure(Path(name), kind, rows)


if __name__ == "__main__":
    main()
