import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.nn import ACTIVATIONS, LOSSES, Backpropagation, Network, Parameters
from chainrule.nn.losses import FUSED, smooth

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


def fused(pair, Z, Y):
    """E and ∂E/∂Z^N of a pair's joint form."""
    d = np.full_like(Z, np.nan)
    return FUSED[pair](Z.copy(), Y, d, np.full_like(Z, np.nan)), d


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
    joined, d = fused(pair, Z, Y)
    assert joined == pytest.approx(expected_value, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(d, expected, rtol=1e-8, atol=1e-10)
    if pair[1] != "poisson":
        np.testing.assert_allclose(d, a_minus_y, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("pair", FUSED)
@given(class_batches)
def test_the_joined_gradient_is_the_derivative(pair, batch):
    Z, Y = batch
    _, d = fused(pair, Z, Y)
    expected = by_finite_differences(lambda Z: fused(pair, Z, Y)[0], Z, 1e-5)
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
    for pair in FUSED:
        loss, d = fused(pair, Z, Y)
        assert math.isfinite(loss)
        assert np.isfinite(d).all()


def test_a_certain_wrong_answer_costs_what_the_logits_differ():
    loss, d = fused(("softmax", "cross_entropy"), np.float32([[1e4, 0]]), np.float32([[0, 1]]))
    assert loss == 1e4
    np.testing.assert_array_equal(d, [[1, -1]])


def test_a_certain_wrong_answer_costs_its_logit_where_it_is_binary_too():
    loss, d = fused(("sigmoid", "binary_cross_entropy"), np.float32([[1e4, -1e4]]), np.float32([[0, 0]]))
    assert loss == 1e4
    np.testing.assert_allclose(d, [[1, 0]], rtol=0, atol=1e-37)


@pytest.mark.parametrize(
    ("activation", "z", "y", "loss", "derivative"),
    [
        # By hand: softplus(z) = S(z) = e^z to float32's precision, and log a = z; a'/a = 1, so that d = a - y.
        ("softplus", -30, 7, 210, -7),
        ("softplus", -100, 7, 700, -7),
        ("softplus", -1000, 1e6, 1e9, -1e6),
        ("sigmoid", -30, 7, 210, -7),
        ("sigmoid", -1000, 5, 5000, -5),
        # softplus(100) = 100, a' = 1: E = 100 - 7 log 100, d = 1 - 7/100. S(100) = 1: E = 1, d = 0.
        ("softplus", 100, 7, 100 - 7 * math.log(100), 0.93),
        ("sigmoid", 100, 7, 1, 0),
        ("softplus", 0, 4, math.log(2) - 4 * math.log(math.log(2)), 0.5 - 2 / math.log(2)),
        ("sigmoid", 0, 4, 0.5 + 4 * math.log(2), -1.75),
    ],
)
def test_poisson_after_sigmoid_or_softplus_is_exact_where_the_output_vanishes(activation, z, y, loss, derivative):
    found, d = fused((activation, "poisson"), np.float32([[z]]), np.float32([[y]]))
    assert found == pytest.approx(loss, rel=1e-6)
    assert d.item() == pytest.approx(derivative, rel=1e-6)


@pytest.mark.parametrize("activation", ["relu", "softmax", "sigmoid", "softplus"])
@given(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=4), st.floats(0, 1e6, width=32))
def test_poisson_of_any_count_has_a_finite_gradient_in_float32(activation, z, y):
    network = Network((1, len(z)), (activation,), "poisson")
    parameters, g = Parameters.empty(network.sizes), Parameters.empty(network.sizes)
    parameters.W[1][:], parameters.B[1][:] = 0, z
    X, Y = np.ones((1, 1), np.float32), np.full((1, len(z)), y, np.float32)
    assert math.isfinite(Backpropagation(network, 1).loss_and_gradient(parameters, X, Y, g))
    assert np.isfinite(g.flat).all()


def test_poisson_of_an_output_of_zero_has_the_documented_floors():
    A, Y = np.zeros((1, 1), np.float32), np.float32([[4]])
    assert value("poisson", A, Y) == 400
    assert gradient("poisson", A, Y).item() == pytest.approx(-4e12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_has_the_floors_of_pytorch(dtype):
    """BCELoss clamps its logarithms at -100, and divides by at least 1e-12."""
    A, Y = np.array([[0, 1, 0, 1, 1e-20]], dtype), np.array([[1, 0, 0, 1, 1]], dtype)
    assert value("binary_cross_entropy", A, Y) == pytest.approx(200 + 20 * math.log(10), rel=1e-6)
    np.testing.assert_allclose(gradient("binary_cross_entropy", A, Y)[0], [-1e12, 1e12, 0, 0, -1e12], rtol=1e-6)


@given(st.floats(-30, 30, width=32))
def test_binary_cross_entropy_after_softmax_has_a_moderate_gradient(z):
    A, pull_back = activated("softmax", np.float32([[z, 0]]))
    d = gradient("binary_cross_entropy", A, np.float32([[0, 1]]))
    pull_back(d)
    # Of two outputs both terms say the same: E = 2 log(1 + e^z), so that d = (2 a, -2 a).
    expected = 2 / (1 + math.exp(-z))
    assert np.abs(d).max() < 1e5  # PyTorch's largest, too: a rounded 1 - a of 0 counts as 1e-12
    if abs(z) < 10:
        np.testing.assert_allclose(d, [[expected, -expected]], rtol=2e-3)
