"""Activations σ and their derivatives, in place.

Each turns Z^L into A^L, and ∂E/∂A^L into ∂E/∂Z^L = d^L. Most derivatives need A^L alone; silu and gelu, which are z
times a gate, keep the gate.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule.nn.arrays import Array


@dataclass(frozen=True)
class Activation:
    """σ with its derivative: `apply(Z, K)` makes Z A = σ(Z); `pull_back(A, K, d)` makes d = ∂E/∂A ∂E/∂Z; both in place.

    K is an array of Z's shape: `work` says whether it may be any, must be the layer's own, so that what apply leaves in
    it reaches pull_back, or has zeros, which stay. pull_back uses up A and its own K: by then ∂E/∂W^{L+1} has been
    computed. `sums_rows` says that it adds up along rows of Z. `range` is where a lies, `initializer` the default for
    the weights before it.
    """

    name: str
    apply: Callable[[Array, Array], None]
    pull_back: Callable[[Array, Array, Array], None]
    work: Literal["any", "own", "zeros"] = "any"
    sums_rows: bool = False
    range: tuple[float, float] = (-math.inf, math.inf)
    initializer: str = "lecun_normal"


def relu(Z: Array, zeros: Array) -> None:
    """a = max(z, 0) (Nair and Hinton 2010)."""
    np.maximum(Z, zeros, out=Z)  # five times as fast as NumPy's maximum of an array and a number


def relu_pull_back(A: Array, _: Array, d: Array) -> None:
    """∂a/∂z = 1 if a > 0, else 0."""
    d *= np.greater(A, 0, out=A)


SLOPE = 0.01
"""α of leaky relu."""


def leaky_relu(Z: Array, K: Array) -> None:
    """a = max(z, α z), α = 0.01 (Maas et al. 2013)."""
    np.multiply(Z, SLOPE, out=K)
    np.maximum(Z, K, out=Z)


def leaky_relu_pull_back(A: Array, K: Array, d: Array) -> None:
    """∂a/∂z = 1 if a > 0, else α."""
    np.greater(A, 0, out=K)
    K *= 1 - SLOPE
    K += SLOPE
    d *= K


def elu(Z: Array, K: Array) -> None:
    """a = z if z > 0, else e^z - 1 (Clevert et al. 2016), computed as z - min(z, 0) + expm1(min(z, 0))."""
    K.fill(0)
    np.minimum(Z, K, out=K)
    Z -= K
    Z += np.expm1(K, out=K)


def elu_pull_back(A: Array, K: Array, d: Array) -> None:
    """∂a/∂z = 1 if a > 0, else e^z = a + 1."""
    K.fill(0)
    np.minimum(A, K, out=A)
    A += 1
    d *= A


EXPONENT = 87.0
"""The largest z whose e^z is used: e^87 and e^-87 are normal numbers in float32."""


def sigmoid(Z: Array, _: Array) -> None:
    """a = S(z) = 1 / (1 + e^{-z}), with -z cut off at 87: the relative error of a small a is that of a rounding, too.

    The form (1 + tanh(z / 2)) / 2 is faster, and exactly 0 below z = -18 in float32.
    """
    np.negative(Z, out=Z)
    np.minimum(Z, EXPONENT, out=Z)
    np.exp(Z, out=Z)
    Z += 1
    np.reciprocal(Z, out=Z)


def sigmoid_pull_back(A: Array, _: Array, d: Array) -> None:
    """∂a/∂z = e^{-z} / (1 + e^{-z})^2 = a (1 - a)."""
    d *= A
    np.subtract(1, A, out=A)
    d *= A


def tanh(Z: Array, _: Array) -> None:
    """a = tanh(z)."""
    np.tanh(Z, out=Z)


def tanh_pull_back(A: Array, _: Array, d: Array) -> None:
    """∂a/∂z = 1 - a²."""
    A *= A
    np.subtract(1, A, out=A)
    d *= A


def softplus(Z: Array, K: Array) -> None:
    """a = log(1 + e^z) (Dugas et al. 2001), computed as max(z, 0) + log1p(e^{-|z|}), which no z overflows."""
    np.negative(Z, out=K)
    np.minimum(Z, K, out=K)
    np.exp(K, out=K)
    np.log1p(K, out=K)
    np.maximum(Z, 0, out=Z)
    Z += K


def softplus_pull_back(A: Array, _: Array, d: Array) -> None:
    """∂a/∂z = S(z) = 1 - e^{-a}."""
    np.negative(A, out=A)
    np.expm1(A, out=A)
    np.negative(A, out=A)
    d *= A


def silu(Z: Array, K: Array) -> None:
    """a = z S(z) (Elfwing et al. 2018); K keeps the gate s = S(z)."""
    np.copyto(K, Z)
    sigmoid(K, K)
    Z *= K


def silu_pull_back(A: Array, K: Array, d: Array) -> None:
    """∂a/∂z = s + z s (1 - s) = 1 - (1 - a) (1 - s)."""
    np.subtract(1, A, out=A)
    np.subtract(1, K, out=K)
    K *= A
    np.subtract(1, K, out=K)
    d *= K


GELU = 2 * math.sqrt(2 / math.pi)
CUBE = 0.044715


def gelu(Z: Array, K: Array) -> None:
    """a = z s, s = S(2 √(2/π) (z + 0.044715 z³)): the tanh form of Hendrycks and Gimpel 2016; K keeps the gate s.

    It differs from z Φ(z) by less than 5e-4. NumPy has no erf.
    """
    np.multiply(Z, Z, out=K)
    K *= GELU * CUBE
    K += GELU
    K *= Z
    sigmoid(K, K)
    Z *= K


def gelu_pull_back(A: Array, K: Array, d: Array) -> None:
    """∂a/∂z = s (1 + z (1 - s) 2 √(2/π) (1 + 3 · 0.044715 z²)), exact for the tanh form; z = a / s."""
    d *= K
    A /= np.maximum(K, np.finfo(K.dtype).tiny, out=K)
    np.subtract(1, K, out=K)
    K *= A
    A *= A
    A *= 3 * GELU * CUBE
    A += GELU
    K *= A
    K += 1
    d *= K


def softmax(Z: Array, K: Array) -> None:
    """a_i = e^{z_i} / Σ_k e^{z_k}, shifted by the row's largest z, which changes nothing and overflows never."""
    column = K[:, :1]
    Z -= np.maximum.reduce(Z, axis=1, keepdims=True, out=column)
    np.exp(Z, out=Z)
    Z /= np.add.reduce(Z, axis=1, keepdims=True, out=column)


