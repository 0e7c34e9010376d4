"""Loss functions E(A^N, Y) and ∂E/∂A^N. Sums over examples, not means: shards may be unequal."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.nn.activations import sigmoid, softplus
from chainrule.nn.arrays import Array


@dataclass(frozen=True)
class Loss:
    """E with its derivative: `value(A, Y, K, w)` is Σ_i w_i E_i over the rows; `gradient(A, Y, d, K)`: ∂E/∂A into d.

    K is a work array of A's shape; without w each row counts as one. A loss over `classes` wants one-hot rows Y;
    another compares numbers. `domain` is where a may lie, `activation` the default for the last layer, `options` the
    parameters of both functions.
    """

    name: str
    classes: bool
    value: Callable[..., float]
    gradient: Callable[..., None]
    domain: tuple[float, float] = (-math.inf, math.inf)
    activation: str = "identity"
    options: tuple[str, ...] = ()

    def bind(self, **options: float) -> "Loss":
        """Return this loss with its options set."""
        return replace(self, value=partial(self.value, **options), gradient=partial(self.gradient, **options))


Weights: TypeAlias = Array | None
"""w (rows,): how much each row counts; None: each as one."""


def total(K: Array, w: Weights = None) -> float:
    """Return Σ_i w_i Σ_j k_ij in double precision (complex where `check_gradients` takes complex steps)."""
    dtype = np.promote_types(K.dtype, np.float64)
    result: float
    if w is None:
        result = np.add.reduce(K, axis=None, dtype=dtype).item()
    else:
        result = np.multiply(np.add.reduce(K, axis=1, dtype=dtype), w).sum().item()
    return result


def tiny(A: Array) -> float:
    """Return the smallest normal number of A's type, which stands for 0 where 0 is divided by or has no logarithm."""
    return float(np.finfo(A.dtype).tiny)


def cross_entropy(A: Array, Y: Array, K: Array, w: Weights = None) -> float:
    """E = -Σ_j y_j log a_j; where y_j = 0 the term is 0, whatever a_j is."""
    np.log(np.maximum(A, tiny(A), out=K), out=K)
    K *= Y
    return -total(K, w)


def cross_entropy_gradient(A: Array, Y: Array, d: Array, _: Array) -> None:
    """∂E/∂a_j = -y_j / a_j."""
    np.divide(Y, np.maximum(A, tiny(A), out=d), out=d)
    np.negative(d, out=d)


LEAST_LOG = -100.0
"""The least logarithm in the values of binary cross-entropy and of poisson, as in PyTorch's BCELoss."""

LEAST_DIVISOR = 1e-12
"""The least number that their gradients are divided by, as in PyTorch's BCELoss."""


def floored_log(A: Array, K: Array) -> None:
    """Write max(log a, LEAST_LOG) into K, which may be A; a below 0, where rounding has left one, counts as 0."""
    np.maximum(A, 0, out=K)
    with np.errstate(divide="ignore"):
        np.log(K, out=K)
    np.maximum(K, LEAST_LOG, out=K)


def binary_cross_entropy(A: Array, Y: Array, K: Array, w: Weights = None) -> float:
    """E = -Σ_j (y_j log a_j + (1 - y_j) log(1 - a_j)), each logarithm at least LEAST_LOG."""
    floored_log(A, K)
    K *= Y
    value = -total(K, w)
    np.subtract(1, A, out=K)
    floored_log(K, K)
    value -= total(K, w)
    K *= Y
    return value + total(K, w)


def binary_cross_entropy_gradient(A: Array, Y: Array, d: Array, K: Array) -> None:
    """∂E/∂a_j = (a_j - y_j) / max(a_j (1 - a_j), LEAST_DIVISOR)."""
    np.subtract(1, A, out=K)
    K *= A
    np.subtract(A, Y, out=d)
    d /= np.maximum(K, LEAST_DIVISOR, out=K)


def mse(A: Array, Y: Array, K: Array, w: Weights = None) -> float:
    """E = Σ_j (a_j - y_j)²."""
    np.subtract(A, Y, out=K)
    return total(np.square(K, out=K), w)


