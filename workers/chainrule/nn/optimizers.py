"""Optimizers: each turns the mean gradient g_t into θ_{t+1}, in place, over flat buffers.

Their hyperparameters are the fields of a frozen dataclass, their state is one flat buffer for each name in `slots`.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from chainrule.nn.arrays import Array


class Optimizer(Protocol):
    """What the parameter server asks of an optimizer."""

    slots: ClassVar[tuple[str, ...]]

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:
        """Overwrite θ_t by θ_{t+1} and the state; g may be overwritten too. t counts from 0."""
        ...


@dataclass(frozen=True)
class SGD:
    """θ ← θ - η g (Robbins and Monro 1951)."""

    slots: ClassVar[tuple[str, ...]] = ()
    learning_rate: float = 0.1

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:  # noqa: ARG002
        """Apply θ ← θ - η g."""
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Momentum:
    """v ← μ v + g; θ ← θ - η v (Polyak 1964)."""

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    learning_rate: float = 0.05
    momentum: float = 0.9

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:  # noqa: ARG002
        """Apply v ← μ v + g; θ ← θ - η v."""
        v = state["velocity"]
        v *= self.momentum
        v += g
        np.multiply(v, self.learning_rate, out=g)
        theta -= g


@dataclass(frozen=True)
class Adam:
    """Moving means of g and g², corrected for their start at 0 (Kingma and Ba 2015, the form before section 2.1)."""

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:
        """Apply m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; θ ← θ - η m̂ / (√v̂ + ε)."""
        m, v = state["mean"], state["square"]
        m *= self.beta1
        m += (1 - self.beta1) * g
        np.multiply(g, g, out=g)
        g *= 1 - self.beta2
        v *= self.beta2
        v += g
        np.sqrt(v, out=g)
        g /= math.sqrt(1 - self.beta2 ** (t + 1))
        g += self.epsilon
        np.divide(m, g, out=g)
        g *= self.learning_rate / (1 - self.beta1 ** (t + 1))
        theta -= g


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "momentum": Momentum, "adam": Adam}
"""Every optimizer by the name that a job file uses."""
