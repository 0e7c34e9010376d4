"""What all optimizers share: an update goes through the flat buffers block by block."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from chainrule.nn.arrays import BLOCK, Array, aligned_empty
from chainrule.nn.mean import Mean
from chainrule.nn.threads import in_parts

Numbers: TypeAlias = Sequence[Array]
"""Arrays without a dimension: an optimizer's hyperparameters at a version, in the type of θ."""


class Optimizer(Protocol):
    """What the parameter server asks of an optimizer."""

    slots: ClassVar[tuple[str, ...]]

    @property
    def learning_rate(self) -> float:
        """η, before a schedule has its say."""
        ...

    def update(self, theta: Array, g: Array | Mean, state: dict[str, Array], t: int) -> None:
        """Overwrite θ_t by θ_{t+1} and the state. t counts from 0."""
        ...


class InBlocks(ABC):
    """An optimizer that is written for one block of each buffer. Any blocks give the same bits: all is element-wise.

    An update is bound by the memory: each number is read and written once, and what comes between stays in the cache;
    threads share a large one.
    Sums that decay are kept without their constant factor, s ← β s + x for (1-β) s, which saves a pass.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    learning_rate: float

    def update(self, theta: Array, g: Array | Mean, state: dict[str, Array], t: int) -> None:
        """Overwrite θ_t by θ_{t+1} and the state. t counts from 0."""
        numbers = tuple(np.array(number, theta.dtype) for number in self.numbers(t))  # NumPy is faster with these
        slots = [state[name] for name in self.slots]

        def update(start: int, stop: int) -> None:
            work = aligned_empty((2 + isinstance(g, Mean), min(BLOCK, stop - start)), theta.dtype)
            for first in range(start, stop, BLOCK):
                last = min(first + BLOCK, stop)
                w, own = work[:, : last - first], (slot[first:last] for slot in slots)
                g_ = g.block(first, last, w[2]) if isinstance(g, Mean) else g[first:last]
                self.step(numbers, theta[first:last], g_, w[:2], *own)

        in_parts(update, theta.size)

    @abstractmethod
    def numbers(self, t: int) -> tuple[float, ...]:
        """Return what `step` multiplies and adds at version t."""

    @abstractmethod
    def step(self, numbers: Numbers, theta: Array, g: Array, work: Array, *slots: Any) -> None:
        """Update one block; work has two arrays of its size."""
