import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from chainrule.nn import ACTIVATIONS, LOSSES, Backpropagation, Network, Parameters, parameter_count, predict


def inside(activation, loss):
    """Whether all that the activation gives lies where the loss is defined."""
    return loss.domain[0] <= activation.range[0] and activation.range[1] <= loss.domain[1]


PAIRS = [(loss, name) for loss in LOSSES for name in ACTIVATIONS if inside(ACTIVATIONS[name], LOSSES[loss])]


def sigma(name, Z):
    """The activations, written a second time."""
    S = 1 / (1 + np.exp(-Z))
    match name:
        case "relu":
            return Z * (Z > 0)
        case "leaky_relu":
            return Z * np.where(Z > 0, 1, 0.01)
        case "elu":
            return np.where(Z > 0, Z, np.exp(Z) - 1)
        case "sigmoid":
            return S
        case "tanh":
            return np.tanh(Z)
        case "softplus":
            return np.log(1 + np.exp(Z))
        case "silu":
            return Z * S
        case "gelu":
            return Z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)))
        case "softmax":
            exponentials = np.exp(Z)
            return exponentials / exponentials.sum(axis=1, keepdims=True)
        case "identity":
            return Z


def forward(network, flat, X):
    """A^N in float64 and how far it stays from every kink; knows nothing of Parameters."""
    A, start, margin = X, 0, np.inf
    for n, name in zip(network.sizes[1:], network.activations, strict=True):
        m = A.shape[1]
        W, b = flat[start : start + n * m].reshape(n, m), flat[start + n * m : start + n * m + n]
        start += n * (m + 1)
        Z = np.array([[sum(W[i, j] * row[j] for j in range(m)) + b[i] for i in range(n)] for row in A])
        if name in ("relu", "leaky_relu", "elu"):
            margin = min(margin, np.abs(Z).min())
        A = sigma(name, Z)
    return A, margin


def total_loss(network, flat, X, Y):
    """The losses, written a second time."""
    A, _ = forward(network, flat, X)
    r = A - Y
    match network.loss:
        case "cross_entropy":
            Y = Y * (1 - network.label_smoothing) + network.label_smoothing / Y.shape[1]
            return -(Y * np.log(A)).sum()
        case "binary_cross_entropy":
            return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum()
        case "mse":
            return np.square(r).sum()
        case "mean_absolute_error":
            return np.abs(r).sum()
        case "huber":
            small = np.abs(r) <= network.delta
            return np.where(small, r * r / 2, network.delta * (np.abs(r) - network.delta / 2)).sum()
        case "quantile":
            return np.maximum(-network.quantile * r, (1 - network.quantile) * r).sum()
        case "poisson":
            return (A - Y * np.log(A)).sum()


def usable(network, flat, X, Y):
    """Whether no kink, and no logarithm of 0, is near."""
    A, margin = forward(network, flat.astype(np.float64), X.astype(np.float64))
    low, high = LOSSES[network.loss].domain
    r = np.abs(A - Y)
    if network.loss in ("mean_absolute_error", "quantile", "huber"):
        margin = min(margin, r.min(), np.abs(r - network.delta).min())
    return min(margin, (A - low).min() / 20, (high - A).min() / 20) > 1e-3


