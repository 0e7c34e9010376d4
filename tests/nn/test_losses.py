import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.nn import ACTIVATIONS, LOSSES
from chainrule.nn.losses import FUSED, smooth, softmax_cross_entropy

NAMES = sorted(LOSSES)
KINKED = ("mean_absolute_error", "quantile", "huber")
OPTIONS = {"huber": {"delta": 0.75}, "quantile": {"quantile": 0.9}}


def one_hot(classes, n):
    return np.eye(n)[classes]


def value(name, A, Y):
    return LOSSES[name].bind(**OPTIONS.get(name, {})).value(A, Y, np.full_like(A, np.nan))


def gradient(name, A, Y):
    d = np.full_like(A, np.nan)
    LOSSES[name].bind(**OPTIONS.get(name, {})).gradient(A, Y, d, np.full_like(A, np.nan))
    return d


def activated(name, Z):
    """A = σ(Z), and what pulls a gradient back through it."""
    A, K = Z.copy(), np.zeros_like(Z)
    ACTIVATIONS[name].apply(A, K)
    return A, lambda d: ACTIVATIONS[name].pull_back(A, K, d)


@st.composite
def batches(draw, outputs):
    """(A^N or Z^N, Y) of a few rows."""
    rows, n = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    A = draw(arrays(np.float64, (rows, n), elements=outputs))
    if draw(st.booleans()):
        Y = draw(arrays(np.float64, (rows, n), elements=st.floats(-3, 3, width=32)))
    else:
        Y = one_hot(draw(st.lists(st.integers(0, n - 1), min_size=rows, max_size=rows)), n)
    return A, Y


def by_finite_differences(value, A, h):
    result = np.empty_like(A)
    for index in np.ndindex(A.shape):
        up, down = A.copy(), A.copy()
        up[index] += h
        down[index] -= h
        result[index] = (value(up) - value(down)) / (2 * h)
    return result


inside = st.floats(0.0625, 0.9375, width=32)


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
def test_the_gradient_is_the_derivative(name, data):
    A, Y = data.draw(batches(inside if LOSSES[name].domain == (0, 1) else st.floats(0.0625, 3, width=32)))
    r = np.abs(A - Y)
    assume(name not in KINKED or ((r > 1e-3).all() and (np.abs(r - 0.75) > 1e-3).all()))
    expected = by_finite_differences(lambda A: value(name, A, Y), A, 1e-6)
    np.testing.assert_allclose(gradient(name, A, Y), expected, rtol=1e-6, atol=1e-6)


def written_out(name, a, y):
    """The losses of one number, as the books write them."""
    r = a - y
    match name:
        case "cross_entropy":
            return -y * math.log(a)
        case "binary_cross_entropy":
            return -(y * math.log(a) + (1 - y) * math.log(1 - a))
        case "mse":
            return r * r
        case "mean_absolute_error":
            return abs(r)
        case "huber":
            return r * r / 2 if abs(r) <= 0.75 else 0.75 * (abs(r) - 0.75 / 2)
        case "quantile":
            return max(0.9 * (y - a), (0.9 - 1) * (y - a))
        case "poisson":
            return a - y * math.log(a)


@pytest.mark.parametrize("name", NAMES)
@given(batches(inside))
def test_the_values_are_those_of_the_formulas(name, batch):
    A, Y = batch
    expected = sum(written_out(name, a, y) for a, y in zip(A.flat, Y.flat, strict=True))
    assert value(name, A, Y) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
@given(batches(inside))
def test_a_batch_is_the_sum_of_its_rows(name, batch):
    A, Y = batch
    rows = sum(value(name, A[i : i + 1], Y[i : i + 1]) for i in range(len(A)))
    assert value(name, A, Y) == pytest.approx(rows, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["mean_absolute_error", "huber"])
def test_the_derivative_where_both_are_equal_is_zero(name):
    assert gradient(name, np.ones((1, 1)), np.ones((1, 1))) == 0


def test_the_derivative_of_the_quantile_loss_where_both_are_equal_lies_between_those_beside_it():
    assert -0.9 <= gradient("quantile", np.ones((1, 1)), np.ones((1, 1))) <= 0.1


@given(batches(inside), st.floats(0, 0.99))
def test_smoothed_targets_are_a_mixture_with_the_uniform_distribution(batch, epsilon):
    _, Y = batch
    expected = [(1 - epsilon) * y + epsilon / Y.shape[1] for y in Y.flat]
    np.testing.assert_allclose(smooth(Y, np.empty_like(Y), epsilon).ravel(), expected, rtol=1e-12, atol=1e-12)


class_batches = batches(st.floats(-8, 8, width=32)).filter(lambda batch: (batch[1].sum(axis=1) == 1).all())


@pytest.mark.parametrize("pair", FUSED)
@given(class_batches, st.sampled_from([0.0, 0.1]))
def test_activation_and_loss_joined_are_the_two_one_after_the_other(pair, batch, epsilon):
    Z, Y = batch
    Y = smooth(Y, np.empty_like(Y), epsilon)
    A, pull_back = activated(pair[0], Z)
    expected = gradient(pair[1], A, Y)
    expected_value, a_minus_y = value(pair[1], A, Y), A - Y
    pull_back(expected)
    d = np.full_like(Z, np.nan)
    assert FUSED[pair](Z.copy(), Y, d) == pytest.approx(expected_value, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(d, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(d, a_minus_y, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("pair", FUSED)
@given(class_batches)
def test_the_joined_gradient_is_the_derivative(pair, batch):
    Z, Y = batch
    d = np.empty_like(Z)
    FUSED[pair](Z.copy(), Y, d)
    expected = by_finite_differences(lambda Z: FUSED[pair](Z.copy(), Y, np.empty_like(Z)), Z, 1e-5)
    np.testing.assert_allclose(d, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.lists(st.lists(st.sampled_from([-1e4, 0, 1e4]), min_size=3, max_size=3), min_size=1), st.integers(0, 2))
def test_extreme_outputs_stay_finite(dtype, rows, right):
    Z = np.array(rows, dtype=dtype)
    Y = one_hot([right] * len(Z), 3).astype(dtype)
    for name in NAMES:
        last = LOSSES[name].activation
        A, pull_back = activated(last, Z)
        d = gradient(name, A, Y)
        assert math.isfinite(value(name, A, Y))
        assert np.isfinite(d).all()
        pull_back(d)
        assert np.isfinite(d).all()
        assert d.dtype == dtype
    for fused in FUSED.values():
        d = np.empty_like(Z)
        assert math.isfinite(fused(Z.copy(), Y, d))
        assert np.isfinite(d).all()


def test_a_certain_wrong_answer_costs_what_the_logits_differ():
    d = np.empty((1, 2), dtype=np.float32)
    assert softmax_cross_entropy(np.float32([[1e4, 0]]), np.float32([[0, 1]]), d) == 1e4
    np.testing.assert_array_equal(d, [[1, -1]])


def test_a_certain_wrong_answer_costs_its_logit_where_it_is_binary_too():
    d = np.empty((1, 2), dtype=np.float32)
    fused = FUSED["sigmoid", "binary_cross_entropy"]
    assert fused(np.float32([[1e4, -1e4]]), np.float32([[0, 0]]), d) == 1e4
    np.testing.assert_array_equal(d, [[1, 0]])
