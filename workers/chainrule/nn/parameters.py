"""The weights W^L and biases B^L of a network, in one flat buffer."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from chainrule.nn.arrays import Array, aligned_empty


def parameter_count(sizes: Sequence[int]) -> int:
    """Return the number of weights and biases: Σ_L n^L (n^{L-1} + 1)."""
    return sum(n * (m + 1) for m, n in itertools.pairwise(sizes))


@dataclass(frozen=True)
class Parameters:
    """W^1, B^1, W^2, B^2, ... lying one after the other in `flat`; also the shape of a gradient and of optimizer state.

    W[L] is (n^L, n^{L-1}), B[L] is (n^L,), both views of `flat`, for L = 1..N.
    """

    flat: Array
    W: dict[int, Array]
    B: dict[int, Array]

    @classmethod
    def view(cls, flat: Array, sizes: Sequence[int]) -> "Parameters":
        """Lay W and B over `flat`, which must hold exactly `parameter_count(sizes)` numbers."""
        if flat.shape != (parameter_count(sizes),):
            raise ValueError(f"the buffer's shape is {flat.shape}, the network needs ({parameter_count(sizes)},)")
        W, B, start = {}, {}, 0
        for L, (m, n) in enumerate(itertools.pairwise(sizes), start=1):
            W[L] = flat[start : start + n * m].reshape(n, m)
            B[L] = flat[start + n * m : start + n * (m + 1)]
            start += n * (m + 1)
        return cls(flat, W, B)

    @classmethod
    def empty(cls, sizes: Sequence[int], dtype: DTypeLike = np.float32) -> "Parameters":
        """Return uninitialised parameters in a new 64-byte aligned buffer."""
        return cls.view(aligned_empty(parameter_count(sizes), dtype), sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """n^0..n^N."""
        return self.W[1].shape[1], *(len(W) for W in self.W.values())

    def layers(self) -> Iterator[tuple[int, Array]]:
        """Yield (L, the part of the flat buffer that W^L and B^L are)."""
        return ((L, self.flat[part]) for L, part in self.parts.items())

    @cached_property
    def parts(self) -> dict[int, slice]:
        """L -> where W^L and B^L are in the flat buffer."""
        ends = itertools.accumulate(W.size + len(B) for W, B in zip(self.W.values(), self.B.values(), strict=True))
        return {L: slice(*ends) for L, ends in zip(self.W, itertools.pairwise((0, *ends)), strict=True)}

    def named(self) -> Iterator[tuple[str, Array]]:
        """Yield ("W1", W^1), ("B1", B^1), ("W2", W^2), ... in the order of the flat buffer."""
        for L in self.W:
            yield f"W{L}", self.W[L]
            yield f"B{L}", self.B[L]
