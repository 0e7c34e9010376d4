"""Scaling of inputs: fitted on training rows, stored in the model, applied to every row that is predicted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.nn import Array


@dataclass(frozen=True)
class Scaling:
    """x ↦ (x - mean) / scale for each input column."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, kind: str, X: NDArray[np.float64]) -> "Scaling":
        """Fit to the rows of X: `standardize` gives mean 0 and deviation 1 (a constant column: 0), `none` nothing."""
        if kind == "none":
            return cls((0.0,) * X.shape[1], (1.0,) * X.shape[1])
        # A constant column's mean and deviation are rounded: asking them whether it is constant would fail.
        constant = X.min(axis=0) == X.max(axis=0)
        mean, deviation = np.where(constant, X[0], X.mean(axis=0)), X.std(axis=0)
        return cls(tuple(mean.tolist()), tuple(np.where(constant | (deviation == 0), 1.0, deviation).tolist()))

    def apply(self, X: NDArray[np.float64]) -> Array:
        """Return the scaled rows, float32; what is too large for it is infinite."""
        with np.errstate(over="ignore"):
            scaled: Array = ((X - np.array(self.mean)) / np.array(self.scale)).astype(np.float32)
        return scaled
