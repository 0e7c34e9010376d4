import json
from dataclasses import replace

import pytest
from costing import COSTS, counts

from chainrule.client.exits import invoke
from chainrule.data.dataset import load_dataset
from chainrule.server import calibration, planning, probing
from chainrule.server.forecast import Link
from chainrule.server.main import group
from chainrule.server.plan_tables import conclusions, duration, size
from chainrule.server.planning import DataShape, JobPlan, counts_of, default_workers
from chainrule.wire.errors import InvalidJob
from chainrule.wire.validation import parse_spec

JOB = """
name = "points"
[data]
train = "points.csv"
label = "label"
[network]
layers = [{units = 4}, {}]
[training]
epochs = 3
batch_size = 12
shards = 4
[cluster]
max_workers = 2
"""


@pytest.fixture
def job(spec, tmp_path):
    """A job file beside the data that `spec` is about."""
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


@pytest.fixture
def run(capfd, monkeypatch):
    """Run a command; what parts cost is measured for less long than a user does."""
    monkeypatch.setattr(calibration, "ROUNDS_SECONDS", 0.02)
    monkeypatch.setattr(probing, "TALK_SECONDS", 0.02)
    monkeypatch.setenv("CHAINRULE_SERVER", "127.0.0.1:1")

    def run(*args):
        code = invoke(group, list(map(str, args)))
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def set_costs(monkeypatch):
    monkeypatch.setattr(planning, "calibrate", lambda *_: COSTS)


def test_tells_what_a_job_is_made_of_and_needs_no_service(run, job):
    """Everything is real: the file, the processes, the sockets."""
    code, out, err = run("plan", job)
    assert (code, err) == (0, "")
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "points: 26 weights and biases; 96 rows for training in 4 shards, 24 for validation"
    assert lines[1].startswith("A step: 12 rows, 0.00 GFLOP. The job: 24 steps in 3 epochs")
    assert lines[4].split() == ["1", "4", "x", "3", "4", "relu", "16"]
    assert lines[5].split() == ["2", "2", "x", "4", "2", "softmax", "10"]
    assert lines[7].startswith("WORKERS  WHERE")
    assert [line.split()[0] for line in lines[8:] if line[:7].strip().isdigit()][-1] == "4"
    assert any(line.startswith("Worth having: ") for line in lines[-3:])


@pytest.mark.usefixtures("set_costs")
def test_prints_json(run, job):
    code, out, _ = run("plan", job, "--json", "--workers", "1,2,4,8", "--bandwidth", "1G", "--latency", "1ms")
    document = json.loads(out)
    assert code == 0
    assert document["network"] == {"bits": 1e9, "latency": 1e-3}
    assert [layer["W"] for layer in document["layers"]] == [[4, 3], [2, 4]]
    assert (document["parameters"], document["steps"], document["flops"]) == (26, 24, 12 * (6 * 20 - 2 * 12))
    places = [(each["workers"], each["where"]) for each in document["forecasts"]]
    assert places == [(1, "here"), (1, "hosts"), (2, "here"), (2, "hosts"), (4, "hosts"), (8, "hosts")]
    assert document["forecasts"][0]["efficiency"] == 1
    assert sum(document["forecasts"][1]["phases"].values()) == pytest.approx(document["forecasts"][1]["step_seconds"])
    assert document["worth_having"].keys() == {"here", "hosts"}


