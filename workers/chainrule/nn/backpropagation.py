"""The training step: the forward pass, the loss, and back-propagation, which is the chain rule."""

import numpy as np
from numpy.typing import DTypeLike

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import Array, aligned_empty
from chainrule.nn.losses import FUSED, LOSSES, smooth
from chainrule.nn.network import Network
from chainrule.nn.parameters import Parameters


class Backpropagation:
    """The training step of one network for mini-batches of up to `rows` rows.

    Its buffers are made once (anew where parameters of another type come), and a step allocates nothing.
    """

    def __init__(self, network: Network, rows: int) -> None:
        self.network, self.rows = network, rows
        self._activations = {L: ACTIVATIONS[name] for L, name in enumerate(network.activations, start=1)}
        self._loss = network.loss_function
        self._fused = FUSED.get((network.activations[-1], network.loss))
        self._make_buffers(np.float32)

    def _make_buffers(self, dtype: DTypeLike) -> None:
        """Make A^L, d^L, smoothed targets, and K^L: one for each layer that keeps something, one that others share."""
        sizes = dict(enumerate(self.network.sizes[1:], start=1))
        self._dtype = np.dtype(dtype)
        self._A = {L: aligned_empty((self.rows, n), dtype) for L, n in sizes.items()}
        self._d = {L: aligned_empty((self.rows, n), dtype) for L, n in sizes.items()}
        shared = aligned_empty(self.rows * max(sizes.values()), dtype)
        self._scratch = {L: shared[: self.rows * n].reshape(self.rows, n) for L, n in sizes.items()}
        keeps = {L: aligned_empty((self.rows, n), dtype) for L, n in sizes.items() if self._activations[L].keeps}
        self._K = self._scratch | keeps
        self._Y = aligned_empty((self.rows, sizes[self.network.layers]), dtype)

    def forward(self, parameters: Parameters, X: Array) -> dict[int, Array]:
        """Return A^0..A^N for X = A^0: Z^L = A^{L-1} W^Lᵀ + B^L, A^L = σ(Z^L). A fused network keeps Z^N for A^N."""
        if parameters.flat.dtype != self._dtype:
            self._make_buffers(parameters.flat.dtype)
        rows, A = len(X), {0: X}
        for L, activation in self._activations.items():
            A[L] = np.matmul(A[L - 1], parameters.W[L].T, out=self._A[L][:rows])
            A[L] += parameters.B[L]
            if not (self._fused and self.network.layers == L):
                activation.apply(A[L], self._K[L][:rows])
        return A

    def loss_and_gradient(self, parameters: Parameters, X: Array, Y: Array, gradient: Parameters) -> float:
        """Overwrite `gradient` by Σ_i ∂E_i/∂θ over the rows of X, and return Σ_i E_i.

        d^L = ∂A^L/∂Z^L · (d^{L+1} W^{L+1}); ∂E/∂W^L = d^Lᵀ A^{L-1}; ∂E/∂B^L = Σ_i d_i^L.
        """
        A, N, rows = self.forward(parameters, X), self.network.layers, len(X)
        d = {L: buffer[:rows] for L, buffer in self._d.items()}
        loss = self._start(A[N], Y, d[N])
        for L in range(N, 0, -1):
            np.matmul(d[L].T, A[L - 1], out=gradient.W[L])
            np.sum(d[L], axis=0, out=gradient.B[L])
            if L > 1:
                np.matmul(d[L], parameters.W[L], out=d[L - 1])
                self._activations[L - 1].pull_back(A[L - 1], self._K[L - 1][:rows], d[L - 1])
        return loss

    def evaluate(self, parameters: Parameters, X: Array, Y: Array) -> tuple[float, int]:
        """Return Σ_i E_i and, for a loss over classes, the number of rows whose largest output is the right one."""
        AN = self.forward(parameters, X)[self.network.layers]
        right = 0
        if LOSSES[self.network.loss].classes:
            right = int(np.count_nonzero(AN.argmax(axis=1) == Y.argmax(axis=1)))
        return self._value(AN, self._targets(Y), self._d[self.network.layers][: len(X)]), right

    def _start(self, AN: Array, Y: Array, dN: Array) -> float:
        """Write d^N = ∂E/∂Z^N and return Σ_i E_i."""
        N, rows, Y = self.network.layers, len(AN), self._targets(Y)
        loss = self._value(AN, Y, dN)
        if not self._fused:
            self._loss.gradient(AN, Y, dN, self._scratch[N][:rows])
            self._activations[N].pull_back(AN, self._K[N][:rows], dN)
        return loss

    def _value(self, AN: Array, Y: Array, dN: Array) -> float:
        """Return Σ_i E_i; where it is fused, d^N is written too."""
        if self._fused:
            return self._fused(AN, Y, dN)
        return self._loss.value(AN, Y, dN)

    def _targets(self, Y: Array) -> Array:
        """Return Y, with its labels smoothed where the network asks for it."""
        smoothing = self.network.label_smoothing
        return smooth(Y, self._Y[: len(Y)], smoothing) if smoothing else Y
