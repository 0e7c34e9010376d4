"""Initial weights: their spread σ_w keeps the variance of A^L, or that of d^L, the same from layer to layer."""

import math
from collections.abc import Callable

import numpy as np

from chainrule.nn.arrays import Array
from chainrule.nn.network import Network
from chainrule.nn.parameters import Parameters
from chainrule.nn.randomness import Purpose, generator


def he(inputs: int, _: int) -> float:
    """σ_w = √(2 / n^{L-1}), for an activation that is 0 for half of all z (He et al. 2015)."""
    return math.sqrt(2) / math.sqrt(inputs)


def glorot(inputs: int, outputs: int) -> float:
    """σ_w = √(2 / (n^{L-1} + n^L)), between what A^L and what d^L want (Glorot and Bengio 2010)."""
    return math.sqrt(2) / math.sqrt(inputs + outputs)


def lecun(inputs: int, _: int) -> float:
    """σ_w = √(1 / n^{L-1}) (LeCun et al. 1998)."""
    return 1 / math.sqrt(inputs)


def normal(random: np.random.Generator, W: Array, deviation: float) -> None:
    """W ~ N(0, σ_w²)."""
    random.standard_normal(dtype=np.float32, out=W)
    W *= deviation


def uniform(random: np.random.Generator, W: Array, deviation: float) -> None:
    """W ~ U(-√3 σ_w, √3 σ_w), whose deviation is σ_w."""
    random.random(dtype=np.float32, out=W)
    W -= 0.5
    W *= 2 * math.sqrt(3) * deviation


INITIALIZERS: dict[str, tuple[Callable[[int, int], float], Callable[[np.random.Generator, Array, float], None]]] = {
    "he_normal": (he, normal),
    "he_uniform": (he, uniform),
    "glorot_normal": (glorot, normal),
    "glorot_uniform": (glorot, uniform),
    "lecun_normal": (lecun, normal),
    "lecun_uniform": (lecun, uniform),
}
"""Every initializer, as its spread and its distribution, by the name that a job file uses."""


def initialize(network: Network, seed: int) -> Parameters:
    """Return θ_0: weights W^L of the spread and distribution that the network names, biases 0."""
    parameters = Parameters.empty(network.sizes)
    for L, W in parameters.W.items():
        spread, fill = INITIALIZERS[network.initializer(L)]
        outputs, inputs = W.shape
        fill(generator(seed, Purpose.INITIAL_WEIGHTS, L), W, spread(inputs, outputs))
        parameters.B[L][:] = 0
    return parameters