def mse_gradient(A: Array, Y: Array, d: Array, _: Array) -> None:
    """∂E/∂a_j = 2 (a_j - y_j)."""
    np.subtract(A, Y, out=d)
    d *= 2


def excess(A: Array, Y: Array, K: Array, w: Weights = None, margin: float = 0.0) -> float:
    """Return Σ_i w_i Σ_j max(a_j - y_j - margin, 0)."""
    np.subtract(A, Y, out=K)
    K -= margin
    return total(np.maximum(K, 0, out=K), w)


def mean_absolute_error(A: Array, Y: Array, K: Array, w: Weights = None) -> float:
    """E = Σ_j |a_j - y_j|."""
    return excess(A, Y, K, w) + excess(Y, A, K, w)


def mean_absolute_error_gradient(A: Array, Y: Array, d: Array, _: Array) -> None:
    """∂E/∂a_j = sign(a_j - y_j), 0 where they are equal."""
    np.subtract(A, Y, out=d)
    np.sign(d, out=d)


def huber(A: Array, Y: Array, K: Array, w: Weights = None, *, delta: float = 1.0) -> float:
    """E = Σ_j r²/2 where |r| ≤ δ, else δ (|r| - δ/2), r = a_j - y_j (Huber 1964)."""
    huber_gradient(A, Y, K, K, delta)
    value = total(np.square(K, out=K), w) / 2
    return value + delta * (excess(A, Y, K, w, delta) + excess(Y, A, K, w, delta))


def huber_gradient(A: Array, Y: Array, d: Array, _: Array, delta: float = 1.0) -> None:
    """∂E/∂a_j = a_j - y_j, cut off at ±δ."""
    np.subtract(A, Y, out=d)
    np.minimum(np.maximum(d, -delta, out=d), delta, out=d)


def quantile(A: Array, Y: Array, K: Array, w: Weights = None, *, quantile: float = 0.5) -> float:
    """E = Σ_j q max(y_j - a_j, 0) + (1 - q) max(a_j - y_j, 0) (Koenker and Bassett 1978)."""
    return quantile * excess(Y, A, K, w) + (1 - quantile) * excess(A, Y, K, w)


def quantile_gradient(A: Array, Y: Array, d: Array, _: Array, quantile: float = 0.5) -> None:
    """∂E/∂a_j = 1 - q where a_j > y_j, -q where a_j < y_j, and between them, 1/2 - q, where they are equal."""
    np.subtract(A, Y, out=d)
    np.sign(d, out=d)
    d *= 0.5
    d += 0.5 - quantile


def poisson(A: Array, Y: Array, K: Array, w: Weights = None) -> float:
    """E = Σ_j a_j - y_j log a_j: the negative log-likelihood of counts y_j with the means a_j, but for log y_j!.

    The logarithm is at least LEAST_LOG.
    """
    floored_log(A, K)
    K *= Y
    return total(A, w) - total(K, w)


def poisson_gradient(A: Array, Y: Array, d: Array, _: Array) -> None:
    """∂E/∂a_j = 1 - y_j / max(a_j, LEAST_DIVISOR)."""
    np.divide(Y, np.maximum(A, LEAST_DIVISOR, out=d), out=d)
    np.subtract(1, d, out=d)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("cross_entropy", True, cross_entropy, cross_entropy_gradient, (0, math.inf), "softmax"),
        Loss("binary_cross_entropy", False, binary_cross_entropy, binary_cross_entropy_gradient, (0, 1), "sigmoid"),
        Loss("mse", False, mse, mse_gradient),
        Loss("mean_absolute_error", False, mean_absolute_error, mean_absolute_error_gradient),
        Loss("huber", False, huber, huber_gradient, options=("delta",)),
        Loss("quantile", False, quantile, quantile_gradient, options=("quantile",)),
        Loss("poisson", False, poisson, poisson_gradient, (0, math.inf), "softplus"),
    )
}
"""Every loss by the name that a job file uses."""


