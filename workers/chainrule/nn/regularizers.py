"""Regularisers: what they add to E, what that adds to the mean gradient at θ_t, and max-norm. Biases are left alone."""

from collections.abc import Iterator

import numpy as np

from chainrule.nn.arrays import BLOCK, Array, blocks
from chainrule.nn.parameters import Parameters


def l1(parameters: Parameters, strength: float) -> float:
    """E = λ Σ |w| (Tibshirani 1996)."""
    return strength * sum(float(np.abs(w).sum(dtype=np.float64)) for w in _weights(parameters))


def add_l1_gradient(parameters: Parameters, gradient: Parameters, strength: float) -> None:
    """∂E/∂w ← ∂E/∂w + λ sign(w)."""
    for w, g in zip(_weights(parameters), _weights(gradient), strict=True):
        K = np.sign(w)
        K *= strength
        g += K


def l2(parameters: Parameters, strength: float) -> float:
    """E = λ/2 Σ w² (Krogh and Hertz 1991)."""
    return strength / 2 * sum(float(np.square(w).sum(dtype=np.float64)) for w in _weights(parameters))


def add_l2_gradient(parameters: Parameters, gradient: Parameters, strength: float) -> None:
    """∂E/∂w ← ∂E/∂w + λ w."""
    for w, g in zip(_weights(parameters), _weights(gradient), strict=True):
        g += w * strength


def limit_norms(parameters: Parameters, limit: float) -> None:
    """Scale the incoming weights of each neuron, a row of W^L, down to √Σ_j w_ij² ≤ limit (Srebro et al. 2005)."""
    for W in parameters.W.values():
        rows = max(1, BLOCK // W.shape[1])
        for start in range(0, len(W), rows):
            w = W[start : start + rows]
            norms = np.sqrt(np.square(w, dtype=np.float64).sum(axis=1, keepdims=True))
            w *= limit / np.maximum(norms, limit)


def _weights(parameters: Parameters) -> Iterator[Array]:
    """Yield all weights, in blocks that stay in the processor's cache."""
    for W in parameters.W.values():
        yield from blocks(W.reshape(-1))
