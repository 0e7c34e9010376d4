"""How a layer learns, in numbers: how long its gradient is, how far a step moves it, which neurons are dead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import BLOCK, Array, aligned_empty
from chainrule.nn.clipping import norm
from chainrule.nn.mean import Mean
from chainrule.nn.parameters import Parameters

SATURATED = 0.95
"""From here on, of the way from the middle of its range to an end, an activation is saturated: there tanh' < 0.1."""


@dataclass(frozen=True)
class Gradient:
    """‖∂E/∂W^L‖ and ‖∂E/∂B^L‖."""

    weight: float
    bias: float


def gradients(mean: Mean, theta: Parameters) -> dict[int, Gradient]:
    """Return the norms of the mean gradient of each layer, before regularisers and clipping."""
    found = {}
    for L, part in theta.parts.items():
        bias = part.stop - theta.B[L].size
        found[L] = Gradient(_norm(mean, part.start, bias), _norm(mean, bias, part.stop))
    return found


def _norm(mean: Mean, start: int, stop: int) -> float:
    out = aligned_empty(min(BLOCK, stop - start), mean.parts[0].dtype)
    edges = ((first, min(first + BLOCK, stop)) for first in range(start, stop, BLOCK))
    return float(np.linalg.norm([norm(mean.block(first, last, out[: last - first])) for first, last in edges]))


def relative_change(before: Array, after: Array) -> float:
    """Return ‖after - before‖ / ‖before‖: NaN where there was nothing."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = norm(before)
        return norm(after - before) / length if length else float("nan")


def live_neurons(A: Array) -> NDArray[np.bool_]:
    """Return for each neuron whether a^L > 0 for any row of A^L: a relu that is so for none has no gradient at all."""
    return np.asarray(A.any(axis=0))


def saturated_share(name: str, A: Array) -> float:
    """Return the share of the activations A^L that are SATURATED; of softmax, the share of rows that one neuron has."""
    low, high = ACTIVATIONS[name].range
    if ACTIVATIONS[name].sums_rows:
        A = A.max(axis=1)
        low = -high  # only a row's largest number matters
    far = np.abs(A * (2 / (high - low)) - (high + low) / (high - low))
    return float(np.count_nonzero(far > SATURATED)) / A.size
