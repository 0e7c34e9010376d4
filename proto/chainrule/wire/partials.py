"""What a worker pushes: sums over the rows of one node of the shard tree."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule.nn import Array
from chainrule.v1 import parameters_pb2 as pb


@dataclass(frozen=True)
class Sums:
    """Σ w_i E_i, Σ w_i and the weight of the rows whose largest output is the right one."""

    loss: float = 0.0
    weight: float = 0.0
    right: float = 0.0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.loss + other.loss, self.weight + other.weight, self.right + other.right)

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return math.isfinite(self.loss) and math.isfinite(self.weight) and math.isfinite(self.right)

    def message(self) -> pb.Sums:
        """Return the message of the sums."""
        return pb.Sums(loss=self.loss, weight=self.weight, right=self.right)

    @classmethod
    def from_message(cls, message: pb.Sums) -> "Sums":
        """Return the sums of a message."""
        return cls(message.loss, message.weight, message.right)


@dataclass(frozen=True)
class Partial:
    """One node's gradient sum (empty where none was asked for), its training sums and its validation sums."""

    gradient: Array
    training: Sums
    validation: Sums

    def add(self, other: "Partial") -> "Partial":
        """Return the sum; it takes over this partial's gradient buffer."""
        np.add(self.gradient, other.gradient, out=self.gradient)
        return Partial(self.gradient, self.training + other.training, self.validation + other.validation)
