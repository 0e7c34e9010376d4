"""Loss functions E(A^N, Y) and ∂E/∂A^N. Sums over examples, not means: shards may be unequal."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule.nn.arrays import Array


@dataclass(frozen=True)
class Loss:
    """E with its derivative: `value(A, Y)` is Σ_i E_i over the rows; `gradient(A, Y, d)` writes ∂E/∂A into d.

    A loss over `classes` wants one-hot rows Y; another compares numbers.
    """

    name: str
    classes: bool
    value: Callable[[Array, Array], float]
    gradient: Callable[[Array, Array, Array], None]


def cross_entropy(A: Array, Y: Array) -> float:
    """E = -Σ_j y_j log a_j; where y_j = 0 the term is 0, whatever a_j is."""
    tiny = np.finfo(A.dtype).tiny
    return -float((Y * np.log(np.maximum(A, tiny))).sum(dtype=np.float64))


def cross_entropy_gradient(A: Array, Y: Array, d: Array) -> None:
    """∂E/∂a_j = -y_j / a_j."""
    np.divide(Y, np.maximum(A, np.finfo(A.dtype).tiny), out=d)
    np.negative(d, out=d)


def mse(A: Array, Y: Array) -> float:
    """E = Σ_j (a_j - y_j)²."""
    return float(np.square(A - Y).sum(dtype=np.float64))


def mse_gradient(A: Array, Y: Array, d: Array) -> None:
    """∂E/∂a_j = 2 (a_j - y_j)."""
    np.subtract(A, Y, out=d)
    d *= 2


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("cross_entropy", True, cross_entropy, cross_entropy_gradient),
        Loss("mse", False, mse, mse_gradient),
    )
}
"""Every loss by the name that a job file uses."""


def softmax_cross_entropy(Z: Array, Y: Array, d: Array) -> float:
    """Write d^N = a - y for a = softmax(z) into d, and return Σ_i E_i with E = log Σ_k e^{z_k} - Σ_j y_j z_j.

    The two formulas joined: no a is ever divided by, so nothing overflows. Z is overwritten; d may not be Z.
    """
    Z -= Z.max(axis=1, keepdims=True)
    np.exp(Z, out=d)
    total = d.sum(axis=1, keepdims=True)
    value = float(np.log(total).sum(dtype=np.float64)) - float((Y * Z).sum(dtype=np.float64))
    d /= total
    d -= Y
    return value
