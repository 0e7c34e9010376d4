"""Optimizers: each turns the mean gradient g_t into θ_{t+1}, in place, over flat buffers.

Their hyperparameters are the fields of a frozen dataclass, their state is one flat buffer for each name in `slots`.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from chainrule.nn.arrays import BLOCK, Array, aligned_empty


class Optimizer(Protocol):
    """What the parameter server asks of an optimizer."""

    slots: ClassVar[tuple[str, ...]]

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:
        """Overwrite θ_t by θ_{t+1} and the state; g may be overwritten too. t counts from 0."""
        ...


class InBlocks(ABC):
    """An optimizer that is written for one block of each buffer. Any blocks give the same bits: all is element-wise."""

    slots: ClassVar[tuple[str, ...]] = ()

    def update(self, theta: Array, g: Array, state: dict[str, Array], t: int) -> None:
        """Overwrite θ_t by θ_{t+1} and the state; g is overwritten too. t counts from 0."""
        work = aligned_empty(min(BLOCK, theta.size), theta.dtype)
        slots = [state[name] for name in self.slots]
        for start in range(0, theta.size, BLOCK):
            block = slice(start, start + BLOCK)
            self.step(t, theta[block], g[block], work[: theta.size - start], *(slot[block] for slot in slots))

    @abstractmethod
    def step(self, t: int, theta: Array, g: Array, K: Array, *slots: Any) -> None:
        """Update one block; K is a work array of its size."""


def blend(mean: Array, x: Array, decay: float, K: Array) -> None:
    """m ← β m + (1-β) x: a moving mean."""
    mean *= decay
    mean += np.multiply(x, 1 - decay, out=K)


@dataclass(frozen=True)
class SGD(InBlocks):
    """θ ← θ - η g (Robbins and Monro 1951)."""

    learning_rate: float = 0.1

    def step(self, t: int, theta: Array, g: Array, K: Array) -> None:
        """Apply θ ← θ - η g."""
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Momentum(InBlocks):
    """v ← μ v + g; θ ← θ - η v (Polyak 1964)."""

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    learning_rate: float = 0.05
    momentum: float = 0.9

    def step(self, t: int, theta: Array, g: Array, K: Array, v: Array) -> None:
        """Apply v ← μ v + g; θ ← θ - η v."""
        v *= self.momentum
        v += g
        theta -= np.multiply(v, self.learning_rate, out=g)


@dataclass(frozen=True)
class Nesterov(InBlocks):
    """v ← μ v + g; θ ← θ - η (g + μ v) (Nesterov 1983, in the form of Bengio et al. 2013: θ is the point ahead)."""

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    learning_rate: float = 0.05
    momentum: float = 0.9

    def step(self, t: int, theta: Array, g: Array, K: Array, v: Array) -> None:
        """Apply v ← μ v + g; θ ← θ - η (g + μ v)."""
        v *= self.momentum
        v += g
        g += np.multiply(v, self.momentum, out=K)
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Adagrad(InBlocks):
    """s ← s + g²; θ ← θ - η g / (√s + ε) (Duchi et al. 2011)."""

    slots: ClassVar[tuple[str, ...]] = ("square",)
    learning_rate: float = 0.01
    epsilon: float = 1e-10

    def step(self, t: int, theta: Array, g: Array, K: Array, s: Array) -> None:
        """Apply s ← s + g²; θ ← θ - η g / (√s + ε)."""
        s += np.multiply(g, g, out=K)
        np.sqrt(s, out=K)
        K += self.epsilon
        g /= K
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Adadelta(InBlocks):
    """s ← ρ s + (1-ρ) g²; Δ = g √(u+ε) / √(s+ε); u ← ρ u + (1-ρ) Δ²; θ ← θ - η Δ (Zeiler 2012, where η = 1)."""

    slots: ClassVar[tuple[str, ...]] = ("square", "change")
    learning_rate: float = 1.0
    rho: float = 0.95
    epsilon: float = 1e-6

    def step(self, t: int, theta: Array, g: Array, K: Array, s: Array, u: Array) -> None:
        """Apply Δ = g √(u+ε) / √(s+ε); θ ← θ - η Δ."""
        blend(s, np.multiply(g, g, out=K), self.rho, K)
        np.add(u, self.epsilon, out=K)
        g *= np.sqrt(K, out=K)
        np.add(s, self.epsilon, out=K)
        g /= np.sqrt(K, out=K)
        blend(u, np.multiply(g, g, out=K), self.rho, K)
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class RMSprop(InBlocks):
    """s ← ρ s + (1-ρ) g²; θ ← θ - η g / (√s + ε) (Tieleman and Hinton 2012, lecture 6.5)."""

    slots: ClassVar[tuple[str, ...]] = ("square",)
    learning_rate: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-8

    def step(self, t: int, theta: Array, g: Array, K: Array, s: Array) -> None:
        """Apply s ← ρ s + (1-ρ) g²; θ ← θ - η g / (√s + ε)."""
        blend(s, np.multiply(g, g, out=K), self.rho, K)
        np.sqrt(s, out=K)
        K += self.epsilon
        g /= K
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Adam(InBlocks):
    """Moving means of g and g², corrected for their start at 0 (Kingma and Ba 2015, algorithm 1)."""

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def step(self, t: int, theta: Array, g: Array, K: Array, m: Array, v: Array) -> None:
        """Apply m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; θ ← θ - η m̂ / (√v̂ + ε)."""
        blend(m, g, self.beta1, K)
        self._square(t, g, v)
        np.divide(m, g, out=g)
        g *= self.learning_rate / (1 - self.beta1 ** (t + 1))
        theta -= g

    def _square(self, t: int, g: Array, v: Array) -> None:
        """Apply v ← β₂ v + (1-β₂) g², and write √v̂ + ε into g, v̂ = v / (1 - β₂^{t+1})."""
        np.multiply(g, g, out=g)
        blend(v, g, self.beta2, g)
        np.sqrt(v, out=g)
        g /= math.sqrt(1 - self.beta2 ** (t + 1))
        g += self.epsilon


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weights decay by themselves: θ ← θ - η (m̂ / (√v̂ + ε) + λ θ) (Loshchilov and Hutter 2019)."""

    weight_decay: float = 0.01

    def step(self, t: int, theta: Array, g: Array, K: Array, m: Array, v: Array) -> None:
        """Apply θ ← (1 - η λ) θ, then Adam."""
        theta *= 1 - self.learning_rate * self.weight_decay
        super().step(t, theta, g, K, m, v)


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam with Nesterov's momentum: m̂ = β₁ m / (1-β₁^{t+2}) + (1-β₁) g / (1-β₁^{t+1}) (Dozat 2016)."""

    learning_rate: float = 0.002

    def step(self, t: int, theta: Array, g: Array, K: Array, m: Array, v: Array) -> None:
        """Apply m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; θ ← θ - η m̂ / (√v̂ + ε)."""
        blend(m, g, self.beta1, K)
        K /= 1 - self.beta1 ** (t + 1)
        self._square(t, g, v)
        K /= g
        np.divide(m, g, out=g)
        g *= self.beta1 / (1 - self.beta1 ** (t + 2))
        g += K
        g *= self.learning_rate
        theta -= g


@dataclass(frozen=True)
class Lion(InBlocks):
    """c = β₁ m + (1-β₁) g; θ ← θ - η (sign c + λ θ); m ← β₂ m + (1-β₂) g (Chen et al. 2023)."""

    slots: ClassVar[tuple[str, ...]] = ("mean",)
    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def step(self, t: int, theta: Array, g: Array, K: Array, m: Array) -> None:
        """Apply θ ← (1 - η λ) θ - η sign(g + β₁ (m - g)); m ← β₂ m + (1-β₂) g."""
        theta *= 1 - self.learning_rate * self.weight_decay
        np.subtract(m, g, out=K)
        K *= self.beta1
        K += g
        np.sign(K, out=K)
        K *= self.learning_rate
        theta -= K
        blend(m, g, self.beta2, K)


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
