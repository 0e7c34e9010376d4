"""Fifty steps of training against a second implementation that shares nothing with the first."""

import numpy as np
import pytest

from chainrule.nn import (
    OPTIMIZERS,
    Backpropagation,
    Network,
    Parameters,
    WarmUp,
    add_l1_gradient,
    add_l2_gradient,
    clip_by_global_norm,
    clip_by_layer_norm,
    clip_by_value,
    initialize,
    limit_norms,
)
from chainrule.nn.schedules import Cosine

STEPS, ROWS, RATE = 50, 20, 0.02
NETWORK = Network((4, 6, 3), ("tanh", "softmax"), "cross_entropy")


def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(STEPS, ROWS, 4))
    return X, np.eye(3)[(X[:, :, 0] > 0).astype(int) + (X[:, :, 1] > 0.5)]


def ours(optimizer, dtype, add_gradient=None, clip=None, limit=None, schedule=None):
    theta = Parameters.view(initialize(NETWORK, 0).flat.astype(dtype), NETWORK.sizes)
    gradient = Parameters.empty(NETWORK.sizes, dtype)
    step, state = Backpropagation(NETWORK, ROWS), {}
    for t, (X, Y) in enumerate(zip(*rows(), strict=True)):
        step.loss_and_gradient(theta, X.astype(dtype), Y.astype(dtype), gradient)
        np.divide(gradient.flat, ROWS, out=gradient.flat)
        if add_gradient:
            add_gradient(theta, gradient, 0.01)
        if clip:
            clip(gradient, 0.05)
        rate = RATE * (schedule.factor(t) if schedule else 1)
        update = OPTIMIZERS[optimizer](learning_rate=rate)
        state = state or {name: np.zeros_like(theta.flat) for name in update.slots}
        update.update(theta.flat, gradient.flat, state, t)
        if limit:
            limit_norms(theta, limit)
    return [theta.W[1], theta.B[1], theta.W[2], theta.B[2]]


def gradients(W1, b1, W2, b2, X, Y):
    """Written row by row, with the quotient rule nowhere in sight."""
    sums = [np.zeros_like(p) for p in (W1, b1, W2, b2)]
    for x, y in zip(X, Y, strict=True):
        hidden = np.tanh(W1 @ x + b1)
        e = np.exp(W2 @ hidden + b2)
        out = e / e.sum() - y
        back = (W2.T @ out) * (1 - hidden**2)
        for total, part in zip(sums, (np.outer(back, x), back, np.outer(out, hidden), out), strict=True):
            total += part / ROWS
    return sums


def change(optimizer, p, g, s, t, eta):
    """What is taken from p in step t = 1, 2, ...; s is p's own state."""

    def mean(name, beta, x):
        s[name] = beta * s.get(name, 0) + (1 - beta) * x
        return s[name]

    match optimizer:
        case "sgd":
            return eta * g
        case "momentum" | "nesterov":
            s["v"] = 0.9 * s.get("v", 0) + g
            return eta * (s["v"] if optimizer == "momentum" else g + 0.9 * s["v"])
        case "adagrad":
            s["s"] = s.get("s", 0) + g**2
            return eta * g / (np.sqrt(s["s"]) + 1e-10)
        case "rmsprop":
            return eta * g / (np.sqrt(mean("s", 0.9, g**2)) + 1e-8)
        case "adadelta":
            delta = g * np.sqrt((s.get("u", 0) + 1e-6) / (mean("s", 0.95, g**2) + 1e-6))
            mean("u", 0.95, delta**2)
            return eta * delta
        case "lion":
            c = 0.9 * s.get("m", 0) + 0.1 * g
            mean("m", 0.99, g)
            return eta * np.sign(c)
    m, v = mean("m", 0.9, g), mean("v", 0.999, g**2) / (1 - 0.999**t)
    if optimizer == "nadam":
        return eta * (0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)) / (np.sqrt(v) + 1e-8)
    decay = 0.01 * p if optimizer == "adamw" else 0
    return eta * (m / (1 - 0.9**t) / (np.sqrt(v) + 1e-8) + decay)


def theirs(optimizer, regularize=None, clip=None, limit=None, factor=lambda t: 1):
    start = initialize(NETWORK, 0)
    P = [p.astype(np.float64) for p in (start.W[1], start.B[1], start.W[2], start.B[2])]
    states = [{} for _ in P]
    for t, (X, Y) in enumerate(zip(*rows(), strict=True)):
        G = gradients(*P, X, Y)
        if regularize:
            G = [g + 0.01 * regularize(p) if p.ndim == 2 else g for p, g in zip(P, G, strict=True)]
        if clip:
            G = clip(G)
        triples = zip(P, G, states, strict=True)
        P = [p - change(optimizer, p, g, s, t + 1, RATE * factor(t)) for p, g, s in triples]
        if limit:
            P = [np.array([w * min(1, limit / np.sqrt(w @ w)) for w in p]) if p.ndim == 2 else p for p in P]
    return P


def length(arrays):
    return np.sqrt(sum((a**2).sum() for a in arrays))


def shorten(arrays):
    return [a * min(1, 0.05 / length(arrays)) for a in arrays]


def assert_same(first, second, rtol, atol):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


CASES = {
    "plain": ({}, {}),
    "l1": ({"add_gradient": add_l1_gradient}, {"regularize": np.sign}),
    "l2": ({"add_gradient": add_l2_gradient}, {"regularize": np.array}),
    "max-norm": ({"limit": 0.8}, {"limit": 0.8}),
    "by value": ({"clip": clip_by_value}, {"clip": lambda G: [np.clip(g, -0.05, 0.05) for g in G]}),
    "by layer": ({"clip": clip_by_layer_norm}, {"clip": lambda G: shorten(G[:2]) + shorten(G[2:])}),
    "by global norm": ({"clip": clip_by_global_norm}, {"clip": shorten}),
    "schedule": (
        {"schedule": WarmUp(10, Cosine(40))},
        {"factor": lambda t: t / 10 if t < 10 else (1 + np.cos(np.pi * (t - 10) / 40)) / 2},
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_fifty_steps_are_those_of_the_second_implementation(optimizer, case):
    first, second = CASES[case]
    assert_same(ours(optimizer, np.float64, **first), theirs(optimizer, **second), 1e-8, 1e-10)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_fifty_steps_in_float32_are_those_of_float64_but_for_rounding(optimizer, case):
    first, second = CASES[case]
    assert_same(ours(optimizer, np.float32, **first), theirs(optimizer, **second), 1e-3, 1e-4)


@pytest.mark.parametrize("case", sorted(set(CASES) - {"plain"}))
def test_each_case_makes_a_difference(case):
    plain, other = (
        np.concatenate([p.ravel() for p in ours("sgd", np.float64, **CASES[k][0])]) for k in ("plain", case)
    )
    assert np.abs(plain - other).max() > 1e-3
