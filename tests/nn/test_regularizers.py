import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.nn import Parameters
from chainrule.nn.arrays import BLOCK
from chainrule.nn.regularizers import add_l1_gradient, add_l2_gradient, l1, l2, limit_norms

KINDS = [(l1, add_l1_gradient), (l2, add_l2_gradient)]
LARGE = (BLOCK // 10, 25, 3)


def parameters(sizes, seed, dtype=np.float64):
    result = Parameters.empty(sizes, dtype)
    result.flat[:] = np.random.default_rng(seed).normal(size=result.flat.size)
    return result


sizes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)
seeds = st.integers(0, 2**32)
strengths = st.floats(1e-3, 10)


@pytest.mark.parametrize("kind", KINDS)
@given(sizes, seeds, strengths)
def test_the_gradient_is_the_derivative_and_is_added(kind, sizes, seed, strength):
    value, add_gradient = kind
    theta, gradient = parameters(sizes, seed), parameters(sizes, seed + 1)
    before = gradient.flat.copy()
    add_gradient(theta, gradient, strength)
    for k, w in enumerate(theta.flat.copy()):
        h = abs(w) / 2  # neither value has a third derivative: only the kink of |w| has to be kept clear of
        theta.flat[k] = w + h
        up = value(theta, strength)
        theta.flat[k] = w - h
        expected = (up - value(theta, strength)) / (2 * h)
        theta.flat[k] = w
        assert gradient.flat[k] - before[k] == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("sizes", [(3, 4, 2), LARGE])
def test_the_values_are_those_of_the_formulas(sizes):
    theta = parameters(sizes, 0)
    weights = np.concatenate([W.ravel() for W in theta.W.values()])
    assert l1(theta, 0.5) == pytest.approx(0.5 * np.abs(weights).sum())
    assert l2(theta, 0.5) == pytest.approx(0.25 * (weights**2).sum())


@pytest.mark.parametrize("sizes", [(3, 4, 2), LARGE])
def test_the_gradients_are_those_of_the_formulas_and_biases_have_none(sizes):
    theta = parameters(sizes, 0, np.float32)
    for add_gradient, formula in ((add_l1_gradient, np.sign), (add_l2_gradient, np.array)):
        gradient = parameters(sizes, 1, np.float32)
        before = Parameters.view(gradient.flat.copy(), sizes)
        add_gradient(theta, gradient, 0.5)
        for L in theta.W:
            np.testing.assert_array_equal(gradient.W[L], before.W[L] + np.float32(0.5) * formula(theta.W[L]))
            np.testing.assert_array_equal(gradient.B[L], before.B[L])


def test_a_weight_of_zero_has_no_l1_gradient():
    theta, gradient = Parameters.view(np.zeros(6), (2, 2)), Parameters.view(np.ones(6), (2, 2))
    add_l1_gradient(theta, gradient, 3.0)
    assert (gradient.flat == 1).all()


@given(sizes, seeds, st.floats(0.1, 5))
def test_no_neurons_incoming_weights_are_longer_than_the_limit(sizes, seed, limit):
    theta = parameters(sizes, seed, np.float32)
    before = Parameters.view(theta.flat.copy(), sizes)
    limit_norms(theta, limit)
    for L in theta.W:
        np.testing.assert_array_equal(theta.B[L], before.B[L])
        for row, old in zip(theta.W[L], before.W[L], strict=True):
            length = np.linalg.norm(old.astype(np.float64))
            if length <= limit:
                np.testing.assert_array_equal(row, old)
            else:
                np.testing.assert_allclose(row, old * (limit / length), rtol=1e-6)


def test_the_limit_holds_for_a_layer_of_many_blocks_and_for_rows_of_zeros():
    theta = parameters(LARGE, 0, np.float32)
    theta.W[1][3] = 0
    limit_norms(theta, 2.0)
    np.testing.assert_allclose(np.linalg.norm(np.delete(theta.W[1], 3, axis=0), axis=1), 2, rtol=1e-5)
    assert (theta.W[1][3] == 0).all()
