"""Job files that `chainrule init` writes, with no edit, learn from real files: digits, MNIST, census, houses.

The job's own specification, shards, mathematics and server state, in one process; digits also by the command line.
"""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from chainrule.client.suggestion import suggest
from chainrule.data.dataset import load_dataset
from chainrule.data.description import describe
from chainrule.data.model import Model
from chainrule.data.sources import dialect_of, open_source, rows_of
from chainrule.data.tables import plain
from chainrule.parameter_server.evaluation import evaluate
from chainrule.parameter_server.restore import restore
from chainrule.wire.validation import parse_spec
from chainrule.worker.partials import PartialComputer

DATA = Path(__file__).parents[3] / "shared" / "data"


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not there")
    return path


@threadpool_limits.wrap(limits=1)
def learn(path, label):
    """Train as `init` says, with one worker; return the metrics of the weights that are kept, and the model."""
    spec = parse_spec(tomllib.loads(suggest(describe(str(path)), [label], 2)))
    summary, shards = load_dataset(spec)
    network, metrics = summary.network(spec), {}
    state, _ = restore(spec, summary, 1, [])
    worker = state.join(0.0)
    computer = PartialComputer(spec, network, summary.steps_per_epoch(spec), dict(enumerate(shards)))
    while (work := state.take_work(worker, 0.0)) is not None:
        (node,) = work.nodes
        partial = computer.compute(state.parameters, work.version, node, train=work.train, evaluate=work.evaluate)
        _, step = state.push(worker, 1, work.version, node, partial, 0.0)
        computer.release(partial)
        if step.validation is not None:
            metrics[step.version] = evaluate(network, summary, step.validation)[2]
    assert state.complete
    return metrics[state.memory.stopping.version], Model(spec, summary, state.parameters, state.version)


def predicted(model, path, label):
    """Predict all rows, raw and with their columns in another order; return what is right and the outputs."""
    files, dialect, _ = open_source(str(path), dialect_of(model.spec))
    tables = [plain(table) for table, _, _ in rows_of(files, dialect)]
    outputs = [model.predict(table.select(table.column_names[::-1])) for table in tables]
    return [value for table in tables for value in table[label].to_pylist()], np.concatenate(outputs)


def test_digits_by_the_command_line(service, digits_csv, tmp_path):
    job = tmp_path / "digits.toml"
    job.write_text(service.run("init", digits_csv, "--label", "label").stdout)
    job_id = service.submit(job)
    done = service.finish(job_id)
    assert done["state"] == "SUCCEEDED"
    assert done["metrics"]["validation"]["accuracy"] >= 0.96
    service.run("predict", job_id, digits_csv, "-o", tmp_path / "out.csv")
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    labels = [line.rpartition(",")[2] for line in digits_csv.read_text().splitlines()[1:]]
    assert header.startswith('"prediction","probability of 0"')
    right = sum(row.split(",")[0].strip('"') == label for row, label in zip(rows, labels, strict=True))
    assert right / len(labels) >= 0.97


@pytest.mark.soak
def test_mnist():
    metrics, _ = learn(real("t10k-images-idx3-ubyte.gz"), "label")
    assert metrics["accuracy"] >= 0.96


def test_the_census():
    path = real("adult.data")
    metrics, model = learn(path, "f14")
    assert metrics["accuracy"] >= 0.85
    assert metrics["auc"] >= 0.90
    labels, outputs = predicted(model, path, "f14")
    named = [model.summary.classes[i] for i in outputs.argmax(axis=1)]
    assert np.mean([ours == theirs for ours, theirs in zip(named, labels, strict=True)]) >= 0.85


def test_houses():
    path = real("california_housing.csv")
    metrics, model = learn(path, "median_house_value")
    assert metrics["r2"] >= 0.77
    prices, outputs = predicted(model, path, "median_house_value")
    assert 1 - np.mean(np.square(outputs[:, 0] - prices)) / np.var(prices) >= 0.77
