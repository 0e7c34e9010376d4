import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.nn import ACTIVATIONS, softmax_jacobian

NAMES = sorted(ACTIVATIONS)
KINKED = ("relu", "leaky_relu", "elu")
EXTREMES = [-1e4, -100, -17, -1e-40, 0, 1e-40, 1e-30, 17, 100, 1e4]
shapes = array_shapes(min_dims=2, max_dims=2, max_side=5)
moderate = st.floats(-6, 6, width=32)


def applied(name, Z):
    """A = σ(Z), and K as it is then."""
    A, K = Z.copy(), np.full_like(Z, 0 if ACTIVATIONS[name].work == "zeros" else np.nan)
    ACTIVATIONS[name].apply(A, K)
    return A, K


def sigma(name, Z):
    return applied(name, Z)[0]


def pulled_back(name, Z, d):
    A, K = applied(name, Z)
    if ACTIVATIONS[name].work == "any":
        K = np.full_like(A, np.nan)
    result = d.copy()
    ACTIVATIONS[name].pull_back(A, K, result)
    return result


def by_finite_differences(name, Z, d, h=1e-5):
    """∂/∂Z of Σ d·σ(Z), entry by entry."""
    gradient = np.empty_like(Z)
    for index in np.ndindex(Z.shape):
        up, down = Z.copy(), Z.copy()
        up[index] += h
        down[index] -= h
        gradient[index] = ((sigma(name, up) - sigma(name, down)) * d).sum() / (2 * h)
    return gradient


@st.composite
def points(draw):
    shape = draw(shapes)
    return draw(arrays(np.float64, shape, elements=moderate)), draw(arrays(np.float64, shape, elements=moderate))


@pytest.mark.parametrize("name", NAMES)
@given(points())
def test_pull_back_is_the_derivative(name, point):
    Z, d = point
    assume(name not in KINKED or (np.abs(Z) > 1e-3).all())
    expected = by_finite_differences(name, Z, d)
    np.testing.assert_allclose(pulled_back(name, Z, d), expected, rtol=1e-6, atol=1e-7)


@given(points())
def test_the_jacobian_of_softmax_is_that_of_the_formula_and_pull_back_its_product_with_d(point):
    Z, d = point
    A = sigma("softmax", Z)
    J = softmax_jacobian(A)
    n = A.shape[1]
    assert J.shape == (len(A), n, n)
    for a, jacobian in zip(A, J, strict=True):
        formula = [[a[j] * ((i == j) - a[i]) for j in range(n)] for i in range(n)]
        np.testing.assert_allclose(jacobian, formula, rtol=1e-14)
    np.testing.assert_allclose(pulled_back("softmax", Z, d), np.vecdot(J, d[:, None, :]), rtol=1e-10, atol=1e-12)


def test_the_derivative_of_relu_at_zero_is_zero_and_that_of_leaky_relu_its_slope():
    assert pulled_back("relu", np.zeros((1, 1)), np.ones((1, 1))) == 0
    assert pulled_back("leaky_relu", np.zeros((1, 1)), np.ones((1, 1))) == 0.01


@given(points())
def test_the_derivatives_are_those_of_their_formulas(point):
    Z, d = point
    S = 1 / (1 + np.exp(-Z))
    formulas = {
        "relu": np.where(Z > 0, 1, 0),
        "leaky_relu": np.where(Z > 0, 1, 0.01),
        "elu": np.where(Z > 0, 1, np.exp(Z)),
        "sigmoid": np.exp(-Z) / (1 + np.exp(-Z)) ** 2,
        "tanh": 1 / np.cosh(Z) ** 2,
        "softplus": S,
        "silu": S * (1 + Z * (1 - S)),
        "identity": np.ones_like(Z),
    }
    for name, derivative in formulas.items():
        np.testing.assert_allclose(pulled_back(name, Z, d), derivative * d, rtol=1e-9, atol=1e-12)


