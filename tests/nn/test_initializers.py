import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import ACTIVATIONS, INITIALIZERS, Network, initialize


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    names = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=len(sizes) - 1, max_size=len(sizes) - 1))
    named = st.lists(st.sampled_from([None, *INITIALIZERS]), min_size=len(names), max_size=len(names))
    return Network(tuple(sizes), tuple(names), "mse", initializers=tuple(draw(st.just([]) | named)))


@settings(max_examples=30)
@given(networks(), st.integers(0, 2**63 - 1))
def test_the_first_weights_depend_on_network_and_seed_only(network, seed):
    first = initialize(network, seed).flat.copy()
    np.random.seed(1)
    np.random.normal(size=10)
    initialize(network, seed + 1)
    np.testing.assert_array_equal(initialize(network, seed).flat, first)
    assert (initialize(network, seed + 1).flat != first).any()


@settings(max_examples=30)
@given(networks(), st.integers(0, 1000))
def test_biases_are_zero_and_weights_are_finite(network, seed):
    parameters = initialize(network, seed)
    assert all((B == 0).all() for B in parameters.B.values())
    assert np.isfinite(parameters.flat).all()


def test_a_layers_weights_do_not_depend_on_the_layers_behind_it():
    short = initialize(Network((5, 4, 3), ("tanh", "identity"), "mse"), 7)
    long = initialize(Network((5, 4, 3, 2), ("tanh", "identity", "relu"), "mse"), 7)
    for L in (1, 2):
        np.testing.assert_array_equal(short.W[L], long.W[L])


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu", "gelu"])
def test_weights_before_a_rectifier_have_the_spread_of_he(name):
    W = initialize(Network((400, 300), (name,), "mse"), 0).W[1]
    assert W.mean() == pytest.approx(0, abs=1e-3)
    assert W.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softmax", "identity", "softplus"])
def test_weights_before_another_activation_have_the_spread_of_lecun(name):
    W = initialize(Network((400, 300), (name,), "mse"), 0).W[1]
    assert W.mean() == pytest.approx(0, abs=1e-3)
    assert W.std() == pytest.approx(np.sqrt(1 / 400), rel=0.02)


SPREADS = {"he": np.sqrt(2 / 400), "glorot": np.sqrt(2 / (400 + 300)), "lecun": np.sqrt(1 / 400)}


@pytest.mark.parametrize("name", sorted(INITIALIZERS))
def test_a_named_initializer_has_the_spread_and_the_shape_of_its_name(name):
    W = initialize(Network((400, 300), ("relu",), "mse", initializers=(name,)), 0).W[1]
    paper, _, shape = name.partition("_")
    assert W.mean() == pytest.approx(0, abs=1e-3)
    assert W.std() == pytest.approx(SPREADS[paper], rel=0.02)
    expected = np.sqrt(3) if shape == "uniform" else 4.4
    assert np.abs(W).max() / SPREADS[paper] == pytest.approx(expected, rel=1e-3 if shape == "uniform" else 0.15)


def test_a_layer_without_a_name_takes_the_default_of_its_activation():
    network = Network((3, 4, 5), ("relu", "tanh"), "mse", initializers=(None, "glorot_uniform"))
    assert [network.initializer(L) for L in (1, 2)] == ["he_normal", "glorot_uniform"]


def test_the_first_weights_are_those_of_every_release():
    W = initialize(Network((3, 2, 2), ("relu", "softmax"), "cross_entropy"), 0).W
    assert W[1][0].tolist() == [-0.6361287236213684, -0.44988247752189636, -0.2823529541492462]
    assert W[2][0].tolist() == [0.7871501445770264, 1.796613097190857]


def test_one_initializer_too_few_is_refused():
    with pytest.raises(ValueError, match="initializers are 1 for 2 layers"):
        Network((3, 4, 5), ("relu", "tanh"), "mse", initializers=("he_normal",))
