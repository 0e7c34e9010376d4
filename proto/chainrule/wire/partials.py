"""What a worker pushes: sums over the rows of one node of the shard tree."""

import math
import operator
import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xxhash

from chainrule.nn import Array, all_finite, all_modest
from chainrule.v1 import parameters_pb2 as pb


@dataclass(frozen=True)
class Sums:
    """Σ w_i E_i, Σ w_i, the weight of the rows whose largest output is the right one, and sums for other metrics."""

    loss: float = 0.0
    weight: float = 0.0
    right: float = 0.0
    figures: tuple[float, ...] = ()

    def __add__(self, other: "Sums") -> "Sums":
        figures = self.figures or other.figures
        if self.figures and other.figures:
            figures = tuple(map(operator.add, self.figures, other.figures))
        return Sums(self.loss + other.loss, self.weight + other.weight, self.right + other.right, figures)

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return all(map(math.isfinite, (self.loss, self.weight, self.right, *self.figures)))

    def message(self) -> pb.Sums:
        """Return the message of the sums."""
        return pb.Sums(loss=self.loss, weight=self.weight, right=self.right, figures=self.figures)

    @classmethod
    def from_message(cls, message: pb.Sums) -> "Sums":
        """Return the sums of a message."""
        return cls(message.loss, message.weight, message.right, tuple(message.figures))


@dataclass(frozen=True)
class Partial:
    """One node's gradient sum (empty where none was asked for), its training sums and its validation sums.

    A borrowed gradient lies in memory of its worker: it is only read.
    """

    gradient: Array
    training: Sums
    validation: Sums
    borrowed: bool = False

    @cached_property
    def modest(self) -> bool:
        """Whether the gradient is finite, and stays so when others like it are added."""
        return all_modest(self.gradient)

    @cached_property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return self.training.finite and self.validation.finite and (self.modest or all_finite(self.gradient))

    @cached_property
    def digest(self) -> bytes:
        """The hash of gradient and sums, by which partials are compared: XXH3 finds accidents."""
        result = xxhash.xxh3_128(self.gradient.data)
        for sums in (self.training, self.validation):
            numbers = (sums.loss, sums.weight, sums.right, *sums.figures)
            result.update(struct.pack(f"<{len(numbers)}d", *numbers))
        return result.digest()

    def add(self, other: "Partial") -> "Partial":
        """Return the sum; it takes over a gradient buffer of the two, unless both are borrowed."""
        free = [partial.gradient for partial in (self, other) if not partial.borrowed]
        out = free[0] if free else np.empty_like(self.gradient)
        np.add(self.gradient, other.gradient, out=out)
        return Partial(out, self.training + other.training, self.validation + other.validation)
