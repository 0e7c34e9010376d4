"""Initial weights."""

import math

import numpy as np

from chainrule.nn.network import Network
from chainrule.nn.parameters import Parameters
from chainrule.nn.randomness import Purpose, generator


def initialize(network: Network, seed: int) -> Parameters:
    """Return θ_0: weights W^L ~ N(0, gain² / n^{L-1}), biases 0.

    The gain is √2 behind relu (He et al. 2015), else 1 (LeCun et al. 1998): it keeps the variance of Z^L the same
    from layer to layer.
    """
    parameters = Parameters.empty(network.sizes)
    for L, W in parameters.W.items():
        gain = math.sqrt(2) if network.activations[L - 1] == "relu" else 1.0
        generator(seed, Purpose.INITIAL_WEIGHTS, L).standard_normal(dtype=np.float32, out=W)
        W *= gain / math.sqrt(W.shape[1])
        parameters.B[L][:] = 0
    return parameters
