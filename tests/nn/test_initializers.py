import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.nn import ACTIVATIONS, Network, initialize


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    names = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=len(sizes) - 1, max_size=len(sizes) - 1))
    return Network(tuple(sizes), tuple(names), "mse")


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


@pytest.mark.parametrize(("name", "gain"), [("relu", np.sqrt(2)), ("tanh", 1), ("sigmoid", 1), ("softmax", 1)])
def test_weights_have_the_spread_of_their_paper(name, gain):
    W = initialize(Network((400, 300), (name,), "mse"), 0).W[1]
    assert W.mean() == pytest.approx(0, abs=1e-3)
    assert W.std() == pytest.approx(gain / np.sqrt(400), rel=0.02)