@given(points())
def test_gelu_is_close_to_z_times_the_normal_distribution(point):
    Z, _ = point
    exact = [z * (1 + math.erf(z / math.sqrt(2))) / 2 for z in Z.flat]
    np.testing.assert_allclose(sigma("gelu", Z).ravel(), exact, atol=5e-4)


@given(points())
def test_softmax_gives_probabilities_that_a_shift_does_not_change(point):
    Z, _ = point
    A = sigma("softmax", Z)
    assert (A > 0).all()
    np.testing.assert_allclose(A.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(sigma("softmax", Z + 100), A, rtol=1e-10)


@given(points())
def test_the_functions_are_those_of_their_formulas(point):
    Z, _ = point
    exponentials = np.exp(Z)
    formulas = {
        "relu": np.where(Z > 0, Z, 0),
        "leaky_relu": np.where(Z > 0, Z, 0.01 * Z),
        "elu": np.where(Z > 0, Z, np.exp(Z) - 1),
        "sigmoid": 1 / (1 + np.exp(-Z)),
        "softplus": np.log(1 + np.exp(Z)),
        "silu": Z / (1 + np.exp(-Z)),
        "gelu": Z * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3))) / 2,
        "tanh": (exponentials - 1 / exponentials) / (exponentials + 1 / exponentials),
        "softmax": exponentials / exponentials.sum(axis=1, keepdims=True),
        "identity": Z,
    }
    assert sorted(formulas) == NAMES
    for name, expected in formulas.items():
        np.testing.assert_allclose(sigma(name, Z), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.lists(st.sampled_from(EXTREMES), min_size=3, max_size=3), min_size=1))
def test_extreme_inputs_stay_finite_and_keep_their_type(name, dtype, rows):
    Z = np.array(rows, dtype=dtype)
    A = sigma(name, Z)
    d = pulled_back(name, Z, np.ones_like(A))
    assert np.isfinite(d).all()
    assert A.dtype == d.dtype == dtype
    low, high = ACTIVATIONS[name].range
    assert (np.isfinite(A) & (low <= A) & (high >= A)).all()


@given(st.lists(st.floats(-87, 87, width=32), min_size=1, max_size=20))
def test_a_small_sigmoid_in_float32_is_as_exact_as_a_large_one(z):
    Z = np.array([z], np.float32)
    exact = [math.exp(x) / (1 + math.exp(x)) for x in Z[0].tolist()]
    np.testing.assert_allclose(sigma("sigmoid", Z)[0], exact, rtol=1e-6)
    silu = [x * s for x, s in zip(Z[0].tolist(), exact, strict=True)]
    np.testing.assert_allclose(sigma("silu", Z)[0], silu, rtol=1e-6, atol=1e-40)


@pytest.mark.parametrize(("z", "expected"), [(-20, 2.0611537e-09), (-40, 4.248354e-18), (-80, 1.8048513e-35), (0, 0.5)])
def test_a_sigmoid_far_below_zero_is_not_zero(z, expected):
    assert sigma("sigmoid", np.float32([[z]])).item() == pytest.approx(expected, rel=1e-6)


LIMITS = {"relu": (0, 1), "leaky_relu": (0.01, 1), "elu": (0, 1), "identity": (1, 1)} | {
    "softplus": (0, 1),
    "silu": (0, 1),
    "gelu": (0, 1),
    "sigmoid": (0, 0),
    "tanh": (0, 0),
    "softmax": (0, 0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_far_from_zero_the_derivatives_are_their_limits(name, dtype):
    Z = np.array([[-1e4], [1e4]], dtype=dtype)
    derivatives = pulled_back(name, Z, np.ones_like(Z)).ravel()
    np.testing.assert_allclose(derivatives, np.array(LIMITS[name], dtype=dtype), rtol=0, atol=1e-26)


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_no_rows(name):
    assert sigma(name, np.empty((0, 3))).shape == (0, 3)
