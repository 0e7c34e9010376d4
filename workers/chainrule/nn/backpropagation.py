"""The training step: the forward pass, the loss, and back-propagation, which is the chain rule."""

from collections.abc import Callable

import numpy as np

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.arrays import Array
from chainrule.nn.buffers import Buffers
from chainrule.nn.dropout import Draw, fill_mask
from chainrule.nn.losses import FUSED, LOSSES, Weights, smooth
from chainrule.nn.network import Network
from chainrule.nn.parameters import Parameters


def weighted_sums(A: Array, W: Array, B: Array, P: Array, Z: Array) -> Array:
    """Z^L = A^{L-1} W^Lᵀ + B^L: z_i^L = Σ_j w_ij^L a_j^{L-1} + b_i^L, written into Z (rows, n^L).

    P, which may be Z, receives the product.
    """
    return np.add(np.matmul(A, W.T, out=P), B, out=Z)


def weight_gradient(d: Array, A: Array, dW: Array) -> Array:
    """∂E/∂w_ij^L = a_j^{L-1} d_i^L, summed over the rows of d^L and A^{L-1}: d^Lᵀ A^{L-1}, written into dW."""
    return np.matmul(d.T, A, out=dW)


def bias_gradient(d: Array, ones: Array, dB: Array) -> Array:
    """∂E/∂b_i^L = d_i^L, summed over the rows of d^L as a product with `ones` (rows,), written into dB."""
    return np.matmul(ones, d, out=dB)


def output_gradient(d: Array, W: Array, dA: Array) -> Array:
    """∂E/∂a_j^{L-1} = Σ_i w_ij^L d_i^L: d^L W^L, written into dA (rows, n^{L-1}).

    With the activation's derivative behind it this is the chain rule: d^{L-1} = ∂A^{L-1}/∂Z^{L-1} · (W^Lᵀ d^L).
    """
    return np.matmul(d, W, out=dA)


