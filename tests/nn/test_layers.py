import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import (
    ACTIVATIONS,
    Backpropagation,
    Mean,
    Network,
    Parameters,
    gradients,
    initialize,
    live_neurons,
    relative_change,
    saturated_share,
)
from chainrule.nn.arrays import BLOCK

SIZES = (700, 500, 3)


def filled(seed, scale=1.0):
    parameters = Parameters.empty(SIZES)
    parameters.flat[:] = np.random.default_rng(seed).standard_normal(parameters.flat.size, np.float32) * scale
    return parameters


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_norms_are_those_of_the_mean_gradient_whatever_its_size(scale):
    """float32 squares of such numbers are 0 or infinite."""
    parts = [filled(seed, scale) for seed in (1, 2)]
    assert parts[0].flat.size > 2 * BLOCK
    found = gradients(Mean(tuple(part.flat for part in parts), 7.0), parts[0])
    for L in (1, 2):
        W, B = (sum(getattr(part, kind)[L].astype(np.float64) for part in parts) / 7 for kind in "WB")
        assert found[L].weight == pytest.approx(np.linalg.norm(W), rel=1e-6, abs=0)
        assert found[L].bias == pytest.approx(np.linalg.norm(B), rel=1e-6, abs=0)


def test_the_parts_are_only_read():
    parts = [filled(seed) for seed in (1, 2)]
    before = [part.flat.copy() for part in parts]
    gradients(Mean(tuple(part.flat for part in parts), 7.0), parts[0])
    np.testing.assert_array_equal([part.flat for part in parts], before)


def test_the_relative_change():
    before = np.float32([3, 4])
    assert relative_change(before, np.float32([3, 4])) == 0
    assert relative_change(before, np.float32([3, 4.5])) == pytest.approx(0.1)
    assert np.isnan(relative_change(np.zeros(2, np.float32), before))
    assert not np.isfinite(relative_change(before, np.float32([np.inf, 1])))


@given(st.lists(st.lists(st.sampled_from([0.0, 1.5, 0.25]), min_size=3, max_size=3), min_size=1, max_size=6))
def test_a_neuron_lives_that_has_told_a_row_anything(rows):
    A = np.float32(rows)
    assert live_neurons(A).tolist() == [any(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("name", "A", "share"),
    [
        ("tanh", [[0.9, -0.96], [0.96, 0.0]], 0.5),
        ("sigmoid", [[0.03, 0.02], [0.5, 0.99]], 0.5),
        ("softmax", [[0.01, 0.99, 0.0], [0.34, 0.33, 0.33]], 0.5),
    ],
)
def test_what_is_at_an_end_of_its_range_is_saturated(name, A, share):
    assert saturated_share(name, np.float32(A)) == share


def test_each_hidden_layer_is_seen_as_the_forward_pass_made_it():
    network = Network((4, 6, 5, 3), ("relu", "tanh", "softmax"), "cross_entropy", dropout=(0.0, 0.5, 0.0))
    theta, rng = initialize(network, 0), np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 4), np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 8)]
    step, gradient, seen = Backpropagation(network, 8), Parameters.empty(network.sizes), {}
    unseen = step.loss_and_gradient(theta, X, Y, gradient), gradient.flat.copy()
    loss = step.loss_and_gradient(theta, X, Y, gradient, see=lambda L, A: seen.update({L: A.copy()}))
    assert (loss, gradient.flat.tobytes()) == (unseen[0], unseen[1].tobytes())
    A = X
    for L in (1, 2):
        A = A @ theta.W[L].T + theta.B[L]
        ACTIVATIONS[network.activations[L - 1]].apply(A, np.zeros_like(A))
        np.testing.assert_allclose(seen.pop(L), A, rtol=1e-5, atol=1e-6)
    assert not seen
