"""The computation of a worker: partials of the gradient over nodes of the shard tree."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.data.metrics import Figures, Layout
from chainrule.data.shard_tree import Node, fold
from chainrule.data.shards import RowOrder, Shard
from chainrule.nn import LOSSES, Array, Backpropagation, Network, Parameters, aligned_empty, draw_for, one_hot
from chainrule.wire.bfloat16 import Rounding
from chainrule.wire.partials import Partial, Reading, Sums
from chainrule.wire.spec import JobSpec
from chainrule.worker.activity import Activity

Done: TypeAlias = Callable[[int], object]

NOTHING = np.empty(0, dtype=np.float32)


class PartialComputer:
    """Computes partials for any node whose shards `shards` can give.

    Each shard's gradient is computed by itself, from a mini-batch of the same shape whoever computes it: the bits of a
    matrix product may depend on its shape. `activity` is shown a mini-batch now and then.
    """

    def __init__(
        self,
        spec: JobSpec,
        network: Network,
        steps_per_epoch: int,
        shards: Mapping[int, Shard],
        activity: Activity | None = None,
    ) -> None:
        self._spec, self._network, self._steps_per_epoch, self._shards = spec, network, steps_per_epoch, shards
        self._step = Backpropagation(network, spec.rows_per_shard)
        self._activity = activity or Activity(network)
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
        done: Done | None = None,
        reading: Reading | None = None,
    ) -> Partial:
        """Return the partial of a node at θ_version: training sums and gradient, validation sums, where asked for.

        The gradient is written into a given buffer, or into one of its own. From the last layer to the first, done(L)
        is called as soon as it holds the sum of layer L, and then that is read.
        """
        gradient, training, validation = NOTHING, Sums(), Sums()
        if train:
            into = self._take() if into is None else into
            done = _reading(into, done, reading) if reading else done
            gradient, training = into.flat, self._sum(parameters, version, node, into, done)
        if evaluate:
            validation = fold(node, lambda shard: self._validate(parameters, shard), Sums.__add__)
        partial = Partial(gradient, training, validation, tuple(parameters.parts.values()))
        return partial.told(reading) if reading else partial

    def release(self, partial: Partial) -> None:
        """Take back the buffer of a partial that is not needed any more."""
        if partial.gradient.size:
            self._free.append(Parameters.view(partial.gradient, self._network.sizes))

    def _take(self) -> Parameters:
        return self._free.pop() if self._free else Parameters.empty(self._network.sizes)

    def _sum(self, parameters: Parameters, version: int, node: Node, into: Parameters, done: Done | None) -> Sums:
        """Write a node's gradient sum. Each layer is added up when the last shard has it: in the cache."""
        if node.leaf:
            return self._gradient(parameters, version, node.lo, into, done)
        left, right = node.children
        sums = self._sum(parameters, version, left, into, None)
        other = self._take()

        def add(L: int) -> None:
            total, part = into.flat[into.parts[L]], other.flat[other.parts[L]]
            np.add(total, part, out=total)
            if done:
                done(L)

        sums += self._sum(parameters, version, right, other, add)
        self._free.append(other)
        return sums

    def _gradient(
        self, parameters: Parameters, version: int, shard: int, gradient: Parameters, done: Done | None
    ) -> Sums:
        rows = self._order(shard).rows(*divmod(version, self._steps_per_epoch))
        if self._spec.training.halves:
            done = self._round(version, shard, gradient, done)
        if not len(rows):
            gradient.flat.fill(0)
            for L in reversed(gradient.W):
                if done:
                    done(L)
            return Sums()
        data, draw = self._shards[shard], draw_for(self._spec.training.seed, version, shard)
        X = np.take(data.X, rows, axis=0, out=self._X[: len(rows)], mode="clip")  # "raise" would copy twice
        w = None if data.weights is None else data.weights[rows]
        Y, see = self._targets(data.Y[rows]), self._activity.look(len(rows))
        loss = self._step.loss_and_gradient(parameters, X, Y, gradient, draw, w, done, see)
        return Sums(loss, len(rows) if w is None else float(w.sum(dtype=np.float64)))

    def _round(self, version: int, shard: int, gradient: Parameters, done: Done | None) -> Done:
        """Return a `done` in front of which the layer is rounded."""
        rounding = Rounding(self._spec.training.seed, version, shard)

        def round_layer(L: int) -> None:
            rounding.apply(gradient.flat[gradient.parts[L]], gradient.parts[L].start)
            if done:
                done(L)

        return round_layer

    def _order(self, shard: int) -> RowOrder:
        if shard not in self._orders:
            rows = len(self._shards[shard].X)
            self._orders[shard] = RowOrder(self._spec.training.seed, shard, rows, self._spec.rows_per_shard)
        return self._orders[shard]

    def _validate(self, parameters: Parameters, shard: int) -> Sums:
        data, sums, size = self._shards[shard], Sums(), self._spec.rows_per_shard
        figures, weights = Figures(Layout.of(self._network)), data.validation_weights
        for start in range(0, len(data.validation_X), size):
            X, Y = data.validation_X[start : start + size], data.validation_Y[start : start + size]
            w = np.ones(len(X), np.float32) if weights is None else weights[start : start + size]
            A = np.empty((len(X), self._network.sizes[-1]), np.float32)
            Z = np.empty_like(A) if self._network.fused else None
            loss, right = self._step.evaluate(parameters, X, self._targets(Y), None if weights is None else w, A, Z)
            sums += Sums(loss, float(w.sum(dtype=np.float64)), right)
            figures.add(A, Y, w, Z)
        return sums + Sums(figures=figures.sums)

    def _targets(self, Y: NDArray[Any]) -> Array:
        """Return Y as the loss wants it: one-hot rows for classes, numbers as they are."""
        if not LOSSES[self._network.loss].classes:
            return Y
        return one_hot(Y, np.empty((len(Y), self._network.sizes[-1]), dtype=np.float32, order="F"))


def _reading(gradient: Parameters, done: Done | None, reading: Reading) -> Done:
    """Return a `done` behind which the layer is read."""

    def read_layer(L: int) -> None:
        if done:
            done(L)
        reading.read(gradient.flat[gradient.parts[L]])

    return read_layer
