"""Jobs that name their data and nothing else learn from real files: digits, MNIST, census, houses.

The job's own specification, shards, mathematics and server state, in one process.
"""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.dataset import load_dataset
from chainrule.parameter_server.restore import restore
from chainrule.wire.validation import parse_spec
from chainrule.worker.partials import PartialComputer

DATA = Path(__file__).parents[3] / "shared" / "data"


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there")
    return path


def write(path, columns, label):
    """Write columns and label as a CSV file."""
    table = np.column_stack([*columns.values(), label])
    np.savetxt(path, table, fmt="%.7g", delimiter=",", header=",".join([*columns, "label"]), comments="")
    return path


def learn(path, layers, **sections):
    """Train with one worker and return the validation sums at the end."""
    network = {"layers": layers, **sections.pop("network", {})}
    spec = parse_spec({"data": {"train": str(path), "label": "label"}, "network": network, **sections})
    summary, shards = load_dataset(spec)
    state, _ = restore(spec, summary, 1, [])
    worker, step = state.join(0.0), None
    computer = PartialComputer(spec, summary.network(spec), summary.steps_per_epoch(spec), dict(enumerate(shards)))
    while (work := state.take_work(worker, 0.0)) is not None:
        (node,) = work.nodes
        partial = computer.compute(state.parameters, work.version, node, train=work.train, evaluate=work.evaluate)
        _, step = state.push(worker, 1, work.version, node, partial, 0.0)
        computer.release(partial)
    assert state.complete
    return step.validation


def one_hot_columns(rows, name):
    return {f"{name}_{i}": np.array([row == value for row in rows]) for i, value in enumerate(sorted(set(rows)))}


def accuracy(sums):
    return sums.right / sums.weight


def test_digits(digits_csv):
    assert accuracy(learn(digits_csv, [{"units": 64}, {}])) >= 0.94


def test_mnist(tmp_path):
    images = gzip.decompress(real("t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress(real("t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    columns = {f"p{i}": pixels[:, i] for i in range(784)}
    path = write(tmp_path / "mnist.csv", columns, np.frombuffer(labels, np.uint8, offset=8))
    assert accuracy(learn(path, [{"units": 128}, {}])) >= 0.94


def test_the_census(tmp_path):
    with real("adult.data").open() as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if len(row) == 15]
    columns = {}
    for i, cells in enumerate(zip(*rows, strict=True)):
        numeric = i in (0, 2, 4, 10, 11, 12)
        columns |= {f"n{i}": np.array(cells, float)} if numeric else one_hot_columns(cells, f"c{i}") if i < 14 else {}
    path = write(tmp_path / "adult.csv", columns, [row[14] == ">50K" for row in rows])
    assert accuracy(learn(path, [{"units": 64}, {}], early_stopping={"patience": 5})) >= 0.85


def test_houses(tmp_path):
    with real("california_housing.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = {}
    for name in (name for name in rows[0] if name not in ("ocean_proximity", "median_house_value")):
        numbers = np.array([float(row[name] or "nan") for row in rows])
        columns[name] = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
    columns |= one_hot_columns([row["ocean_proximity"] for row in rows], "ocean")
    value = np.array([float(row["median_house_value"]) for row in rows])
    path = write(tmp_path / "houses.csv", columns, (value - value.mean()) / value.std())
    sums = learn(path, [{"units": 64}, {}], network={"loss": "mse"})
    assert 1 - sums.loss / sums.weight >= 0.72