class Backpropagation:
    """The training step of one network for mini-batches of up to `rows` rows.

    Its buffers are made once (anew where parameters of another type come), and a step allocates nothing. Dropout takes
    part where a step is given numbers to draw from.
    """

    def __init__(self, network: Network, rows: int) -> None:
        self.network, self.rows, self._N = network, rows, network.layers
        self._activations = {L: ACTIVATIONS[name] for L, name in enumerate(network.activations, start=1)}
        self._loss = network.loss_function
        self._fused = FUSED.get((network.activations[-1], network.loss))
        self._buffers = Buffers.make(network, rows, np.float32)
        self._views = {rows: self._buffers}

    def _buffers_for(self, parameters: Parameters, rows: int) -> Buffers:
        if parameters.flat.dtype != self._buffers.dtype:
            self._buffers = Buffers.make(self.network, self.rows, parameters.flat.dtype)
            self._views = {self.rows: self._buffers}
        if rows not in self._views:
            self._views[rows] = self._buffers.first(rows)
        return self._views[rows]

    def forward(self, parameters: Parameters, X: Array, draw: Draw | None = None) -> dict[int, Array]:
        """Return what each layer gives the next, for X = A^0, and at last A^N, or Z^N where the network is fused.

        Z^L = A^{L-1} W^Lᵀ + B^L; A^L = σ(Z^L). With dropout, m^L ∘ A^L is what the next layer sees.
        """
        return self._forward(self._buffers_for(parameters, len(X)), parameters, X, draw)

    def _forward(self, b: Buffers, parameters: Parameters, X: Array, draw: Draw | None) -> dict[int, Array]:
        H = {0: self._drop(b, 0, X, draw) if draw else X}
        for L, activation in self._activations.items():
            A = weighted_sums(H[L - 1], parameters.W[L], parameters.B[L], b.P[L], b.A[L])
            if L < self._N or not self._fused:
                activation.apply(A, b.K[L])
            H[L] = self._drop(b, L, A, draw) if draw else A
        return H

    def _drop(self, b: Buffers, L: int, A: Array, draw: Draw) -> Array:
        """Return m^L ∘ A^L, or A^L as it is where nothing is dropped."""
        if L not in b.M:
            return A
        fill_mask(draw(L), b.M[L], self.network.dropout_rate(L))
        return np.multiply(A, b.M[L], out=b.H[L])

    def loss_and_gradient(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        gradient: Parameters,
        draw: Draw | None = None,
        w: Weights = None,
        done: Callable[[int], object] | None = None,
        see: Callable[[int, Array], object] | None = None,
    ) -> float:
        """Overwrite `gradient` by Σ_i w_i ∂E_i/∂θ over the rows of X, and return Σ_i w_i E_i.

        d^L = ∂A^L/∂Z^L · (d^{L+1} W^{L+1}); ∂E/∂W^L = d^Lᵀ A^{L-1}; ∂E/∂B^L = Σ_i d_i^L. From the last layer to the
        first, done(L) is called as soon as `gradient` holds those of layer L, and see(L, A^L), before A^L of a hidden
        layer is used up.
        """
        b = self._buffers_for(parameters, len(X))
        H = self._forward(b, parameters, X, draw)
        loss = self._start(b, Y, w)
        for L in range(self._N, 0, -1):
            weight_gradient(b.d[L], H[L - 1], gradient.W[L])
            bias_gradient(b.d[L], b.ones, gradient.B[L])
            if done:
                done(L)
            if L > 1:
                d = output_gradient(b.d[L], parameters.W[L], b.d[L - 1])
                if draw and L - 1 in b.M:
                    d *= b.M[L - 1]
                if see:
                    see(L - 1, b.A[L - 1])
                self._activations[L - 1].pull_back(b.A[L - 1], b.K[L - 1], d)
        return loss

    def loss(self, parameters: Parameters, X: Array, Y: Array, draw: Draw | None = None) -> float:
        """Return Σ_i E_i, from the forward pass alone."""
        b = self._buffers_for(parameters, len(X))
        AN = self._forward(b, parameters, X, draw)[self._N]
        return self._value(b, AN, self._targets(b, Y))

    def evaluate(
        self,
        parameters: Parameters,
        X: Array,
        Y: Array,
        w: Weights = None,
        outputs: Array | None = None,
        logits: Array | None = None,
    ) -> tuple[float, float]:
        """Return Σ_i w_i E_i without dropout and, over classes, the weight of the rows whose largest output is right.

        A^N is written into `outputs` where it is given, and Z^N into `logits` where the network is fused.
        """
        b, right = self._buffers_for(parameters, len(X)), 0.0
        AN = self._forward(b, parameters, X, None)[self._N]
        if LOSSES[self.network.loss].classes:
            hits = AN.argmax(axis=1) == Y.argmax(axis=1)
            right = float(np.count_nonzero(hits) if w is None else w[hits].sum(dtype=np.float64))
        if logits is not None and self._fused:
            np.copyto(logits, AN)
        if outputs is not None:
            np.copyto(outputs, AN)
            if self._fused:
                self._activations[self._N].apply(outputs, b.d[self._N])
        return self._value(b, AN, self._targets(b, Y), w), right

    def _start(self, b: Buffers, Y: Array, w: Weights) -> float:
        """Write d^N = w ∂E/∂Z^N and return Σ_i w_i E_i."""
        N, Y = self._N, self._targets(b, Y)
        loss = self._value(b, b.A[N], Y, w)
        if not self._fused:
            self._loss.gradient(b.A[N], Y, b.d[N], b.S[N])
            self._activations[N].pull_back(b.A[N], b.K[N], b.d[N])
        if w is not None:
            b.d[N] *= w[:, np.newaxis]
        return loss

    def _value(self, b: Buffers, AN: Array, Y: Array, w: Weights = None) -> float:
        """Return Σ_i w_i E_i; where it is fused, d^N is written too, without weights."""
        dN = b.d[self._N]
        if self._fused:
            return self._fused(AN, Y, dN, b.S[self._N], w)
        return self._loss.value(AN, Y, dN, w)

    def _targets(self, b: Buffers, Y: Array) -> Array:
        """Return Y, with its labels smoothed where the network asks for it."""
        smoothing = self.network.label_smoothing
        return smooth(Y, b.Y, smoothing) if smoothing else Y