@pytest.mark.usefixtures("set_costs")
def test_data_that_is_not_here_may_be_told(run, job):
    job.write_text(JOB.replace("points.csv", "s3://nowhere/points.csv"))
    _, out, _ = run("plan", job, "--data", "1000000,30,7", "--json")
    document = json.loads(out)
    assert [layer["W"] for layer in document["layers"]] == [[4, 30], [7, 4]]
    assert document["steps"] == 3 * -(-800_000 // 12)


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (("units = 4", "units = 0"), (), "network.layers[0].units must be >= 1"),
        (("points.csv", "nowhere.csv"), (), "nowhere.csv"),
        (("units = 4", "units = 2000000000"), (), "GB are free: use fewer units, or a larger machine"),
        (("", ""), ("--bandwidth", "fast"), "'fast' is no bandwidth"),
        (("", ""), ("--workers", "0"), "'0' should be numbers of workers"),
        (("", ""), ("--data", "9,3,2"), "training.batch_size is 12, more than the 7 training rows"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(run, job, change, options, sentence):
    job.write_text(JOB.replace(*change))
    code, out, err = run("plan", job, *options)
    assert (code, out) == (2, "")
    assert sentence in err


@pytest.mark.usefixtures("set_costs")
@pytest.mark.parametrize(
    ("label", "loss", "W"),
    [
        ('label = "kind"', "cross_entropy", [[4, 1 + 4 + 1], [5, 4]]),  # three towns and any other
        ('label = "price"', "mse", [[4, 1 + 4 + 6], [1, 4]]),
        ('labels = ["price", "size"]', "mse", [[4, 4 + 6], [2, 4]]),
    ],
)
def test_every_kind_of_job_has_its_shapes_from_the_data(run, job, label, loss, W):
    """A text makes an input for each of its words, and one for any other."""
    rows = "".join(f"{i},{i % 3 * 'x'}town,{i * i},kind{i % 5}\n" for i in range(90))
    job.with_name("points.csv").write_text(f"size,town,price,kind\n{rows}")
    job.write_text(JOB.replace('label = "label"', label).replace("[network]", f'[network]\nloss = "{loss}"'))
    code, out, err = run("plan", job, "--json")
    assert (code, err) == (0, "")
    assert [layer["W"] for layer in json.loads(out)["layers"]] == W


@pytest.mark.usefixtures("set_costs")
def test_warns_of_a_pair_that_is_hardly_meant(run, job):
    job.write_text(JOB.replace("{units = 4}, {}", '{units = 4}, {activation = "sigmoid"}'))
    (line,) = [line for line in run("plan", job)[1].splitlines() if line.startswith("Warning: ")]
    assert line.startswith("Warning: network.layers[1].activation is sigmoid, ")
    assert [f"Warning: {warning}" for warning in json.loads(run("plan", job, "--json")[1])["warnings"]] == [line]


def test_the_shape_that_is_told_is_that_of_the_data(spec):
    summary, _ = load_dataset(spec)
    told = DataShape(120, 3, 2).summary(spec)
    assert told.rows_of_shards == summary.rows_of_shards
    assert told.validation_rows == summary.validation_rows
    assert told.network(spec) == summary.network(spec)
    with pytest.raises(InvalidJob, match=r"training\.batch_size"):
        DataShape(12, 3, 2).summary(spec)


def made(spec, **changes):
    summary = DataShape(1200, 784, 10).summary(spec)
    return JobPlan(spec, summary, counts(4), replace(COSTS, **changes), Link(10e9, 1e-4))


def test_a_job_takes_its_steps_and_the_validation_behind_each_epoch(spec):
    plan = made(spec)
    each = plan.forecast("here", 2)
    without = plan.summary.steps(spec) * each.seconds
    assert plan.job_seconds(each) == pytest.approx(without + 3 * COSTS.validate * plan.summary.validation_rows / 2)


def test_slots_of_the_optimizer_and_of_the_best_weights_count(spec):
    plain = parse_spec(spec.document() | {"optimizer": {"name": "sgd"}})
    stopping = parse_spec(spec.document() | {"early_stopping": {"patience": 3}})
    assert [counts_of(each, load_dataset(each)[0]).slots for each in (plain, spec, stopping)] == [0, 2, 3]


def test_as_many_workers_are_worth_having_as_help(spec):
    assert made(spec).worth_having("here") == 2
    assert made(spec, crowded=(0.1,)).worth_having("here") == 1
    assert replace(made(spec), link=Link(1e7, 1e-4)).worth_having("hosts") == 1
    assert "The job has 4 shards" in list(conclusions(replace(made(spec), link=Link(1e15, 0.0))))[1]


def test_a_link_that_is_too_slow_is_told_of(spec):
    slow, fast = (list(conclusions(replace(made(spec), link=Link(bits, 1e-4)))) for bits in (1e7, 1e15))
    assert any("no number of workers on hosts of their own is as fast" in sentence for sentence in slow)
    assert not any("no number of workers" in sentence for sentence in fast)


def test_powers_of_two_are_shown(spec):
    assert default_workers(spec) == (1, 2, 4)
    assert default_workers(replace(spec, training=replace(spec.training, shards=6))) == (1, 2, 4, 6)


def test_quantities_are_written_as_people_do():
    assert [duration(seconds) for seconds in (2.5e-4, 0.0123, 3.14, 600, 9000)] == [
        *("250 µs", "12.3 ms", "3.14 s", "10 min", "2.5 h")
    ]
    assert [size(count) for count in (0, 999, 64_700_000, 5e15)] == ["0 B", "999 B", "64.7 MB", "5e+03 TB"]
