import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.nn import ACTIVATIONS

NAMES = sorted(ACTIVATIONS)
shapes = array_shapes(min_dims=2, max_dims=2, max_side=5)
moderate = st.floats(-6, 6, width=32)


def sigma(name, Z):
    A = Z.copy()
    ACTIVATIONS[name].apply(A)
    return A


def pulled_back(name, A, d):
    result = d.copy()
    ACTIVATIONS[name].pull_back(A, result)
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
    assume(name != "relu" or (np.abs(Z) > 1e-3).all())
    expected = by_finite_differences(name, Z, d)
    np.testing.assert_allclose(pulled_back(name, sigma(name, Z), d), expected, rtol=1e-6, atol=1e-7)


@given(points())
def test_pull_back_of_softmax_is_its_jacobian_times_d(point):
    Z, d = point
    A = sigma("softmax", Z)
    for a, row, result in zip(A, d, pulled_back("softmax", A, d), strict=True):
        n = len(a)
        jacobian = np.array([[a[j] * ((i == j) - a[i]) for j in range(n)] for i in range(n)])
        np.testing.assert_allclose(result, jacobian @ row, rtol=1e-10, atol=1e-12)


def test_the_derivative_of_relu_at_zero_is_zero():
    assert pulled_back("relu", np.zeros((1, 1)), np.ones((1, 1))) == 0


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
        "sigmoid": 1 / (1 + np.exp(-Z)),
        "tanh": (exponentials - 1 / exponentials) / (exponentials + 1 / exponentials),
        "softmax": exponentials / exponentials.sum(axis=1, keepdims=True),
        "identity": Z,
    }
    assert sorted(formulas) == NAMES
    for name, expected in formulas.items():
        np.testing.assert_allclose(sigma(name, Z), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.lists(st.sampled_from([-1e4, -100, 0, 1e-30, 100, 1e4]), min_size=3, max_size=3), min_size=1))
def test_extreme_inputs_stay_finite_and_keep_their_type(name, dtype, rows):
    Z = np.array(rows, dtype=dtype)
    A = sigma(name, Z)
    d = pulled_back(name, A, np.ones_like(A))
    assert np.isfinite(A).all()
    assert np.isfinite(d).all()
    assert A.dtype == d.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_no_rows(name):
    assert sigma(name, np.empty((0, 3))).shape == (0, 3)
