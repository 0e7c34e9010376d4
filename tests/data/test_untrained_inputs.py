"""Inputs that never change in training are 0 for all rows; numbers to be predicted keep their precision."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from chainrule.data.dataset import load_dataset
from chainrule.data.metrics import Figures, Layout, metrics
from chainrule.data.model import Model
from chainrule.data.scaling import HELD
from chainrule.nn import LOSSES, initialize, predict
from chainrule.parameter_server.restore import restore
from chainrule.worker.partials import PartialComputer

FAST = {"optimizer": {"name": "adam", "learning_rate": 0.01}}
SCALINGS = ("standardize", "min_max", "none")
FOLDER = Path(__file__).parents[3] / "shared" / "data"
IMAGES, LABELS = FOLDER / "t10k-images-idx3-ubyte.gz", FOLDER / "t10k-labels-idx1-ubyte.gz"


def untrained(spec):
    summary, shards = load_dataset(spec)
    return Model(spec, summary, initialize(summary.network(spec), 0), 1), shards


def train(spec, steps):
    """Train in this process, with one worker; return the model, the losses and the shards."""
    summary, shards = load_dataset(spec)
    state, _ = restore(spec, summary, 1, [])
    worker, losses = state.join(0.0), []
    computer = PartialComputer(spec, summary.network(spec), summary.steps_per_epoch(spec), dict(enumerate(shards)))
    while (work := state.take_work(worker, 0.0)) is not None and state.version < steps:
        (node,) = work.nodes
        partial = computer.compute(state.parameters, work.version, node, train=work.train, evaluate=work.evaluate)
        _, step = state.push(worker, 1, work.version, node, partial, 0.0)
        computer.release(partial)
        if step.training is not None:
            losses.append(step.training.loss / step.training.weight)
    return Model(spec, summary, state.parameters, state.version), losses, shards


LATER = [-3.0, 0.0, 5.0, 5.000001, 1e30]


@settings(max_examples=30)
@given(
    st.floats(-(2.0**99), 2.0**99, width=32),
    st.sampled_from(SCALINGS),
    st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=5),
)
def test_a_number_that_never_changed_in_training_is_0_for_every_later_value(
    job, tmp_path_factory, value, scaling, later
):
    path = tmp_path_factory.mktemp("constant") / "rows.csv"
    path.write_text("x,c,label\n" + "".join(f"{i},{value!r},{'ab'[i % 2]}\n" for i in range(12)))
    model, shards = untrained(job(path, data={"scaling": scaling}))
    assert all((shard.X[:, 1] == 0).all() and (shard.validation_X[:, 1] == 0).all() for shard in shards)
    X = model.inputs(pa.table({"x": [1.0] * len(later), "c": later}))
    np.testing.assert_array_equal(X[:, 1], 0)
    assert np.unique(model.outputs(pa.table({"x": [1.0] * len(later), "c": later})), axis=0).shape[0] == 1


@pytest.mark.parametrize("scaling", SCALINGS)
def test_inputs_of_every_kind_that_never_changed_are_0(csv, job, scaling):
    """Dates, truth values, times, levels, the rest of the levels, and whether a number is missing."""
    lines = [("x", "day", "wet", "clock", "level", "label")]
    lines += [(i, "2020-01-05", "true", "12:30", "only", "ab"[i % 2]) for i in range(20)]
    model, _ = untrained(job(csv(lines), data={"scaling": scaling, "missing": "median"}))
    assert [each.kind for each in model.summary.encoders] == ["number", "date", "boolean", "time", "levels"]
    later = {"day": ["1999-12-31", None], "wet": ["false", "true"], "clock": ["0:00", None], "level": ["other", None]}
    X = model.inputs(pa.table({"x": [5.0, 7.0]} | later))
    assert model.summary.preprocessing.features[1:] == ("day", "wet", "clock", "level=only", "level=(other)")
    np.testing.assert_array_equal(X[:, 1:], 0)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("missing", [False, True])
def test_the_rest_of_the_levels_is_an_input_only_where_it_was_trained(csv, job, scaling, missing):
    lines = [("c", "label"), *(("" if missing and i % 5 == 0 else "uv"[i % 2], "ab"[i // 2 % 2]) for i in range(40))]
    model, _ = untrained(job(csv(lines), data={"scaling": scaling}))
    X = model.inputs(pa.table({"c": ["u", "v", "w", None]}))
    rest = 1 if missing else 0
    np.testing.assert_array_equal(X, [[1, 0, 0], [0, 1, 0], [0, 0, rest], [0, 0, rest]])


def test_buckets_that_no_training_row_has_are_0(csv, job):
    lines = [("c", "label"), *((f"w{i % 7}", "ab"[i % 2]) for i in range(70))]
    data = {"most_categories": 3, "hash_buckets": 50, "validation_fraction": 0}
    model, shards = untrained(job(csv(lines), data=data))
    used = np.concatenate([shard.X for shard in shards]).any(axis=0)
    X = model.inputs(pa.table({"c": [f"other{i}" for i in range(300)]}))
    assert 0 < used.sum() <= 7
    np.testing.assert_array_equal(X[:, ~used], 0)
    assert X[:, used].any()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["u", "v", ""]), st.booleans()), min_size=12, max_size=30))
def test_an_input_is_held_where_training_never_changes_it(job, tmp_path_factory, found):
    path = tmp_path_factory.mktemp("held") / "rows.csv"
    lines = [f"{x if there else ''},{c},{'ab'[i % 2]}\n" for i, (x, c, there) in enumerate(found)]
    path.write_text("x,c,label\n" + "".join(lines))
    data = {"missing": "mean", "scaling": "none", "kinds": {"x": "number", "c": "category"}, "columns": ["x", "c"]}
    model, shards = untrained(job(path, data=data))
    X = np.concatenate([shard.X for shard in shards])
    held = np.array(list(zip(model.summary.scaling.mean, model.summary.scaling.scale, strict=True))) == HELD
    np.testing.assert_array_equal(held.all(axis=1), (X == 0).all(axis=0) | held.all(axis=1))
    assert not (X[:, held.all(axis=1)]).any()
    constant = (X[0] == X).all(axis=0)
    np.testing.assert_array_equal(X[:, constant], 0)


def test_held_inputs_cost_no_accuracy_on_images(job):
    if not IMAGES.exists():
        pytest.skip(f"{IMAGES.name} is not there")
    spec = job(IMAGES, layers=[{"units": 32}, {}], batch_size=64, epochs=3, data={"validation_fraction": 0.3})
    model, _, shards = train(spec, 300)
    network, held = model.summary.network(spec), np.array(model.summary.scaling.scale) == 0
    assert 20 < held.sum() < 300
    assert all(not shard.X[:, held].any() and not shard.validation_X[:, held].any() for shard in shards)
    images, labels = (np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8) for path in (IMAGES, LABELS))
    images, labels = images[16:].reshape(-1, 784), labels[8:]
    X = model.inputs(pa.table({f"p{i}": images[:, i] for i in range(784)}))
    without = X.copy()
    without[:, held] = images[:, held]  # as a scaling of 1 would leave them; in training rows they are 0
    right, less = (np.mean(predict(network, model.parameters, each).argmax(axis=1) == labels) for each in (X, without))
    assert right >= 0.9
    assert right >= less


@pytest.fixture
def far(csv):
    """Return a file of targets near 1e9 whose deviation is 2.2, and these."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(200)
    y = 1e9 + np.round(2 * x + 0.9 * rng.standard_normal(200), 3)
    return csv([("x", "label"), *zip(x.tolist(), y.tolist(), strict=True)]), x, y


