"""When a metric stops getting better: the learning rate is reduced, or training ends early. Pure.

A rule says how long to wait; what is known so far is a value that the rule makes the next one of.
"""

import math
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Waiting:
    """The best value of a metric so far, the version that had it, and how many values have come since."""

    best: float | None = None
    version: int = 0
    waited: int = 0


@dataclass(frozen=True)
class Patience:
    """Wait for so many values of a metric that are not better than the best by more than `min_delta` (Prechelt 1998).

    With `patience_steps`, wait instead until a value comes at least so many versions after the best one. Of an accuracy
    more is better, of a loss less.
    """

    metric: str = "validation_loss"
    patience: int = 10
    min_delta: float = 0.0
    patience_steps: int | None = field(default=None, kw_only=True)

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best so far."""
        gain = math.inf if best is None else value - best if self.metric.endswith("accuracy") else best - value
        return gain > self.min_delta

    def after(self, waiting: Waiting, value: float, version: int) -> Waiting:
        """Return what is known once the metric has this value at a version."""
        if self.better(value, waiting.best):
            return Waiting(value, version)
        return replace(waiting, waited=waiting.waited + 1)

    def over(self, waiting: Waiting, version: int) -> bool:
        """Whether there has been waiting enough, once the metric has had its value at a version."""
        if self.patience_steps is not None:
            return version - waiting.version >= self.patience_steps
        return waiting.waited >= self.patience


@dataclass(frozen=True)
class Plateau(Patience):
    """η ← η γ, never below η low, as often as the patience has come to its end."""

    gamma: float = 0.1
    low: float = 0.0

    def factor(self, reductions: int) -> float:
        """Return η_t / η after so many reductions."""
        return max(self.low, self.gamma**reductions)
