import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from chainrule.data.dataset import DatasetSummary
from chainrule.data.model import Model
from chainrule.data.scaling import Scaling
from chainrule.nn import initialize
from chainrule.wire.errors import InvalidData

COLUMNS = ("width", "height", "weight")


@pytest.fixture(scope="session")
def model(job):
    """Make a model of three columns and two classes."""

    def make(units=(4,), version=7, seed=0):
        spec = job("rows.csv", layers=[{"units": n, "activation": "tanh"} for n in units] + [{}])
        scaling = Scaling((1.0, -2.5, 0.1), (2.0, 0.1, 1 / 3))
        summary = DatasetSummary(COLUMNS, ("a", "b"), 2, (5, 5), 2, scaling, "00")
        return Model(spec, summary, initialize(summary.network(spec), seed), version)

    return make


@pytest.fixture
def rows():
    return pa.table({name: [1.5, -2.0, 0.25 * i] for i, name in enumerate(COLUMNS)})


@settings(max_examples=20)
@given(st.lists(st.integers(1, 6), max_size=3), st.integers(0, 2**40), st.integers(0, 2**31))
def test_a_model_comes_back_as_it_was_saved(model, tmp_path_factory, units, version, seed):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    saved = model(units, version, seed)
    saved.save(path)
    loaded = Model.load(path)
    assert (loaded.spec, loaded.summary, loaded.version) == (saved.spec, saved.summary, version)
    np.testing.assert_array_equal(loaded.parameters.flat, saved.parameters.flat)
    assert loaded.parameters.flat.ctypes.data % 64 == 0


def test_a_loaded_model_predicts_the_same_bits(model, rows, tmp_path):
    saved = model()
    saved.save(tmp_path / "m")
    np.testing.assert_array_equal(Model.load(tmp_path / "m").predict(rows), saved.predict(rows))


def test_a_prediction_is_the_network_applied_to_scaled_rows(model, rows):
    m = model()
    X = (np.array([rows[name].to_pylist() for name in COLUMNS]).T - m.summary.scaling.mean) / m.summary.scaling.scale
    Z = np.tanh(X @ m.parameters.W[1].T) @ m.parameters.W[2].T
    expected = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(m.predict(rows), expected, rtol=1e-4)


def test_columns_are_found_by_name_and_others_are_ignored(model, rows):
    shuffled = rows.select(["weight", "width", "height"]).append_column("colour", pa.array(["red", None, "blue"]))
    np.testing.assert_array_equal(model().predict(shuffled), model().predict(rows))


def test_rows_without_a_column_are_refused(model, rows):
    with pytest.raises(InvalidData, match=r"new\.csv has no column 'height'"):
        model().predict(rows.drop_columns(["height"]), "new.csv")


def test_a_cell_that_is_no_number_is_refused_with_its_place(model, rows):
    rows = rows.set_column(1, "height", pa.array([1.0, None, 2.0]))
    with pytest.raises(InvalidData, match=r"new\.csv: row 2, column 'height'"):
        model().predict(rows, "new.csv")


def test_no_rows_give_no_predictions(model, rows):
    assert model().predict(rows.slice(0, 0)).shape == (0, 2)


def test_the_same_model_saved_twice_gives_the_same_bytes(model, tmp_path):
    for name in "ab":
        model((3, 2)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_others_read_the_weights_by_their_names(model, tmp_path):
    m = model((3,))
    m.save(tmp_path / "m")
    tensors = load_file(tmp_path / "m")
    assert sorted(tensors) == ["B1", "B2", "W1", "W2"]
    assert tensors["W1"].shape == (3, 3)
    np.testing.assert_array_equal(tensors["W2"], m.parameters.W[2])