def one_hot(classes: NDArray[np.integer[Any]], Y: Array) -> Array:
    """Write the targets of classes (rows,), y_j = 1 for a row's class j and else 0, into Y (rows, n), and return it."""
    Y.fill(0)
    Y[np.arange(len(classes)), classes] = 1
    return Y


def smooth(Y: Array, K: Array, label_smoothing: float) -> Array:
    """Write the targets (1 - ε) y_j + ε / n into K and return it (Szegedy et al. 2016)."""
    np.multiply(Y, 1 - label_smoothing, out=K)
    K += label_smoothing / Y.shape[1]
    return K


def softmax_cross_entropy(Z: Array, Y: Array, d: Array, _: Array, w: Weights = None) -> float:
    """Write d^N = a - y for a = softmax(z) into d, and return Σ_i w_i E_i with E = log Σ_k e^{z_k} - Σ_j y_j z_j.

    No a is ever divided by, so nothing overflows. Σ_j y_j must be 1.
    """
    Z -= np.maximum.reduce(Z, axis=1, keepdims=True, out=d[:, :1])
    np.exp(Z, out=d)
    Z *= Y
    chosen = total(Z, w)
    column = np.add.reduce(d, axis=1, keepdims=True, out=Z[:, :1])
    d /= column
    d -= Y
    return total(np.log(column, out=column), w) - chosen


def sigmoid_binary_cross_entropy(Z: Array, Y: Array, d: Array, _: Array, w: Weights = None) -> float:
    """Write d^N = a - y for a = S(z) into d, and return Σ_i w_i E_i with E = Σ_j log(1 + e^{z_j}) - y_j z_j.

    No a is ever divided by, so nothing overflows.
    """
    value = total(np.maximum(Z, 0, out=d), w) - total(np.multiply(Z, Y, out=d), w)
    np.minimum(Z, np.negative(Z, out=d), out=d)
    value += total(np.log1p(np.exp(d, out=d), out=d), w)
    sigmoid(Z, d)
    np.subtract(Z, Y, out=d)
    return value


def sigmoid_poisson(Z: Array, Y: Array, d: Array, K: Array, w: Weights = None) -> float:
    """Write d^N = (a - y) a'/a for a = S(z) into d, where a'/a = 1 - a, and return Σ_i w_i E_i."""
    value = _poisson_of(sigmoid, Z, Y, d, K, w)
    np.subtract(1, d, out=K)
    d -= Y
    d *= K
    return value


def softplus_poisson(Z: Array, Y: Array, d: Array, K: Array, w: Weights = None) -> float:
    """Write d^N = (a - y) a'/a for a = log(1 + e^z) into d, and return Σ_i w_i E_i.

    a'/a = (1 - e^{-a}) / a lies between 0 and 1.
    """
    value = _poisson_of(softplus, Z, Y, d, K, w)
    np.negative(d, out=K)
    np.expm1(K, out=K)
    K /= d
    np.subtract(Y, d, out=d)
    d *= K
    return value


def _poisson_of(
    activation: Callable[[Array, Array], None], Z: Array, Y: Array, d: Array, K: Array, w: Weights
) -> float:
    """Write a > 0 into d and return Σ_i w_i E_i. log a is never above z, and equals z where a is too small to hold."""
    np.copyto(d, Z)
    activation(d, K)
    value = total(d, w)
    np.maximum(d, tiny(d), out=d)
    np.minimum(np.log(d, out=K), Z, out=K)
    K *= Y
    return value - total(K, w)


FUSED = {
    ("softmax", "cross_entropy"): softmax_cross_entropy,
    ("sigmoid", "binary_cross_entropy"): sigmoid_binary_cross_entropy,
    ("sigmoid", "poisson"): sigmoid_poisson,
    ("softplus", "poisson"): softplus_poisson,
}
"""The pairs of last activation and loss that have a joint, stable form: fused(Z, Y, d, K, w).

Each writes ∂E/∂Z^N into d, without weights, and returns Σ_i w_i E_i. Z is overwritten; K is a work array; the three are
different arrays of the same shape.
"""
