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

    @property
    def constant(self) -> bool:
        """Whether all numbers are the same, or there are none. (Mean and deviation are rounded, and cannot tell.)"""
        return self.count == 0 or self.low == self.high

    def affine(self, kind: str) -> tuple[float, float]:
        """Return (mean, scale) of a kind of scaling; a constant column becomes 0."""
        if kind == "none" or not self.count:
            return 0.0, 1.0
        if self.constant:
            return self.low, 1.0
        if kind == "min_max":
            return self.low, (self.high - self.low) or 1.0
        return self.mean, float(np.sqrt(self.squares / self.count)) or 1.0


HELD = (0.0, 0.0)
"""(mean, scale) of an input that was the same in all training rows, so that its weights are untrained: it is 0."""


@dataclass(frozen=True)
class Scaling:
    """x ↦ (x - mean) / scale for each column; where the scale is 0, x ↦ 0."""

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
        scale = np.array(self.scale)
        with np.errstate(over="ignore"):
            X -= np.array(self.mean)
            X /= np.where(scale == 0, np.inf, scale)
            out[...] = X
        return out

    def invert(self, X: Array) -> NDArray[np.float64]:
        """Return the rows as they were before they were scaled."""
        inverted: NDArray[np.float64] = X.astype(np.float64) * np.array(self.scale) + np.array(self.mean)
        return inverted
