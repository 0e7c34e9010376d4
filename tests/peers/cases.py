"""What is compared with PyTorch, as plain data, and our results for it. Needs NumPy and chainrule.nn alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.nn import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Backpropagation,
    Network,
    Parameters,
    Plateau,
    Waiting,
    WarmUp,
)

Case = dict[str, Any]
SIZES, ROWS, STEPS = (3, 4, 3), 4, 20
OPTIONS: dict[str, dict[str, float]] = {"cross_entropy": {"label_smoothing": 0.1}, "huber": {"delta": 0.25}}
HYPERPARAMETERS: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.05, "momentum": 0.8},
    "nesterov": {"learning_rate": 0.05, "momentum": 0.8},
    "adagrad": {"learning_rate": 0.1, "epsilon": 1e-7},
    "adadelta": {"learning_rate": 0.5, "rho": 0.9, "epsilon": 1e-4},
    "rmsprop": {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-5},
    "adam": {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5},
    "adamw": {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5, "weight_decay": 0.1},
    "nadam": {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5},
}
"""PyTorch has no lion. Its nadam has a schedule of momentum, which `theirs` switches off."""


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return numbers in (-1, 1) that look like chance and are the same with every version of NumPy."""
    return np.sin(0.7 * np.arange(1.0, 1 + np.prod(shape)) ** 2 + seed).reshape(shape)


def gradient_cases(seeds: range) -> Iterator[Case]:
    """Yield each pair of activation and loss that both libraries have, PyTorch has no quantile loss."""
    for seed in seeds:
        for activation, kind in ACTIVATIONS.items():
            for name, loss in LOSSES.items():
                fits = loss.domain[0] <= kind.range[0] and kind.range[1] <= loss.domain[1]
                if fits and name != "quantile":
                    smoothed = loss.classes and activation == "softmax" and seed % 2 == 1
                    options = OPTIONS.get(name, {}) if not loss.classes or smoothed else {}
                    yield {"activation": activation, "loss": name, "seed": seed, "options": options}


def problem(case: Case) -> tuple[Parameters, np.ndarray, np.ndarray]:
    """Return θ, X and Y. Where a logarithm needs outputs above 0, the biases of the last layer see to it."""
    seed, n = case["seed"], SIZES[-1]
    theta = Parameters.empty(SIZES, np.float64)
    theta.flat[:] = numbers(theta.flat.shape, seed)
    if case["activation"] == "relu":
        theta.W[2] *= 0.1
        theta.B[2] += 2
    X, Y = numbers((ROWS, SIZES[0]), seed + 1), numbers((ROWS, n), seed + 2)
    match case["loss"]:
        case "cross_entropy":
            Y = np.eye(n)[Y.argmax(axis=1)]
        case "binary_cross_entropy":
            Y = (Y > 0).astype(np.float64)
        case "poisson":
            Y = np.floor(4 * np.abs(Y))
    return theta, X, Y


def our_gradient(case: Case) -> list[float]:
    """Return the loss and its gradient."""
    theta, X, Y = problem(case)
    network = Network(SIZES, (case["activation"],) * 2, case["loss"], **case["options"])
    gradient = Parameters.empty(SIZES, np.float64)
    loss = Backpropagation(network, ROWS).loss_and_gradient(theta, X, Y, gradient)
    return [loss, *gradient.flat.tolist()]


def optimizer_cases(seeds: range) -> Iterator[Case]:
    """Yield each optimizer that both libraries have."""
    for seed in seeds:
        for name, options in HYPERPARAMETERS.items():
            yield {"name": name, "seed": seed, "options": options}


def our_steps(case: Case) -> list[float]:
    """Return θ after STEPS steps."""
    theta, optimizer = numbers((5,), case["seed"]), OPTIMIZERS[case["name"]](**case["options"])
    state = {name: np.zeros_like(theta) for name in optimizer.slots}
    for t, g in enumerate(numbers((STEPS, 5), case["seed"] + 1)):
        optimizer.update(theta, g, state, t)
    return theta.tolist()


def schedule_cases(seeds: range) -> Iterator[Case]:
    """Yield each schedule that both libraries have; the others of ours are a line of code in any."""
    for seed in seeds:
        steps = STEPS + 7 * seed
        yield {"name": "step", "options": {"every": 3 + seed, "gamma": 0.5}}
        yield {"name": "exponential", "options": {"steps": 4 + seed, "gamma": 0.25}}
        yield {"name": "cosine", "options": {"steps": steps, "low": 0.1}}
        yield {"name": "one_cycle", "options": {"steps": steps, "peak": 0.3, "start": 0.04, "end": 4e-6}}
        yield {"name": "one_cycle", "options": {"steps": steps, "peak": 0.55, "start": 0.5, "end": 0.2}}
        yield {"name": "cosine", "options": {"steps": steps - 5}, "warm_up": 5, "start": 0.25}
        yield {"name": "plateau", "options": {"patience": 2, "gamma": 0.5, "low": 0.1, "min_delta": 0.01}, "seed": seed}


def length(case: Case) -> int:
    """Return how many steps of a schedule are compared; what PyTorch's do beyond their end is their own."""
    return int(case["options"].get("steps", STEPS)) + int(case.get("warm_up", 0))


def our_factors(case: Case) -> list[float]:
    """Return by what the learning rate is multiplied at each step, for a plateau after each epoch."""
    if case["name"] == "plateau":
        return list(_plateau(Plateau(**case["options"]), numbers((STEPS,), case["seed"])))
    schedule = SCHEDULES[case["name"]](**case["options"])
    if "warm_up" in case:
        schedule = WarmUp(case["warm_up"], schedule, case["start"])
    return [schedule.factor(t) for t in range(length(case))]


def _plateau(plateau: Plateau, losses: np.ndarray) -> Iterator[float]:
    waiting, reductions = Waiting(), 0
    for version, loss in enumerate(losses.tolist(), start=1):
        waiting = plateau.after(waiting, loss, version)
        if plateau.over(waiting, version):
            waiting, reductions = replace(waiting, waited=0), reductions + 1
        yield plateau.factor(reductions)


KINDS = {
    "gradients": (gradient_cases, our_gradient),
    "optimizers": (optimizer_cases, our_steps),
    "schedules": (schedule_cases, our_factors),
}
"""What is compared: the cases of some seeds, and our numbers for a case."""
