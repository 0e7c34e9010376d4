"""The proof of a network's gradient: back-propagation against the definition of the derivative."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.nn.arrays import Array, aligned_empty
from chainrule.nn.backpropagation import Backpropagation
from chainrule.nn.dropout import draw_for
from chainrule.nn.network import Network
from chainrule.nn.parameters import Parameters

STEP = 1e-20
DRAW = draw_for(seed=0, version=0, shard=0)


TOLERANCE = 1e-7
"""The relative error up to which a gradient counts as right; float64 gives 1e-12 and better."""


@dataclass(frozen=True)
class LayerCheck:
    """How far ∂E/∂W^L and ∂E/∂B^L are from the definition, over `checked` of the layer's numbers.

    `largest` is max |g'|, g' being the definition's; `relative_error` is max |g - g'| / max(|g|, |g'|, 1e-8 E): a
    gradient whose terms cancel is rounding and nothing else, and the loss tells the size of the terms.
    """

    layer: int
    activation: str
    checked: int
    largest: float
    relative_error: float

    @property
    def right(self) -> bool:
        """Whether the error is small enough to be rounding."""
        return self.relative_error <= TOLERANCE


def check_gradients(
    network: Network, parameters: Parameters, X: Array, Y: Array, entries: int = 1000
) -> tuple[LayerCheck, ...]:
    """Compare back-propagation in float64 with complex steps, for up to `entries` numbers of each layer.

    Which ones, a fixed seed decides; dropout, where the network has it, is that of one step.

    ∂E/∂θ_k = Im E(θ + i h e_k) / h + O(h²) (Squire and Trapp 1998): with h = 1e-20 there is no difference to cancel and
    no kink to step over, so that the error is that of float64 itself. The forward pass is the one that training takes.
    """
    return tuple(check_layers(network, parameters, X, Y, entries))


def check_layers(
    network: Network, parameters: Parameters, X: Array, Y: Array, entries: int = 1000
) -> Iterator[LayerCheck]:
    """Yield the checks of `check_gradients`, layer by layer, for who wants to tell of each."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    theta = Parameters.view(parameters.flat.astype(np.float64), network.sizes)
    gradient = Parameters.empty(network.sizes, np.float64)
    loss = Backpropagation(network, len(X)).loss_and_gradient(theta, X, Y, gradient, DRAW)
    end = 0
    for L, name in enumerate(network.activations, start=1):
        start, end = end, end + theta.W[L].size + theta.B[L].size
        chosen = np.random.default_rng(L).permutation(np.arange(start, end))[:entries]
        expected = complex_steps(network, theta, X, Y, chosen)
        yield LayerCheck(L, name, len(chosen), *_compare(gradient.flat[chosen], expected, loss))


def complex_steps(network: Network, theta: Parameters, X: Array, Y: Array, chosen: NDArray[np.int64]) -> Array:
    """Return ∂E/∂θ_k for the chosen k, from the forward pass alone: Im E(θ + i h e_k) / h."""
    moved = Parameters.view(theta.flat.astype(np.complex128), network.sizes)
    step, result = Backpropagation(network, len(X)), aligned_empty(len(chosen), np.float64)
    for position, k in enumerate(chosen):
        moved.flat[k] += 1j * STEP
        result[position] = step.loss(moved, X, Y, DRAW).imag / STEP
        moved.flat[k] = theta.flat[k]
    return result


def _compare(g: Array, expected: Array, loss: float) -> tuple[float, float]:
    """Return the largest |g'| and the relative error."""
    largest, error = float(np.abs(expected).max()), float(np.abs(g - expected).max())
    scale = max(largest, float(np.abs(g).max()), 1e-8 * abs(loss))
    return largest, error / scale if scale else 0.0
