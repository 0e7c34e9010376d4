import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.nn import ACTIVATIONS, LOSSES
from chainrule.nn.losses import softmax_cross_entropy


def one_hot(classes, n):
    return np.eye(n)[classes]


def gradient(name, A, Y):
    d = np.full_like(A, np.nan)
    LOSSES[name].gradient(A, Y, d)
    return d


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


@pytest.mark.parametrize("name", sorted(LOSSES))
@given(batches(st.floats(0.0625, 3, width=32)))
def test_the_gradient_is_the_derivative(name, batch):
    A, Y = batch
    expected = by_finite_differences(lambda A: LOSSES[name].value(A, Y), A, 1e-6)
    np.testing.assert_allclose(gradient(name, A, Y), expected, rtol=1e-6, atol=1e-6)


@given(batches(st.floats(0.0625, 3, width=32)))
def test_the_values_are_those_of_the_formulas(batch):
    A, Y = batch
    squares = sum((a - y) ** 2 for a, y in zip(A.flat, Y.flat, strict=True))
    assert LOSSES["mse"].value(A, Y) == pytest.approx(squares, rel=1e-12)
    surprise = -sum(y * math.log(a) for a, y in zip(A.flat, Y.flat, strict=True))
    assert LOSSES["cross_entropy"].value(A, Y) == pytest.approx(surprise, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", sorted(LOSSES))
@given(batches(st.floats(0.0625, 3, width=32)))
def test_a_batch_is_the_sum_of_its_rows(name, batch):
    A, Y = batch
    rows = sum(LOSSES[name].value(A[i : i + 1], Y[i : i + 1]) for i in range(len(A)))
    assert LOSSES[name].value(A, Y) == pytest.approx(rows, rel=1e-9, abs=1e-9)


class_batches = batches(st.floats(-8, 8, width=32)).filter(lambda batch: (batch[1].sum(axis=1) == 1).all())


@given(class_batches)
def test_softmax_and_cross_entropy_joined_are_the_two_one_after_the_other(batch):
    Z, Y = batch
    A = Z.copy()
    ACTIVATIONS["softmax"].apply(A)
    expected = gradient("cross_entropy", A, Y)
    ACTIVATIONS["softmax"].pull_back(A, expected)
    d = np.full_like(Z, np.nan)
    value = softmax_cross_entropy(Z.copy(), Y, d)
    assert value == pytest.approx(LOSSES["cross_entropy"].value(A, Y), rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(d, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(d, A - Y, rtol=1e-8, atol=1e-10)


@given(class_batches)
def test_the_joined_gradient_is_the_derivative(batch):
    Z, Y = batch
    d = np.empty_like(Z)
    softmax_cross_entropy(Z.copy(), Y, d)
    expected = by_finite_differences(lambda Z: softmax_cross_entropy(Z.copy(), Y, np.empty_like(Z)), Z, 1e-5)
    np.testing.assert_allclose(d, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.lists(st.lists(st.sampled_from([-1e4, 0, 1e4]), min_size=3, max_size=3), min_size=1), st.integers(0, 2))
def test_extreme_outputs_stay_finite(dtype, rows, right):
    Z = np.array(rows, dtype=dtype)
    Y = one_hot([right] * len(Z), 3).astype(dtype)
    d = np.empty_like(Z)
    assert math.isfinite(LOSSES["mse"].value(Z, Y))
    assert np.isfinite(gradient("mse", Z, Y)).all()
    assert math.isfinite(softmax_cross_entropy(Z.copy(), Y, d))
    assert np.isfinite(d).all()
    A = Z.copy()
    ACTIVATIONS["softmax"].apply(A)
    d = gradient("cross_entropy", A, Y)
    assert math.isfinite(LOSSES["cross_entropy"].value(A, Y))
    assert np.isfinite(d).all()
    ACTIVATIONS["softmax"].pull_back(A, d)
    assert np.isfinite(d).all()


def test_a_certain_wrong_answer_costs_what_the_logits_differ():
    d = np.empty((1, 2), dtype=np.float32)
    assert softmax_cross_entropy(np.float32([[1e4, 0]]), np.float32([[0, 1]]), d) == 1e4
    np.testing.assert_array_equal(d, [[1, -1]])
