"""Scaling: fitted on training rows, stored in the model, applied to every row that is predicted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.nn import Array


@dataclass(frozen=True)
class Moments:
    """What must be known of a column's numbers to scale them. Those of parts add up to those of the whole."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    @classmethod
    def of(cls, x: NDArray[np.float64]) -> "Moments":
        """Return the moments of numbers; `squares` is Σ (x - mean)²."""
        if not len(x):
            return cls()
        mean = float(x.mean())
        apart = x - mean
        squares = float(np.square(apart, out=apart).sum())
        return cls(len(x), mean, squares, float(x.min()), float(x.max()))

    def __add__(self, other: "Moments") -> "Moments":
        """Chan, Golub and LeVeque 1979."""
        count = self.count + other.count
        if not (self.count and other.count):
            return self if self.count else other
        apart = other.mean - self.mean
        mean = self.mean + apart * other.count / count
        squares = self.squares + other.squares + apart * apart * self.count * other.count / count
        return Moments(count, mean, squares, min(self.low, other.low), max(self.high, other.high))

    def affine(self, kind: str) -> tuple[float, float]:
        """Return (mean, scale) of a kind of scaling; a constant column becomes 0."""
        if kind == "none" or not self.count:
            return 0.0, 1.0
        # A constant column's mean and deviation are rounded: asking them whether it is constant would fail.
        if self.low == self.high:
            return self.low, 1.0
        if kind == "min_max":
            return self.low, (self.high - self.low) or 1.0
        return self.mean, float(np.sqrt(self.squares / self.count)) or 1.0


@dataclass(frozen=True)
class Scaling:
    """x ↦ (x - mean) / scale for each column."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, kind: str, moments: "list[Moments]") -> "Scaling":
        """Fit to columns: `standardize` gives mean 0 and deviation 1, `min_max` numbers from 0 to 1, `none` nothing."""
        mean, scale = zip(*(each.affine(kind) for each in moments), strict=True) if moments else ((), ())
        return cls(mean, scale)

    def apply(self, X: NDArray[np.float64], out: Array | None = None) -> Array:
        """Return the scaled rows, float32; what is too large for it is infinite. X is overwritten."""
        out = np.empty(X.shape, np.float32) if out is None else out
        with np.errstate(over="ignore"):
            X -= np.array(self.mean)
            X /= np.array(self.scale)
            out[...] = X
        return out

    def invert(self, X: Array) -> Array:
        """Return the rows as they were before they were scaled, float32."""
        with np.errstate(over="ignore"):
            inverted: Array = (X * np.array(self.scale) + np.array(self.mean)).astype(np.float32)
        return inverted
