"""Activations σ and their derivatives, in place.

Each turns Z^L into A^L, and ∂E/∂A^L into ∂E/∂Z^L = d^L, knowing A^L alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule.nn.arrays import Array


@dataclass(frozen=True)
class Activation:
    """σ with its derivative: `apply(Z)` overwrites Z by A = σ(Z); `pull_back(A, d)` overwrites d = ∂E/∂A by ∂E/∂Z."""

    name: str
    apply: Callable[[Array], None]
    pull_back: Callable[[Array, Array], None]


def relu(Z: Array) -> None:
    """a = max(z, 0)."""
    np.maximum(Z, 0, out=Z)


def relu_pull_back(A: Array, d: Array) -> None:
    """∂a/∂z = 1 if a > 0, else 0."""
    np.multiply(d, A > 0, out=d)


def sigmoid(Z: Array) -> None:
    """a = S(z) = 1 / (1 + e^{-z}), computed as (1 + tanh(z / 2)) / 2, which no z overflows."""
    Z *= 0.5
    np.tanh(Z, out=Z)
    Z += 1
    Z *= 0.5


def sigmoid_pull_back(A: Array, d: Array) -> None:
    """∂a/∂z = e^{-z} / (1 + e^{-z})^2 = a (1 - a)."""
    d *= A
    d *= 1 - A


def tanh(Z: Array) -> None:
    """a = tanh(z)."""
    np.tanh(Z, out=Z)


def tanh_pull_back(A: Array, d: Array) -> None:
    """∂a/∂z = 1 - a²."""
    d *= 1 - A * A


def softmax(Z: Array) -> None:
    """a_i = e^{z_i} / Σ_k e^{z_k}, shifted by the row's largest z, which changes nothing and overflows never."""
    Z -= Z.max(axis=1, keepdims=True)
    np.exp(Z, out=Z)
    Z /= Z.sum(axis=1, keepdims=True)


def softmax_pull_back(A: Array, d: Array) -> None:
    """∂a_j/∂z_i = a_j (δ_ij - a_i), as the product Σ_j ∂a_j/∂z_i ∂E/∂a_j = a_i (∂E/∂a_i - Σ_j a_j ∂E/∂a_j)."""
    d -= (A * d).sum(axis=1, keepdims=True)
    d *= A


def identity(Z: Array) -> None:
    """a = z."""


def identity_pull_back(A: Array, d: Array) -> None:
    """∂a/∂z = 1."""


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("relu", relu, relu_pull_back),
        Activation("sigmoid", sigmoid, sigmoid_pull_back),
        Activation("tanh", tanh, tanh_pull_back),
        Activation("softmax", softmax, softmax_pull_back),
        Activation("identity", identity, identity_pull_back),
    )
}
"""Every activation by the name that a job file uses."""
