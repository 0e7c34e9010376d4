"""Schedules: by what the learning rate η is multiplied at version t. Pure functions of t.

t counts from 0: the first of `steps` steps is taken at t = 0, the last one at t = steps - 1.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol


class Schedule(Protocol):
    """What training asks of a schedule."""

    def factor(self, t: int) -> float:
        """Return η_t / η."""
        ...


def _check(**bounds: tuple[float, float, float]) -> None:
    """Raise ValueError for a value that is outside its bounds, both of which it may reach."""
    for name, (low, value, high) in bounds.items():
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}, must be in [{low}, {high}]")


@dataclass(frozen=True)
class Constant:
    """η_t = η."""

    def factor(self, t: int) -> float:  # noqa: ARG002
        """Return 1."""
        return 1.0


@dataclass(frozen=True)
class Step:
    """η_t = η γ^⌊t / every⌋: t = every is the first that is multiplied by γ (PyTorch's StepLR)."""

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(every=(1, self.every, math.inf), gamma=(0, self.gamma, 1))

    def factor(self, t: int) -> float:
        """Return γ^⌊t / every⌋."""
        return float(self.gamma ** (t // self.every))


@dataclass(frozen=True)
class Exponential:
    """η_t = η γ^{t / steps}: η γ is reached at t = steps, behind the last of the steps (PyTorch's ExponentialLR)."""

    steps: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(steps=(1, self.steps, math.inf), gamma=(0, self.gamma, 1))

    def factor(self, t: int) -> float:
        """Return γ^{t / steps}."""
        return float(self.gamma ** (t / self.steps))


@dataclass(frozen=True)
class Cosine:
    """η_t = η (low + (1 - low) (1 + cos(π t / steps)) / 2), then η low (Loshchilov and Hutter 2017, one period).

    η low is reached at t = steps, as in PyTorch's CosineAnnealingLR: the last of the steps is above it, so that none is
    wasted where low is 0.
    """

    steps: int
    low: float = 0.0

    def __post_init__(self) -> None:
        _check(steps=(1, self.steps, math.inf), low=(0, self.low, 1))

    def factor(self, t: int) -> float:
        """Return low + (1 - low) (1 + cos(π t / steps)) / 2."""
        return between(1, self.low, t / self.steps)


@dataclass(frozen=True)
class InverseSquareRoot:
    """η_t = η / √max(1, t / steps): constant for `steps` versions, then falling (Vaswani et al. 2017)."""

    steps: int

    def __post_init__(self) -> None:
        _check(steps=(1, self.steps, math.inf))

    def factor(self, t: int) -> float:
        """Return 1 / √max(1, t / steps)."""
        return 1 / math.sqrt(max(1, t / self.steps))


@dataclass(frozen=True)
class OneCycle:
    """η_t rises from η start to η for `peak` of the steps, then falls to η end, by cosines (Smith and Topin 2018).

    η is reached at t = max(0, peak steps - 1), and η end at t = steps - 1, the last of the steps: where peak and steps
    leave room for both, each factor is that of PyTorch's OneCycleLR.
    """

    steps: int
    peak: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        _check(steps=(1, self.steps, math.inf), peak=(0, self.peak, 1), start=(0, self.start, 1), end=(0, self.end, 1))

    def factor(self, t: int) -> float:
        """Return the factor on the way up, or on the way down."""
        top, last = max(0.0, self.peak * self.steps - 1), self.steps - 1
        if t >= last:
            return self.end
        return between(self.start, 1, t / top) if t < top else between(1, self.end, (t - top) / (last - top))


@dataclass(frozen=True)
class WarmUp:
    """η_t = η (start + (1 - start) t / steps) for `steps` versions; then the schedule behind it (Goyal et al. 2017)."""

    steps: int
    then: Schedule = field(default_factory=Constant)
    start: float = 0.0

    def __post_init__(self) -> None:
        _check(steps=(0, self.steps, math.inf), start=(0, self.start, 1))

    def factor(self, t: int) -> float:
        """Return the factor of the line, or of the schedule behind it, whose t begins at 0."""
        if t >= self.steps:
            return self.then.factor(t - self.steps)
        return (self.start + (1 - self.start) * t / self.steps) * self.then.factor(0)


def between(first: float, last: float, way: float) -> float:
    """Return what half a cosine gives on its way from first (way 0) to last (way 1, and behind it)."""
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, way))) / 2


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "inverse_square_root": InverseSquareRoot,
    "one_cycle": OneCycle,
}
"""Every schedule by the name that a job file uses; warm-up goes in front of any."""
