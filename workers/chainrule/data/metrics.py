"""Metrics of validation rows, each from sums over rows.

These add up along the shard tree, so that the metrics' bits too are the same on any cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.data.scaling import Scaling
from chainrule.nn import LOSSES, Array, Network

BINS = 1024
"""AUC is that of scores rounded to so many steps from 0 to 1."""
MOST_CLASSES = 64
"""With more classes, the sums of each pair of them would be too many."""
NUMBERS = 4
"""Of each output: Σ w r², Σ w |r|, Σ w y, Σ w y², where r = a - y."""


@dataclass(frozen=True)
class Layout:
    """Which sums there are: of so many classes, or else of so many numbers that are predicted."""

    classes: int = 0
    numbers: int = 0

    @classmethod
    def of(cls, network: Network) -> "Layout":
        """Return the layout for a network: one output of binary cross-entropy stands for two classes."""
        outputs = network.sizes[-1]
        if LOSSES[network.loss].classes:
            return cls(classes=outputs)
        return cls(classes=2) if network.loss == "binary_cross_entropy" and outputs == 1 else cls(numbers=outputs)

    @property
    def pairs(self) -> int:
        """The length of the confusion matrix."""
        return self.classes**2 if self.classes <= MOST_CLASSES else 0

    @property
    def bins(self) -> int:
        """The length of the two histograms of scores."""
        return 2 * BINS if self.classes == 2 else 0

    @property
    def length(self) -> int:
        """How many sums there are: log loss, confusion matrix, histograms; or those of NUMBERS."""
        return 1 + self.pairs + self.bins if self.classes else NUMBERS * self.numbers


class Figures:
    """Adds up the rows of one shard, in order."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._sums, self._rows = layout, np.zeros(layout.length), 0

    @property
    def sums(self) -> tuple[float, ...]:
        """The sums so far, none as long as there is no row."""
        return tuple(self._sums.tolist()) if self._rows else ()

    def add(self, A: Array, Y: NDArray[Any], w: Array, Z: Array | None = None) -> None:
        """Add rows: outputs A (rows, n^N), targets Y as a Shard has them, weights w (rows,).

        Z (rows, n^N) are the logits whose softmax, or sigmoid of one output, A is: log loss is computed from them where
        they are given, because a float32 probability near 0 or 1 has lost what its logit tells.
        """
        self._rows += len(A)
        if self._layout.numbers:
            self._add_numbers(A.astype(np.float64), Y.astype(np.float64), w)
            return
        if Y.ndim > 1:  # one output stands for two classes
            A, Y = np.concatenate([1 - A, A], axis=1), (Y[:, 0] >= 0.5).astype(np.int32)
            Z = None if Z is None else np.concatenate([np.zeros_like(Z), Z], axis=1)
        self._add_classes(A, Y, w, _log_likelihoods(A, Y) if Z is None else _log_likelihoods_of_logits(Z, Y))

    def _add_numbers(self, A: NDArray[np.float64], Y: NDArray[np.float64], w: Array) -> None:
        R = A - Y
        parts = (np.square(R), np.abs(R), Y, np.square(Y))
        self._sums += np.concatenate([(part * w[:, np.newaxis]).sum(axis=0) for part in parts])

    def _add_classes(self, P: Array, Y: NDArray[np.int32], w: Array, logs: Array) -> None:
        layout = self._layout
        self._sums[0] -= (logs * w).sum(dtype=np.float64)
        if layout.pairs:
            pairs = Y.astype(np.int64) * layout.classes + P.argmax(axis=1)
            self._sums[1 : 1 + layout.pairs] += np.bincount(pairs, w, layout.pairs)
        if layout.bins:
            places = (np.clip(np.nan_to_num(P[:, 1]), 0, 1 - 1 / BINS) * BINS).astype(np.int64)
            self._sums[1 + layout.pairs :] += np.bincount(Y * BINS + places, w, layout.bins)


def _log_likelihoods(P: Array, Y: NDArray[np.int32]) -> Array:
    """Return log p of each row's class, of a p that is at least the smallest normal number."""
    return np.log(np.maximum(P[np.arange(len(Y)), Y], np.finfo(np.float32).tiny))


def _log_likelihoods_of_logits(Z: Array, Y: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return log p = z - log Σ_k e^{z_k} of each row's class, in double precision."""
    shifted = Z.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a logit may be infinite where training diverges
        shifted -= shifted.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted[np.arange(len(Y)), Y] - np.log(np.exp(shifted).sum(axis=1))
    return result


def metrics(layout: Layout, sums: Sequence[float], weight: float, scaling: Scaling | None = None) -> dict[str, float]:
    """Return the metrics by name. RMSE and MAE are in the unit of the data, from targets that were scaled."""
    figures = np.array(sums)
    if layout.numbers:
        return _of_numbers(figures.reshape(NUMBERS, -1), weight, np.array(scaling.scale) if scaling else np.ones(1))
    result = {"log_loss": figures[0] / weight}
    if layout.pairs:
        result |= _of_pairs(confusion(layout, sums))
    if layout.bins:
        result |= _auc(*figures[1 + layout.pairs :].reshape(2, BINS))
    return {name: float(value) for name, value in result.items()}


def confusion(layout: Layout, sums: Sequence[float]) -> NDArray[np.float64]:
    """Return the weight of the rows of class i that were taken for class j, (classes, classes), empty for numbers."""
    size = layout.classes if layout.pairs else 0
    return np.array(sums[1 : 1 + layout.pairs]).reshape(size, size)


def _of_numbers(figures: NDArray[np.float64], weight: float, scale: NDArray[np.float64]) -> dict[str, float]:
    squares, absolute, total, total_squares = figures
    spread = total_squares - np.square(total) / weight
    outputs = len(squares)
    result = {
        "rmse": float(np.sqrt((squares * np.square(scale)).sum() / weight / outputs)),
        "mae": float((absolute * scale).sum() / weight / outputs),
    }
    # Where the targets are all the same, there is nothing to explain.
    return result | ({"r2": float((1 - squares / spread).mean())} if (spread > 0).all() else {})


def _of_pairs(pairs: NDArray[np.float64]) -> dict[str, float]:
    """Return accuracy over all rows and over classes, and F1: that of the second of two classes, else their mean."""
    hits, rows, taken = pairs.diagonal(), pairs.sum(axis=1), pairs.sum(axis=0)
    there = rows > 0
    F1 = 2 * hits / np.maximum(rows + taken, np.finfo(np.float64).tiny)
    return {
        "accuracy": hits.sum() / pairs.sum(),
        "balanced_accuracy": (hits[there] / rows[there]).mean(),
        "f1": F1[1] if len(F1) == 2 else F1[there].mean(),
    }


def _auc(negative: NDArray[np.float64], positive: NDArray[np.float64]) -> dict[str, float]:
    """Return the chance that a row of the second class scores higher than one of the first; a tie counts half."""
    below = np.cumsum(negative) - negative
    pairs = negative.sum() * positive.sum()
    return {"auc": (positive * (below + negative / 2)).sum() / pairs} if pairs else {}
