"""The computation of a worker: partials of the gradient over nodes of the shard tree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.data.metrics import Figures, Layout
from chainrule.data.shard_tree import Node, fold
from chainrule.data.shards import RowOrder, Shard
from chainrule.nn import LOSSES, Array, Backpropagation, Network, Parameters, aligned_empty, draw_for, one_hot
from chainrule.wire.partials import Partial, Sums
from chainrule.wire.spec import JobSpec

NOTHING = np.empty(0, dtype=np.float32)


class PartialComputer:
    """Computes partials for any node whose shards `shards` can give.

    Each shard's gradient is computed by itself, from a mini-batch of the same shape whoever computes it: the bits of a
    matrix product may depend on its shape.
    """

    def __init__(self, spec: JobSpec, network: Network, steps_per_epoch: int, shards: Mapping[int, Shard]) -> None:
        self._spec, self._network, self._steps_per_epoch, self._shards = spec, network, steps_per_epoch, shards
        self._step = Backpropagation(network, spec.rows_per_shard)
        self._X = aligned_empty((spec.rows_per_shard, network.sizes[0]))
        self._orders: dict[int, RowOrder] = {}
        self._free: list[Parameters] = []

    def compute(
        self,
        parameters: Parameters,
        version: int,
        node: Node,
        *,
        train: bool,
        evaluate: bool,
        into: Parameters | None = None,
    ) -> Partial:
        """Return the partial of a node at θ_version: training sums and gradient, validation sums, where asked for.

        The gradient is written into a given buffer, or into one of its own.
        """
        gradient, training, validation = None, Sums(), Sums()
        if into is not None:
            self._free.append(into)  # the first shard takes it, and its gradient becomes the sum
        if train:
            gradient, training = fold(node, lambda shard: self._gradient(parameters, version, shard), self._add)
        if evaluate:
            validation = fold(node, lambda shard: self._validate(parameters, shard), Sums.__add__)
        return Partial(NOTHING if gradient is None else gradient.flat, training, validation)

    def release(self, partial: Partial) -> None:
        """Take back the buffer of a partial that is not needed any more."""
        if partial.gradient.size:
            self._free.append(Parameters.view(partial.gradient, self._network.sizes))

    def _gradient(self, parameters: Parameters, version: int, shard: int) -> tuple[Parameters, Sums]:
        gradient = self._free.pop() if self._free else Parameters.empty(self._network.sizes)
        rows = self._order(shard).rows(*divmod(version, self._steps_per_epoch))
        if not len(rows):
            gradient.flat.fill(0)
            return gradient, Sums()
        data, draw = self._shards[shard], draw_for(self._spec.training.seed, version, shard)
        X = np.take(data.X, rows, axis=0, out=self._X[: len(rows)], mode="clip")  # "raise" would copy twice
        w = None if data.weights is None else data.weights[rows]
        loss = self._step.loss_and_gradient(parameters, X, self._targets(data.Y[rows]), gradient, draw, w)
        return gradient, Sums(loss, len(rows) if w is None else float(w.sum(dtype=np.float64)))

    def _order(self, shard: int) -> RowOrder:
        if shard not in self._orders:
            rows = len(self._shards[shard].X)
            self._orders[shard] = RowOrder(self._spec.training.seed, shard, rows, self._spec.rows_per_shard)
        return self._orders[shard]

    def _add(self, left: tuple[Parameters, Sums], right: tuple[Parameters, Sums]) -> tuple[Parameters, Sums]:
        np.add(left[0].flat, right[0].flat, out=left[0].flat)
        self._free.append(right[0])
        return left[0], left[1] + right[1]

    def _validate(self, parameters: Parameters, shard: int) -> Sums:
        data, sums, size = self._shards[shard], Sums(), self._spec.rows_per_shard
        figures, weights = Figures(Layout.of(self._network)), data.validation_weights
        for start in range(0, len(data.validation_X), size):
            X, Y = data.validation_X[start : start + size], data.validation_Y[start : start + size]
            w = np.ones(len(X), np.float32) if weights is None else weights[start : start + size]
            A = np.empty((len(X), self._network.sizes[-1]), np.float32)
            loss, right = self._step.evaluate(parameters, X, self._targets(Y), None if weights is None else w, A)
            sums += Sums(loss, float(w.sum(dtype=np.float64)), right)
            figures.add(A, Y, w)
        return sums + Sums(figures=figures.sums)

    def _targets(self, Y: NDArray[Any]) -> Array:
        """Return Y as the loss wants it: one-hot rows for classes, numbers as they are."""
        if not LOSSES[self._network.loss].classes:
            return Y
        return one_hot(Y, np.empty((len(Y), self._network.sizes[-1]), dtype=np.float32, order="F"))
