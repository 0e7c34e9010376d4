"""Optimizers that give each weight a step size of its own, by the squares of its gradients so far."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.nn.arrays import Array
from chainrule.nn.in_blocks import InBlocks, Numbers


def descend(theta: Array, x: Array, s: Array, rate: Array, epsilon: Array, K: Array) -> None:
    """θ ← θ - η x / (√s + ε)."""
    np.sqrt(s, out=K)
    K += epsilon
    np.divide(x, K, out=K)
    K *= rate
    theta -= K


@dataclass(frozen=True)
class Adagrad(InBlocks):
    """s ← s + g²; θ ← θ - η g / (√s + ε) (Duchi et al. 2011)."""

    slots: ClassVar[tuple[str, ...]] = ("square",)
    learning_rate: float = 0.01
    epsilon: float = 1e-10

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η and ε."""
        return self.learning_rate, self.epsilon

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, s: Array) -> None:
        """Apply s ← s + g²; θ ← θ - η g / (√s + ε)."""
        (rate, epsilon), K = numbers, work[0]
        s += np.square(g, out=K)
        descend(theta, g, s, rate, epsilon, K)


@dataclass(frozen=True)
class Adadelta(InBlocks):
    """s ← ρ s + (1-ρ) g²; Δ = g √(u+ε) / √(s+ε); u ← ρ u + (1-ρ) Δ²; θ ← θ - η Δ (Zeiler 2012, where η = 1)."""

    slots: ClassVar[tuple[str, ...]] = ("square", "change")
    learning_rate: float = 1.0
    rho: float = 0.95
    epsilon: float = 1e-6

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η, ρ and ε / (1-ρ)."""
        return self.learning_rate, self.rho, self.epsilon / (1 - self.rho)

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, s: Array, u: Array) -> None:
        """Apply Δ = g √((u+ε) / (s+ε)); θ ← θ - η Δ."""
        (rate, rho, epsilon), (K, J) = numbers, work
        s *= rho
        s += np.square(g, out=K)
        np.add(u, epsilon, out=K)
        K /= np.add(s, epsilon, out=J)
        np.sqrt(K, out=K)
        K *= g
        u *= rho
        u += np.square(K, out=J)
        if self.learning_rate != 1:
            K *= rate
        theta -= K


@dataclass(frozen=True)
class RMSprop(InBlocks):
    """s ← ρ s + (1-ρ) g²; θ ← θ - η g / (√s + ε) (Tieleman and Hinton 2012, lecture 6.5)."""

    slots: ClassVar[tuple[str, ...]] = ("square",)
    learning_rate: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-8

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return η / √(1-ρ), ρ and ε / √(1-ρ)."""
        scale = math.sqrt(1 - self.rho)
        return self.learning_rate / scale, self.rho, self.epsilon / scale

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, s: Array) -> None:
        """Apply s ← ρ s + g²; θ ← θ - η g / (√s + ε), for a scaled s."""
        (rate, rho, epsilon), K = numbers, work[0]
        s *= rho
        s += np.square(g, out=K)
        descend(theta, g, s, rate, epsilon, K)


@dataclass(frozen=True)
class Adam(InBlocks):
    """m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; θ ← θ - η m̂ / (√v̂ + ε) (Kingma and Ba 2015, algorithm 1).

    m̂ = m / (1-β₁^{t+1}) and v̂ = v / (1-β₂^{t+1}) are corrected for their start at 0.
    """

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return what m is multiplied by, β₁, β₂ and ε, for scaled m and v: (1-β₁) m and (1-β₂) v are the means."""
        scale = math.sqrt((1 - self.beta2) / (1 - self.beta2 ** (t + 1)))
        rate = self.learning_rate * (1 - self.beta1) / (1 - self.beta1 ** (t + 1))
        return rate / scale, self.beta1, self.beta2, self.epsilon / scale

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, m: Array, v: Array) -> None:
        """Apply m ← β₁ m + g; v ← β₂ v + g²; θ ← θ - η m / (√v + ε), for scaled m and v."""
        rate, beta1, beta2, epsilon = numbers
        update_moments(g, beta1, beta2, work[0], m, v)
        descend(theta, m, v, rate, epsilon, work[0])


def update_moments(g: Array, beta1: Array, beta2: Array, K: Array, m: Array, v: Array) -> None:
    """Apply m ← β₁ m + g; v ← β₂ v + g²."""
    m *= beta1
    m += g
    v *= beta2
    v += np.square(g, out=K)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weights decay by themselves: θ ← θ - η (m̂ / (√v̂ + ε) + λ θ) (Loshchilov and Hutter 2019).

    θ are all parameters: biases decay, too, as by default in PyTorch; L2 regularisation leaves them alone.
    """

    weight_decay: float = 0.01

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return Adam's and 1 - η λ."""
        return *super().numbers(t), 1 - self.learning_rate * self.weight_decay

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, m: Array, v: Array) -> None:
        """Apply θ ← (1 - η λ) θ, then Adam."""
        *adam, kept = numbers
        theta *= kept
        super().step(adam, theta, g, work, m, v)


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam with Nesterov's momentum: m̂ = β₁ m / (1-β₁^{t+2}) + (1-β₁) g / (1-β₁^{t+1}) (Dozat 2016).

    The momentum is β₁ at every step. PyTorch's NAdam raises it over thousands of steps, by Dozat's schedule
    μ_t = β₁ (1 - 0.96^{t/250} / 2): its θ differ from these.
    """

    learning_rate: float = 0.002

    def numbers(self, t: int) -> tuple[float, ...]:
        """Return Adam's, and what m is multiplied by beside g."""
        return *super().numbers(t), self.beta1 * (1 - self.beta1 ** (t + 1)) / (1 - self.beta1 ** (t + 2))

    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, m: Array, v: Array) -> None:
        """Apply m ← β₁ m + g; v ← β₂ v + g²; θ ← θ - η (g + μ m) / (√v + ε), for scaled m and v."""
        (rate, beta1, beta2, epsilon, momentum), (K, J) = numbers, work
        update_moments(g, beta1, beta2, K, m, v)
        np.multiply(m, momentum, out=J)
        J += g
        descend(theta, J, v, rate, epsilon, K)
