"""Optimizers: each turns the mean gradient g_t into θ_{t+1}, in place, over flat buffers.

Their hyperparameters are the fields of a frozen dataclass, their state is one flat buffer for each name in `slots`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.nn.adaptive import Adadelta, Adagrad, Adam, AdamW, NAdam, RMSprop
from chainrule.nn.arrays import Array
from chainrule.nn.in_blocks import InBlocks, Numbers, Optimizer


@dataclass(frozen=True)
class SGD(InBlocks):
    """θ ← θ - η g (Robbins and Monro 1951)."""

    learning_rate: float = 0.1

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η."""
        return (self.learning_rate,)

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array) -> None:
        """Apply θ ← θ - η g."""
        (rate,) = numbers
        theta -= np.multiply(g, rate, out=work[0])


@dataclass(frozen=True)
class Momentum(InBlocks):
    """v ← μ v + g; θ ← θ - η v (Polyak 1964)."""

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    learning_rate: float = 0.05
    momentum: float = 0.9

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η and μ."""
        return self.learning_rate, self.momentum

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, v: Array) -> None:
        """Apply v ← μ v + g; θ ← θ - η v."""
        rate, momentum = numbers
        v *= momentum
        v += g
        theta -= np.multiply(v, rate, out=work[0])


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← μ v + g; θ ← θ - η (g + μ v) (Nesterov 1983, in the form of Bengio et al. 2013: θ is the point ahead)."""

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, v: Array) -> None:
        """Apply v ← μ v + g; θ ← θ - η (g + μ v)."""
        (rate, momentum), K = numbers, work[0]
        v *= momentum
        v += g
        np.multiply(v, momentum, out=K)
        K += g
        K *= rate
        theta -= K


@dataclass(frozen=True)
class Lion(InBlocks):
    """c = β₁ m + (1-β₁) g; θ ← θ - η (sign c + λ θ); m ← β₂ m + (1-β₂) g (Chen et al. 2023).

    θ are all parameters: biases decay, too; L2 regularisation leaves them alone.
    """

    slots: ClassVar[tuple[str, ...]] = ("mean",)
    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η, β₁ (1-β₂) / (1-β₁), β₂ and 1 - η λ."""
        momentum = self.beta1 * (1 - self.beta2) / (1 - self.beta1)
        return self.learning_rate, momentum, self.beta2, 1 - self.learning_rate * self.weight_decay

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, m: Array) -> None:
        """Apply θ ← (1 - η λ) θ - η sign(g + μ m); m ← β₂ m + g, for a scaled m."""
        (rate, momentum, beta2, kept), (K, J) = numbers, work
        np.multiply(m, momentum, out=K)
        K += g
        if self.weight_decay:
            theta *= kept
        theta -= np.multiply(sign(K, J), rate, out=K)
        m *= beta2
        m += g


def sign(x: Array, work: Array) -> Array:
    """Return the sign of each number, -1, 0 or 1 in a byte of `work`: NumPy's own is five times as slow."""
    positive, negative = work.view(np.bool_).reshape(work.itemsize, -1)[:2]
    np.greater(x, 0, out=positive)
    np.less(x, 0, out=negative)
    result: Array = np.subtract(positive.view(np.int8), negative.view(np.int8), out=positive.view(np.int8))
    return result


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
}
"""Every optimizer by the name that a job file uses."""