def test_far_targets_are_standardised_before_they_are_rounded(job, far):
    path, _, y = far
    spec = job(path, loss="mse", data={"validation_fraction": 0, "target_scaling": "standardize"})
    model, shards = untrained(spec)
    Y = np.concatenate([shard.Y[:, 0] for shard in shards])
    expected = StandardScaler().fit_transform(y[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(np.sort(Y), np.sort(expected), atol=1e-6)
    assert abs(Y.std(dtype=np.float64) - 1) < 1e-6
    np.testing.assert_allclose(model.summary.target_scaling.scale, [y.std()])


def test_predictions_of_far_targets_are_float64_and_the_metrics_are_theirs(job, far):
    path, x, y = far
    spec = job(path, loss="mse", batch_size=20, epochs=60, shards=1, data={"validation_fraction": 0}, sections=FAST)
    model, losses, shards = train(spec, 600)
    assert losses[-1] < 0.5 * losses[0]
    found = model.predict(pa.table({"x": x}))[:, 0]
    assert found.dtype == np.float64
    rmse = np.sqrt(np.mean(np.square(found - y)))
    assert rmse < 1.5
    layout = Layout.of(model.summary.network(spec))
    figures = Figures(layout)
    (shard,) = shards
    figures.add(predict(model.summary.network(spec), model.parameters, shard.X), shard.Y, np.ones(len(y), np.float32))
    told = metrics(layout, figures.sums, len(y), model.summary.target_scaling)
    assert abs(told["rmse"] - rmse) < 1e-5 * rmse
    assert abs(told["mae"] - np.abs(found - y).mean()) < 1e-5 * rmse
    assert abs(told["r2"] - (1 - np.square(found - y).sum() / np.square(y - y.mean()).sum())) < 1e-5


def test_moments_are_no_multiples_of_what_float32_holds(csv, job):
    moments = 1_700_000_000 + np.arange(100) * 37
    spec = job(csv([("x", "label"), *enumerate(moments.tolist())]), loss="mse")
    model, _ = untrained(spec)
    found = model.predict(pa.table({"x": np.arange(100.0)}))[:, 0]
    assert (found % 128 != 0).mean() > 0.9


def test_targets_that_float32_does_not_hold_are_warned_of(job, far):
    path, *_ = far
    spec = job(path, loss="mse", data={"target_scaling": "none"})
    summary, _ = load_dataset(spec)
    assert any('data.target_scaling = "standardize"' in warning for warning in summary.warnings)
    assert not load_dataset(job(path, loss="mse"))[0].warnings


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_the_default_scales_targets_of_losses_over_all_numbers(csv, job, loss):
    binary = loss in ("cross_entropy", "binary_cross_entropy")
    spec = job(csv([("x", "label"), *((i, i % 2 if binary else i) for i in range(20))]), loss=loss)
    scaled = loss in ("mse", "huber", "mean_absolute_error", "quantile")
    assert spec.scales_targets is scaled
    assert (load_dataset(spec)[0].target_scaling is not None) is scaled


@pytest.mark.parametrize("loss", ["mse", "huber", "mean_absolute_error", "quantile"])
@pytest.mark.parametrize(("offset", "size"), [(1e9, 1.0), (0.0, 1e-9), (-1e9, 1e6), (1e-9, 1e-12)])
def test_targets_of_any_size_train(csv, job, loss, offset, size):
    x = np.linspace(-1, 1, 100)
    y = offset + size * (x + 0.3 * np.sin(5 * x))
    spec = job(
        csv([("x", "label"), *zip(x.tolist(), y.tolist(), strict=True)]),
        loss=loss,
        layers=({"units": 16}, {}),
        batch_size=20,
        epochs=80,
        sections=FAST,
    )
    model, losses, _ = train(spec, 300)
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    found = model.predict(pa.table({"x": x}))[:, 0]
    assert np.abs(found - y).mean() < np.abs(y - np.median(y)).mean()
