"""Clipping of the mean gradient, in place: it stops the rare step that would throw θ far away (Pascanu et al. 2013)."""

import math

import numpy as np

from chainrule.nn.arrays import Array, blocks
from chainrule.nn.parameters import Parameters


def norm(x: Array) -> float:
    """Return √Σ x², summed in double precision, so that no float32 overflows and no BLAS decides the bits."""
    return math.sqrt(sum(float(np.square(block, dtype=np.float64).sum()) for block in blocks(x)))


def clip_by_value(gradient: Parameters, limit: float) -> None:
    """g ← min(max(g, -limit), limit), each number by itself."""
    np.clip(gradient.flat, -limit, limit, out=gradient.flat)


def clip_by_layer_norm(gradient: Parameters, limit: float) -> None:
    """g^L ← g^L min(1, limit / ‖g^L‖), W^L and B^L of a layer together."""
    for _, layer in gradient.layers():
        _clip(layer, limit)


def clip_by_global_norm(gradient: Parameters, limit: float) -> None:
    """g ← g min(1, limit / ‖g‖), all layers together."""
    _clip(gradient.flat, limit)


def _clip(g: Array, limit: float) -> None:
    """Scale g down to ‖g‖ ≤ limit."""
    length = norm(g)
    if length > limit:
        g *= limit / length