@st.composite
def problems(draw):
    """A small network, its flat parameters and a mini-batch, far from every kink and from log 0."""
    hidden = draw(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(sorted(ACTIVATIONS))), max_size=2))
    loss, last = draw(st.sampled_from(PAIRS))
    sizes = (draw(st.integers(1, 4)), *(n for n, _ in hidden), draw(st.integers(2, 4)))
    smoothing = draw(st.sampled_from([0.0, 0.2])) if LOSSES[loss].classes else 0.0
    names = (*(name for _, name in hidden), last)
    network = Network(sizes, names, loss, smoothing, draw(st.floats(0.25, 2)), draw(st.floats(0.125, 0.875)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(1, 4))
    for _ in range(100):
        flat = rng.uniform(-1, 1, parameter_count(sizes)).astype(np.float32)
        flat[-sizes[-1] :] += last == "relu"
        X = rng.uniform(-1, 1, (rows, sizes[0])).astype(np.float32)
        Y = targets(LOSSES[loss], rng, rows, sizes[-1])
        if usable(network, flat, X, Y):
            return network, flat, X, Y
    return reject()


def targets(loss, rng, rows, n):
    if loss.classes or loss.domain == (0, 1):
        return np.eye(n, dtype=np.float32)[rng.integers(0, n, rows)]
    numbers = rng.normal(size=(rows, n)).astype(np.float32)
    return np.abs(numbers) if loss.domain[0] == 0 else numbers


@settings(max_examples=200)
@given(problems(), st.integers(0, 3))
def test_back_propagation_is_the_derivative_of_the_forward_pass(problem, spare_rows):
    network, flat, X, Y = problem
    gradient = Parameters.empty(network.sizes)
    gradient.flat.fill(np.nan)
    step = Backpropagation(network, len(X) + spare_rows)
    loss = step.loss_and_gradient(Parameters.view(flat, network.sizes), X, Y, gradient)
    theta, X64, Y64, h = flat.astype(np.float64), X.astype(np.float64), Y.astype(np.float64), 1e-5
    expected = np.empty_like(theta)
    for i in range(len(theta)):
        e = np.zeros_like(theta)
        e[i] = h
        expected[i] = (total_loss(network, theta + e, X64, Y64) - total_loss(network, theta - e, X64, Y64)) / (2 * h)
    assert loss == pytest.approx(total_loss(network, theta, X64, Y64), rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(gradient.flat, expected, rtol=1e-3, atol=1e-4 * max(1, np.abs(expected).max()))


@given(problems())
def test_predict_is_the_forward_pass(problem):
    network, flat, X, _ = problem
    expected, _ = forward(network, flat.astype(np.float64), X.astype(np.float64))
    A = predict(network, Parameters.view(flat, network.sizes), X)
    np.testing.assert_allclose(A, expected, rtol=1e-4, atol=1e-5)


@given(problems())
def test_evaluate_tells_the_loss_and_how_many_rows_are_right(problem):
    network, flat, X, Y = problem
    parameters = Parameters.view(flat, network.sizes)
    loss, right = Backpropagation(network, len(X)).evaluate(parameters, X, Y)
    A = predict(network, parameters, X)
    expected = total_loss(network, flat.astype(np.float64), X.astype(np.float64), Y)
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert right == (np.argmax(A, axis=1) == np.argmax(Y, axis=1)).sum() * LOSSES[network.loss].classes


@given(problems(), st.integers(0, 2**32))
def test_a_row_that_counts_twice_is_two_rows(problem, seed):
    network, flat, X, Y = problem
    parameters, w = Parameters.view(flat, network.sizes), np.random.default_rng(seed).integers(1, 4, len(X))
    weighted, repeated = Parameters.empty(network.sizes), Parameters.empty(network.sizes)
    X2, Y2 = np.repeat(X, w, axis=0), np.repeat(Y, w, axis=0)
    step, other = Backpropagation(network, len(X)), Backpropagation(network, len(X2))
    loss = step.loss_and_gradient(parameters, X, Y, weighted, w=w.astype(np.float32))
    expected = other.loss_and_gradient(parameters, X2, Y2, repeated)
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-5)
    np.testing.assert_allclose(weighted.flat, repeated.flat, rtol=1e-3, atol=1e-4 * max(1, np.abs(repeated.flat).max()))
    outputs = np.empty((len(X), network.sizes[-1]), np.float32)
    told, right = step.evaluate(parameters, X, Y, w.astype(np.float32), outputs)
    assert (told, right) == (pytest.approx(expected, rel=1e-4, abs=1e-5), other.evaluate(parameters, X2, Y2)[1])
    np.testing.assert_allclose(outputs, predict(network, parameters, X), rtol=1e-4, atol=1e-5)


@given(problems())
def test_a_step_changes_neither_its_parameters_nor_its_rows(problem):
    network, flat, X, Y = problem
    kept = flat.copy(), X.copy(), Y.copy()
    step, gradient = Backpropagation(network, len(X)), Parameters.empty(network.sizes)
    first = step.loss_and_gradient(Parameters.view(flat, network.sizes), X, Y, gradient), gradient.flat.copy()
    step.evaluate(Parameters.view(flat, network.sizes), X, Y)
    again = step.loss_and_gradient(Parameters.view(flat, network.sizes), X, Y, gradient), gradient.flat.copy()
    for before, after in zip(kept, (flat, X, Y), strict=True):
        np.testing.assert_array_equal(before, after)
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


def test_inputs_that_saturate_every_neuron_give_finite_gradients():
    network = Network((2, 3, 2), ("sigmoid", "softmax"), "cross_entropy")
    parameters, gradient = Parameters.empty(network.sizes), Parameters.empty(network.sizes)
    parameters.flat.fill(1e4)
    X, Y = np.float32([[1e4, 1e4], [-1e4, -1e4], [0, 0]]), np.float32([[1, 0], [0, 1], [1, 0]])
    assert np.isfinite(Backpropagation(network, 3).loss_and_gradient(parameters, X, Y, gradient))
    assert np.isfinite(gradient.flat).all()


def test_the_mathematics_import_numpy_and_nothing_else_that_is_not_pythons_own():
    code = (
        "import sys, numpy.random; before = set(sys.modules); import chainrule.nn\n"
        "new = {'.'.join(name.split('.')[:2]) for name in set(sys.modules) - before}\n"
        "print(*sorted(name for name in new if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.startswith("numpy")} <= {"chainrule", "chainrule.nn"}
