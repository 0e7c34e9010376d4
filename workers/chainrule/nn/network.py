"""A dense feed-forward network, its forward pass and back-propagation: the chain rule."""

from dataclasses import dataclass

import numpy as np

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import Array, aligned_empty
from chainrule.nn.losses import LOSSES, softmax_cross_entropy
from chainrule.nn.parameters import Parameters


@dataclass(frozen=True)
class Network:
    """The shape of a network: `sizes` n^0..n^N, the activation's name of each layer 1..N, and the loss's name."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str

    @property
    def layers(self) -> int:
        """N, the number of layers."""
        return len(self.activations)

    @property
    def fused(self) -> bool:
        """Whether the last activation and the loss have a joint, stable derivative (softmax with cross-entropy)."""
        return self.activations[-1] == "softmax" and self.loss == "cross_entropy"


def predict(network: Network, parameters: Parameters, X: Array) -> Array:
    """Return A^N (rows, n^N) for the rows X (rows, n^0)."""
    A = X
    for L, name in enumerate(network.activations, start=1):
        A = A @ parameters.W[L].T + parameters.B[L]
        ACTIVATIONS[name].apply(A)
    return A


class Backpropagation:
    """The training step of one network for mini-batches of up to `rows` rows; its buffers are made once."""

    def __init__(self, network: Network, rows: int) -> None:
        self.network = network
        self._A = {L: aligned_empty((rows, n)) for L, n in enumerate(network.sizes) if L > 0}
        self._d = {L: aligned_empty((rows, n)) for L, n in enumerate(network.sizes) if L > 0}

    def forward(self, parameters: Parameters, X: Array) -> dict[int, Array]:
        """Return A^0..A^N for X = A^0: Z^L = A^{L-1} W^Lᵀ + B^L, A^L = σ(Z^L). A fused network keeps Z^N for A^N."""
        network, A = self.network, {0: X}
        for L, name in enumerate(network.activations, start=1):
            A[L] = np.matmul(A[L - 1], parameters.W[L].T, out=self._A[L][: len(X)])
            A[L] += parameters.B[L]
            if not (network.layers == L and network.fused):
                ACTIVATIONS[name].apply(A[L])
        return A

    def loss_and_gradient(self, parameters: Parameters, X: Array, Y: Array, gradient: Parameters) -> float:
        """Overwrite `gradient` by Σ_i ∂E_i/∂θ over the rows of X, and return Σ_i E_i.

        d^L = ∂A^L/∂Z^L · (d^{L+1} W^{L+1}); ∂E/∂W^L = d^Lᵀ A^{L-1}; ∂E/∂B^L = Σ_i d_i^L.
        """
        A = self.forward(parameters, X)
        d = {L: buffer[: len(X)] for L, buffer in self._d.items()}
        loss = self._loss(A[self.network.layers], Y, d[self.network.layers])
        for L in range(self.network.layers, 0, -1):
            np.matmul(d[L].T, A[L - 1], out=gradient.W[L])
            np.sum(d[L], axis=0, out=gradient.B[L])
            if L > 1:
                np.matmul(d[L], parameters.W[L], out=d[L - 1])
                ACTIVATIONS[self.network.activations[L - 2]].pull_back(A[L - 1], d[L - 1])
        return loss

    def evaluate(self, parameters: Parameters, X: Array, Y: Array) -> tuple[float, int]:
        """Return Σ_i E_i and, for a loss over classes, the number of rows whose largest output is the right one."""
        AN = self.forward(parameters, X)[self.network.layers]
        right = 0
        if LOSSES[self.network.loss].classes:
            right = int(np.count_nonzero(AN.argmax(axis=1) == Y.argmax(axis=1)))
        return self._loss(AN, Y, self._d[self.network.layers][: len(X)]), right

    def _loss(self, AN: Array, Y: Array, dN: Array) -> float:
        """Write d^N = ∂E/∂Z^N and return Σ_i E_i."""
        if self.network.fused:
            return softmax_cross_entropy(AN, Y, dN)
        loss = LOSSES[self.network.loss]
        loss.gradient(AN, Y, dN)
        ACTIVATIONS[self.network.activations[-1]].pull_back(AN, dN)
        return loss.value(AN, Y)
