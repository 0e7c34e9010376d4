import tracemalloc

import numpy as np
import pytest

from chainrule import nn
from chainrule.nn import ACTIVATIONS, LOSSES, Backpropagation, Network, Parameters, initialize

ROWS, N = 1500, 100
SMALL = 140_000
"""Bytes: NumPy's own buffers, which are of one size for arrays of any, and less than one byte for each z."""
STEPS = [(name, "mse") for name in ACTIVATIONS] + [(LOSSES[name].activation, name) for name in LOSSES]


def problem(last, loss, dtype=np.float32, hidden="relu", **options):
    network = Network((20, N, N), (hidden, last), loss, **options)
    parameters = Parameters.view(initialize(network, 0).flat.astype(dtype), network.sizes)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 20)).astype(dtype)
    return network, parameters, X, np.eye(N, dtype=dtype)[rng.integers(0, N, ROWS)]


def traced(steps, step, *arguments):
    """Return how much more memory there is behind the steps, and the most that there was."""
    step.loss_and_gradient(*arguments)
    tracemalloc.start()
    try:
        for _ in range(steps):
            step.loss_and_gradient(*arguments)
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("dtype", "steps"), [(np.float32, 100), (np.float64, 5)])
@pytest.mark.parametrize(("name", "loss"), STEPS)
def test_a_step_allocates_nothing(name, loss, dtype, steps):
    network, parameters, X, Y = problem(name, loss, dtype, "softmax" if name == "identity" else name)
    gradient = Parameters.empty(network.sizes, dtype)
    growth, peak = traced(steps, Backpropagation(network, ROWS), parameters, X, Y, gradient)
    assert growth < 10_000
    assert peak < SMALL < ROWS * N


def test_smoothing_labels_allocates_nothing():
    network, parameters, X, Y = problem("softmax", "cross_entropy", label_smoothing=0.1)
    _, peak = traced(5, Backpropagation(network, ROWS), parameters, X, Y, Parameters.empty(network.sizes))
    assert peak < SMALL


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_buffers_have_the_parameters_type(name):
    network, parameters, X, Y = problem(name, "mse", np.float64, name)
    step, gradient = Backpropagation(network, ROWS), Parameters.empty(network.sizes, np.float64)
    single, narrow = Parameters.empty(network.sizes), Parameters.view(parameters.flat.astype(np.float32), network.sizes)
    first = step.loss_and_gradient(narrow, X.astype(np.float32), Y.astype(np.float32), single)
    second = step.loss_and_gradient(parameters, X, Y, gradient)
    assert first == pytest.approx(second, rel=1e-5)
    assert first != second
    np.testing.assert_allclose(single.flat, gradient.flat, rtol=1e-3, atol=1e-4 * np.abs(gradient.flat).max())
    assert all(A.dtype == np.float64 for A in step.forward(parameters, X).values())
    assert step.loss_and_gradient(narrow, X.astype(np.float32), Y.astype(np.float32), single) == first


@pytest.mark.parametrize(("name", "loss"), STEPS)
def test_a_smaller_batch_and_one_row_after_a_larger_give_what_they_give_alone(name, loss):
    network, parameters, X, Y = problem(name, loss, np.float64, name)
    used, gradient, alone = Backpropagation(network, ROWS), *(Parameters.empty(network.sizes, np.float64),) * 2
    alone = Parameters.empty(network.sizes, np.float64)
    used.loss_and_gradient(parameters, X, Y, gradient)
    for rows in (7, 1):
        value = used.loss_and_gradient(parameters, X[:rows], Y[:rows], gradient)
        assert value == Backpropagation(network, rows).loss_and_gradient(parameters, X[:rows], Y[:rows], alone)
        np.testing.assert_array_equal(gradient.flat, alone.flat)


@pytest.mark.parametrize("hidden", sorted(ACTIVATIONS))
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("value", [1e4, -1e4, 1e-40, 0])
def test_extreme_inputs_give_finite_gradients(hidden, loss, value):
    network = Network((2, 3, 2), (hidden, LOSSES[loss].activation), loss)
    parameters, gradient = initialize(network, 0), Parameters.empty(network.sizes)
    X, Y = np.float32([[value, -value], [value, value]]), np.float32([[1, 0], [0, 1]])
    assert np.isfinite(Backpropagation(network, 2).loss_and_gradient(parameters, X, Y, gradient))
    assert np.isfinite(gradient.flat).all()


@pytest.mark.parametrize("hidden", sorted(ACTIVATIONS))
def test_forty_layers_of_one_neuron_and_of_many_give_finite_gradients(hidden):
    for n in (1, 30):
        network = Network((3, *(n,) * 40, 2), (*(hidden,) * 40, "softmax"), "cross_entropy")
        gradient = Parameters.empty(network.sizes)
        X, Y = np.float32([[1, -2, 3]]), np.float32([[1, 0]])
        assert np.isfinite(Backpropagation(network, 1).loss_and_gradient(initialize(network, 0), X, Y, gradient))
        assert np.isfinite(gradient.flat).all()


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("mse", {"label_smoothing": 0.1}),
        ("cross_entropy", {"label_smoothing": 1.0}),
        ("cross_entropy", {"label_smoothing": -0.1}),
        ("huber", {"delta": 0.0}),
        ("huber", {"delta": float("nan")}),
        ("quantile", {"quantile": 1.0}),
        ("quantile", {"quantile": 0.0}),
    ],
)
def test_an_option_out_of_range_is_refused_with_its_name(loss, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Network((2, 2), ("softmax",), loss, **options)


def test_each_link_of_the_chain_is_its_equation_index_by_index():
    rng = np.random.default_rng(0)
    A, W, B, d = (rng.normal(size=shape) for shape in ((5, 3), (4, 3), (4,), (5, 4)))
    Z = nn.weighted_sums(A, W, B, np.empty((5, 4)), np.empty((5, 4)))
    dW, dB = nn.weight_gradient(d, A, np.empty((4, 3))), nn.bias_gradient(d, np.ones(5), np.empty(4))
    dA = nn.output_gradient(d, W, np.empty((5, 3)))
    for r, i in np.ndindex(5, 4):
        assert Z[r, i] == pytest.approx(sum(W[i, j] * A[r, j] for j in range(3)) + B[i])
    for i, j in np.ndindex(4, 3):
        assert dW[i, j] == pytest.approx(sum(A[r, j] * d[r, i] for r in range(5)))
    for i in range(4):
        assert dB[i] == pytest.approx(sum(d[r, i] for r in range(5)))
    for r, j in np.ndindex(5, 3):
        assert dA[r, j] == pytest.approx(sum(W[i, j] * d[r, i] for i in range(4)))


def test_each_layer_is_told_from_the_last_to_the_first_when_its_gradient_is_there():
    network, parameters, X, Y = problem("softmax", "cross_entropy")
    step, whole = Backpropagation(network, ROWS), Parameters.empty(network.sizes)
    step.loss_and_gradient(parameters, X, Y, whole)
    gradient, told = Parameters.empty(network.sizes), []
    gradient.flat.fill(np.nan)

    def done(L):
        told.append(L)
        there = [np.array_equal(gradient.flat[part], whole.flat[part]) for part in gradient.parts.values()]
        assert there == [layer in told for layer in (1, 2)]

    step.loss_and_gradient(parameters, X, Y, gradient, done=done)
    assert told == [2, 1]