def softmax_pull_back(A: Array, K: Array, d: Array) -> None:
    """∂a_j/∂z_i = a_j (δ_ij - a_i), as the product Σ_j ∂a_j/∂z_i ∂E/∂a_j = a_i (∂E/∂a_i - Σ_j a_j ∂E/∂a_j)."""
    np.vecdot(A, d, out=K[:, 0])
    d -= K[:, :1]
    d *= A


def softmax_jacobian(A: Array) -> Array:
    """Return J (rows, n, n) with J[:, i, j] = ∂a_j/∂z_i = a_j (δ_ij - a_i): `softmax_pull_back` is J times ∂E/∂A."""
    jacobian: Array = A[:, None, :] * (np.eye(A.shape[1], dtype=A.dtype) - A[:, :, None])
    return jacobian


def identity(Z: Array, _: Array) -> None:
    """a = z."""


def identity_pull_back(A: Array, _: Array, d: Array) -> None:
    """∂a/∂z = 1."""


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("relu", relu, relu_pull_back, work="zeros", range=(0, math.inf), initializer="he_normal"),
        Activation("leaky_relu", leaky_relu, leaky_relu_pull_back, initializer="he_normal"),
        Activation("elu", elu, elu_pull_back, range=(-1, math.inf), initializer="he_normal"),
        Activation("sigmoid", sigmoid, sigmoid_pull_back, range=(0, 1)),
        Activation("tanh", tanh, tanh_pull_back, range=(-1, 1)),
        Activation("softplus", softplus, softplus_pull_back, range=(0, math.inf)),
        Activation("silu", silu, silu_pull_back, work="own", initializer="he_normal"),
        Activation("gelu", gelu, gelu_pull_back, work="own", initializer="he_normal"),
        Activation("softmax", softmax, softmax_pull_back, sums_rows=True, range=(0, 1)),
        Activation("identity", identity, identity_pull_back),
    )
}
"""Every activation by the name that a job file uses."""
